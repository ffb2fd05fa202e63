/**
 * Which 32 bytes may stand for a point of Curve25519: canonical encodings and the points of small order, by their bytes.
 * Spec: RFC 7748 section 5 (u), RFC 8032 section 5.1.3 (y and the sign of x), section 5.1.7 (S below the group order).
 * Shared by both providers, so that none of them is laxer than the other (threats C02, C03, C10).
 * Not here: whether the bytes are on the curve (identity-key.ts).
 * @module
 */
import { invariant } from "../base/errors.js";
import { fromHex, type Bytes } from "../base/bytes.js";

/** A constant. */
export const known = (hex: string): Bytes => {
  const bytes = fromHex(hex);
  invariant(bytes !== undefined, "a constant in hexadecimal");
  return bytes;
};

/** p = 2^255 - 19, little-endian. */
const fieldPrime = known(`ed${"ff".repeat(30)}7f`);
/** q = 2^252 + 27742317777372353535851937790883648493, little-endian. */
const groupOrder = known("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

/** The u whose multiples by any clamped scalar are zero: orders 1, 2, 4 and 8, on the curve and on its twist. */
const lowOrderU: readonly Uint8Array[] = [
  known("00".repeat(32)),
  known(`01${"00".repeat(31)}`),
  known(`ec${"ff".repeat(30)}7f`),
  known("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
  known("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
];

/** The y of the eight points whose order divides 8 (both signs of x share a y). */
const smallOrderY: readonly Uint8Array[] = [
  known("00".repeat(32)),
  known(`01${"00".repeat(31)}`),
  known(`ec${"ff".repeat(30)}7f`),
  known("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
  known("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
];

/** `value < bound` as little-endian numbers. For public values only: it exits early. */
function isBelow(value: Uint8Array, bound: Uint8Array): boolean {
  for (let i = bound.length - 1; i >= 0; i--) {
    const difference = (value[i] as number) - (bound[i] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function isOneOf(value: Uint8Array, candidates: readonly Uint8Array[]): boolean {
  return candidates.some((candidate) => candidate.every((byte, i) => byte === value[i]));
}

/** `bytes` with bit 255 cleared. */
function withoutTopBit(bytes: Uint8Array): Bytes {
  const copy = new Uint8Array(bytes);
  copy[31] = (copy[31] as number) & 0x7f;
  return copy;
}

/** True for 32 bytes that encode a u below p with bit 255 clear: the only form that an honest X25519 emits. */
export function isCanonicalU(u: Uint8Array): boolean {
  return u.length === 32 && isBelow(u, fieldPrime);
}

/** The canonical form of 32 bytes as X25519 reads them: without bit 255, modulo p (RFC 7748 section 5). */
export function reduceU(u: Uint8Array): Bytes {
  const reduced = withoutTopBit(u);
  // From p to 2^255 - 1 there are 19 numbers, which differ in the lowest byte only.
  return isBelow(reduced, fieldPrime) ? reduced : Uint8Array.from(reduced, (byte, i) => (i === 0 ? byte - 0xed : 0));
}

/** True for a canonical u that gives the all-zero result with every private key (RFC 7748 section 6.1). */
export function isLowOrderU(u: Uint8Array): boolean {
  return isOneOf(u, lowOrderU);
}

/** True for 32 bytes whose lower 255 bits are a y below p. Bit 255 is the sign of x. */
export function isCanonicalEdwards(encoded: Uint8Array): boolean {
  return encoded.length === 32 && isBelow(withoutTopBit(encoded), fieldPrime);
}

/** True for a canonical encoding with the y of a point of order 1, 2, 4 or 8, whatever its sign bit. */
export function isSmallOrderEdwards(encoded: Uint8Array): boolean {
  return isOneOf(withoutTopBit(encoded), smallOrderY);
}

/**
 * What a signature and its key must fulfil before any arithmetic: lengths, canonical key of no small order, canonical y of R,
 * S below q. Providers then check the equation without cofactor, comparing R byte for byte; so what is left of second spellings fails there.
 */
export function isStrictSignatureInput(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    signature.length === 64 &&
    isCanonicalEdwards(signature.subarray(0, 32)) &&
    isBelow(signature.subarray(32), groupOrder) &&
    isCanonicalEdwards(publicKey) &&
    !isSmallOrderEdwards(publicKey)
  );
}
