/**
 * The one door to cryptographic primitives. All implementations must produce identical bytes and identical failures (threats
 * C10): noble-provider.ts everywhere, node-provider.ts on Node's native crypto, webcrypto-provider.ts on the curves of browsers.
 *
 * Symmetric work is synchronous in every world. Curve work may be awaited (WebCrypto), so its *results* are inputs of the
 * pure steps; nothing in crypto/ awaits (docs/architecture.md, Curve results are inputs).
 * Not here: AES-GCM, which only the older OMEMO version needs (gcm.ts).
 * @module
 */
import type { Bytes } from "../base/bytes.js";

/** At once in Node and in noble, awaited where the curve belongs to WebCrypto. */
export type MaybePromise<T> = T | Promise<T>;

/** Hashes, MACs, key derivation and ciphers. All synchronous. */
export interface SymmetricCrypto {
  /** FIPS 180-4, 32 bytes. */
  sha256(data: Uint8Array): Bytes;
  /** FIPS 180-4, 64 bytes. */
  sha512(data: Uint8Array): Bytes;
  /** RFC 2104, 32 bytes. */
  hmacSha256(key: Uint8Array, data: Uint8Array): Bytes;
  /** RFC 5869. `length` in bytes, at most 255 * 32. */
  hkdfSha256(salt: Uint8Array, inputKey: Uint8Array, info: Uint8Array, length: number): Bytes;
  /** PKCS#7 padding. `key` 32 bytes, `iv` 16. */
  aesCbcEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Bytes;
  /** `undefined` on bad padding or length; callers authenticate first (threats C06). */
  aesCbcDecrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Bytes | undefined;
}

/** Curve25519 in both forms. Inputs are raw 32-byte strings; private X25519 keys are clamped on use. */
export interface CurveCrypto {
  /** Public half of an X25519 private key. */
  x25519PublicKey(privateKey: Uint8Array): MaybePromise<Bytes>;
  /** RFC 7748. @throws CryptoError `ERR_CRYPTO_LOW_ORDER` if the result is all zero (threats C01). */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): MaybePromise<Bytes>;
  /** RFC 8032 public key of a seed. */
  ed25519PublicKey(seed: Uint8Array): MaybePromise<Bytes>;
  /** RFC 8032 signature, 64 bytes. */
  ed25519Sign(seed: Uint8Array, message: Uint8Array): MaybePromise<Bytes>;
  /** Strict: S below the group order, canonical encodings, no small-order key (threats C02). */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): MaybePromise<boolean>;
}

/** A complete set of primitives. */
export interface CryptoProvider {
  readonly name: string;
  readonly symmetric: SymmetricCrypto;
  readonly curve: CurveCrypto;
}
