/**
 * XEdDSA: Ed25519 signatures by Curve25519 keys.
 * Spec: Signal "XEdDSA and VXEdDSA" sections 2 and 3.
 * Signing is needed only with an identity that is a bare scalar (imported); our own identities are Ed25519 seeds.
 * BigInt arithmetic is not constant-time: one signature per prekey rotation, made locally, is what it is for.
 * Not here: plain Ed25519 (provider.ts); the check of what it makes (legacy-signature.ts), which needs no secret.
 * @module
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { concatBytes, copyBytes, wipe, type Bytes } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import type { Rng } from "../base/rng.js";
import type { IdentityKey } from "./identity-key.js";
import { clamp } from "./keys.js";
import { fromLittleEndian, toLittleEndian } from "./little-endian.js";
import type { SymmetricCrypto } from "./provider.js";

const { Point } = ed25519;
const { Fn } = Point;
const order = Fn.ORDER;

/** The Ed25519 key k·B of a Curve25519 private key, with the sign bit that it has. */
export function edwardsKeyOfPrivate(privateKey: Uint8Array): IdentityKey {
  const scalar = fromLittleEndian(clamp(privateKey)) % order;
  // A multiple of the base point is in the prime-order subgroup by construction.
  return copyBytes(Point.BASE.multiply(scalar).toBytes()) as IdentityKey;
}

/**
 * The scalar (32 bytes, little-endian) whose public key has the wanted sign bit: k itself, or -k reduced modulo the
 * group order. The negated one is not clamped any more.
 */
export function scalarWithSign(privateKey: Uint8Array, signBit: 0 | 1): Bytes {
  const scalar = clamp(privateKey);
  const actual = (edwardsKeyOfPrivate(scalar)[31] as number) >> 7;
  return actual === signBit ? scalar : toLittleEndian(order - (fromLittleEndian(scalar) % order));
}

/** What the signature verifies under. */
export type SigningForm =
  | "xeddsa" // the Edwards key with sign bit 0
  | "as-is"; // the Edwards key of the scalar with whatever sign it has

/**
 * Signs with a Curve25519 private key; 64 bytes. `rng` supplies the 64 bytes of Z.
 */
export function xeddsaSign(
  symmetric: SymmetricCrypto,
  rng: Rng,
  privateKey: Uint8Array,
  message: Uint8Array,
  form: SigningForm = "xeddsa",
): Bytes {
  const nonce = rng(64);
  invariant(nonce.length === 64, "XEdDSA needs 64 random bytes");
  const key = copyBytes(edwardsKeyOfPrivate(privateKey));
  if (form === "xeddsa") key[31] = (key[31] as number) & 0x7f;
  const scalar = form === "xeddsa" ? scalarWithSign(privateKey, 0) : clamp(privateKey);
  // hash_1: 2^256 - 1 - 1 in little-endian parts its input from every encoded point.
  const separator = new Uint8Array(32).fill(0xff);
  separator[0] = 0xfe;
  const seedOfR = concatBytes(separator, scalar, message, nonce);
  const r = fromLittleEndian(symmetric.sha512(seedOfR)) % order;
  const encodedR = Point.BASE.multiply(r).toBytes();
  const h = fromLittleEndian(symmetric.sha512(concatBytes(encodedR, key, message))) % order;
  const s = (r + h * (fromLittleEndian(scalar) % order)) % order;
  wipe(seedOfR, scalar, nonce);
  return concatBytes(encodedR, toLittleEndian(s));
}
