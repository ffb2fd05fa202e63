/**
 * Identity keys: Ed25519 points, kept in that form, and their X25519 form.
 * Spec: XEP-0384 v0.9 #protocol-key_exchange; RFC 7748 section 4.1 (birational map), RFC 8032 section 5.1.3.
 *
 * The map loses the sign of x: two Ed25519 keys share a u. We generate keys with sign bit 0, so that our own two forms
 * convert both ways; a received key keeps the bit it came with (threats C04).
 * Not here: trust in a key (session/trust), fingerprints (fingerprint.ts).
 * @module
 */
import type { Brand } from "../base/brand.js";
import { copyBytes, toHex, wipe, type Bytes } from "../base/bytes.js";
import { InternalError } from "../base/errors.js";
import { Recent } from "../base/recent.js";
import type { Rng } from "../base/rng.js";
import { edwardsOfU, isInPrimeSubgroup, isOnCurve, uOfEdwards } from "./curve-forms.js";
import { isCanonicalEdwards, isSmallOrderEdwards } from "./encodings.js";
import { CryptoError } from "./errors.js";
import { clamp, publicKey, type PublicKey } from "./keys.js";
import type { CryptoProvider, SymmetricCrypto } from "./provider.js";

/** Draws until the sign bit is 0 fail with a probability of 2^-128 unless the generator is broken. */
const drawsMax = 128;

/** Ed25519 public key: 32 bytes, canonical, on the curve, of prime order. */
export type IdentityKey = Brand<Bytes, "IdentityKey">;

// The same few keys come with every message of a conversation, and the check of the subgroup alone costs a millisecond.
const recentMax = 512;
const valid = new Recent<true>(recentMax);
const curveForms = new Recent<PublicKey>(recentMax);

const invalid = (message: string): CryptoError => new CryptoError("ERR_CRYPTO_INVALID_KEY", message);

/**
 * Validates and copies an identity key from outside (threats C03).
 * @throws CryptoError `ERR_CRYPTO_INVALID_KEY` for a wrong length, a non-canonical encoding, bytes that are no point, and
 * points outside the subgroup of prime order (mixed order included).
 */
export function identityKey(raw: Uint8Array): IdentityKey {
  if (raw.length !== 32) throw invalid("an identity key has 32 bytes");
  if (!isCanonicalEdwards(raw)) throw invalid("an identity key is not canonical");
  if (isSmallOrderEdwards(raw)) throw invalid("an identity key has small order");
  valid.get(toHex(raw), () => {
    const u = uOfEdwards(raw);
    if (!isOnCurve(u)) throw invalid("an identity key is not a point of the curve");
    if (!isInPrimeSubgroup(u)) throw invalid("an identity key is outside the prime-order subgroup");
    return true;
  });
  return copyBytes(raw) as IdentityKey;
}

/** 0 or 1: the bit that the X25519 form does not have. */
export function signBitOf(identity: IdentityKey): 0 | 1 {
  return ((identity[31] as number) >> 7) as 0 | 1;
}

/** The X25519 form, u = (1 + y) / (1 - y). Both signs give the same. */
export function toCurve(identity: IdentityKey): PublicKey {
  return copyBytes(curveForms.get(toHex(identity), () => publicKey(uOfEdwards(identity)))) as PublicKey;
}

/**
 * The identity key with this u and this sign, y = (u - 1) / (u + 1).
 * @throws CryptoError `ERR_CRYPTO_INVALID_KEY` if no such point exists (u on the twist) or it is outside the subgroup.
 */
export function identityKeyFromCurve(u: PublicKey, signBit: 0 | 1): IdentityKey {
  // u = p - 1 has no y. A PublicKey never is p - 1, because that u has low order.
  const encoded = edwardsOfU(u);
  encoded[31] = (encoded[31] as number) | (signBit << 7);
  return identityKey(encoded);
}

/** Our own identity: everything that follows from its seed. */
export interface IdentityKeyPair {
  /** 32 bytes, RFC 8032 private key. The only part that needs storing. */
  readonly seed: Bytes;
  readonly publicKey: IdentityKey;
  /** 32 bytes, clamped: the X25519 private key that belongs to `curvePublicKey`. */
  readonly curvePrivateKey: Bytes;
  readonly curvePublicKey: PublicKey;
}

/** The X25519 private key of an Ed25519 seed: the clamped first half of its SHA-512 (RFC 8032 section 5.1.5). */
export function curvePrivateKeyOfSeed(symmetric: SymmetricCrypto, seed: Uint8Array): Bytes {
  const digest = symmetric.sha512(seed);
  const scalar = clamp(digest.subarray(0, 32));
  wipe(digest);
  return scalar;
}

/** @throws CryptoError `ERR_CRYPTO_INVALID_KEY` if the seed does not have 32 bytes. */
export async function identityKeyPairFromSeed(provider: CryptoProvider, seed: Uint8Array): Promise<IdentityKeyPair> {
  const own = copyBytes(seed);
  // Made by ourselves: valid by construction, so the costly check of the subgroup is left out.
  const edwards = copyBytes(await provider.curve.ed25519PublicKey(own)) as IdentityKey;
  return {
    seed: own,
    publicKey: edwards,
    curvePrivateKey: curvePrivateKeyOfSeed(provider.symmetric, own),
    curvePublicKey: toCurve(edwards),
  };
}

/**
 * A new identity whose Ed25519 form has sign bit 0.
 * @throws InternalError if the random numbers are not random.
 */
export async function generateIdentityKeyPair(provider: CryptoProvider, rng: Rng): Promise<IdentityKeyPair> {
  for (let draw = 0; draw < drawsMax; draw++) {
    const seed = rng(32);
    const pair = await identityKeyPairFromSeed(provider, seed);
    wipe(seed);
    if (signBitOf(pair.publicKey) === 0) return pair;
    wipe(pair.seed, pair.curvePrivateKey);
  }
  throw new InternalError("the source of randomness repeats itself");
}
