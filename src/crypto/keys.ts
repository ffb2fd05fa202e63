/**
 * X25519 keys: the branded, validated public key, and key pairs.
 * Spec: RFC 7748 sections 5 and 6.1; XEP-0384 v0.9 #protocol-key_exchange.
 * A u on the twist passes: X25519 is safe with it and no Diffie-Hellman result depends on the difference. Identity keys
 * are held to more (identity-key.ts). Not here: the wire forms with their 05 prefix (session/legacy).
 * @module
 */
import type { Brand } from "../base/brand.js";
import { copyBytes, type Bytes } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import type { Rng } from "../base/rng.js";
import { isCanonicalU, isLowOrderU } from "./encodings.js";
import { CryptoError } from "./errors.js";
import type { CurveCrypto } from "./provider.js";

/** X25519 public key: 32 bytes, canonical, not of low order. */
export type PublicKey = Brand<Bytes, "PublicKey">;

/**
 * Validates and copies a public key from outside (threats C01, C03).
 * @throws CryptoError `ERR_CRYPTO_INVALID_KEY` for a wrong length, a non-canonical encoding or a point of low order.
 */
export function publicKey(raw: Uint8Array): PublicKey {
  if (raw.length !== 32) {
    throw new CryptoError("ERR_CRYPTO_INVALID_KEY", "an X25519 key has 32 bytes", { details: { length: raw.length } });
  }
  // An honest sender emits reduced values only; a second spelling of one key would pass for a new ratchet key.
  if (!isCanonicalU(raw)) throw new CryptoError("ERR_CRYPTO_INVALID_KEY", "an X25519 key is not canonical");
  if (isLowOrderU(raw)) throw new CryptoError("ERR_CRYPTO_INVALID_KEY", "an X25519 key has low order");
  return copyBytes(raw) as PublicKey;
}

/** The key that `read` gives; `undefined` if it throws a {@link CryptoError}. What else it throws is a failure of our own, and passes. */
export function unlessRefused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

/** Both halves of an X25519 key. */
export interface KeyPair {
  /** 32 bytes, clamped: some peers' libraries do not clamp on use (RFC 7748 leaves that to the user of the scalar). */
  readonly privateKey: Bytes;
  readonly publicKey: PublicKey;
}

/** A clamped copy of 32 private bytes (RFC 7748 section 5). */
export function clamp(privateKey: Uint8Array): Bytes {
  invariant(privateKey.length === 32, "a private key has 32 bytes");
  const clamped = copyBytes(privateKey);
  clamped[0] = (clamped[0] as number) & 0xf8;
  clamped[31] = ((clamped[31] as number) & 0x7f) | 0x40;
  return clamped;
}

/** The pair of a private key. Asynchronous only where the curve is. */
export async function keyPairFromPrivate(curve: CurveCrypto, privateKey: Uint8Array): Promise<KeyPair> {
  const clamped = clamp(privateKey);
  return { privateKey: clamped, publicKey: publicKey(await curve.x25519PublicKey(clamped)) };
}

/** A new pair from 32 random bytes. */
export function generateKeyPair(curve: CurveCrypto, rng: Rng): Promise<KeyPair> {
  return keyPairFromPrivate(curve, rng(32));
}
