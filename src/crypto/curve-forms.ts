/**
 * Curve25519's two forms of one point, and whether a point may be an identity. No platform offers this arithmetic, and all
 * of it can be done with u alone, so it stands here instead of a library with both curves.
 * Spec: RFC 7748 sections 4.1 (curve, birational map) and 5 (ladder), RFC 8032 section 5.1 (group order).
 * For public values only: time and memory depend on them. Secrets go through a CryptoProvider.
 * Not here: canonical encodings and small orders (encodings.ts), the keys (identity-key.ts).
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import { fromLittleEndian, toLittleEndian } from "./little-endian.js";

/** The field. */
const p = 2n ** 255n - 19n;
/** Order of the subgroup of prime order. */
const q = 2n ** 252n + 27742317777372353535851937790883648493n;
/** v² = u³ + A·u² + u. */
const a = 486662n;
/** (A - 2) / 4, as the ladder wants it. */
const a24 = 121665n;

const mod = (value: bigint): bigint => ((value % p) + p) % p;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % p;
    square = (square * square) % p;
  }
  return result;
}

/** x / y modulo p; 0 where y is 0. */
const divide = (x: bigint, y: bigint): bigint => mod(x * power(mod(y), p - 2n));

/** The X25519 form of a canonical Edwards encoding: u = (1 + y) / (1 - y). The sign of x is lost. */
export function uOfEdwards(encoded: Uint8Array): Bytes {
  const y = fromLittleEndian(encoded) & (2n ** 255n - 1n);
  return toLittleEndian(divide(1n + y, 1n - y));
}

/** The Edwards encoding with this u and the sign bit 0: y = (u - 1) / (u + 1). */
export function edwardsOfU(u: Uint8Array): Bytes {
  const value = fromLittleEndian(u);
  return toLittleEndian(divide(value - 1n, value + 1n));
}

/** True if a point of the curve has this u; otherwise it is on the twist. */
export function isOnCurve(u: Uint8Array): boolean {
  const value = fromLittleEndian(u);
  const square = mod(value * (value * value + a * value + 1n));
  return power(square, (p - 1n) / 2n) <= 1n; // Euler's criterion
}

/** True if q times the points with this u is the neutral element: they have no part of order 2, 4 or 8. Of points on the curve only. */
export function isInPrimeSubgroup(u: Uint8Array): boolean {
  const x1 = fromLittleEndian(u);
  // RFC 7748 section 5, with a branch in place of the swaps. (x2 : z2) is a multiple of the point, (x3 : z3) the next one.
  let [x2, z2, x3, z3] = [1n, 0n, x1, 1n];
  for (let bit = 252n; bit >= 0n; bit--) {
    const one = ((q >> bit) & 1n) === 1n;
    if (one) [x2, z2, x3, z3] = [x3, z3, x2, z2];
    const [plus, minus] = [x2 + z2, x2 - z2];
    const [plusSquared, minusSquared] = [(plus * plus) % p, (minus * minus) % p];
    const difference = plusSquared - minusSquared;
    const [da, cb] = [((x3 - z3) * plus) % p, ((x3 + z3) * minus) % p];
    [x3, z3] = [(da + cb) ** 2n % p, (x1 * ((da - cb) ** 2n % p)) % p];
    [x2, z2] = [(plusSquared * minusSquared) % p, (difference * (plusSquared + a24 * difference)) % p];
    if (one) [x2, z2, x3, z3] = [x3, z3, x2, z2];
  }
  return z2 === 0n;
}
