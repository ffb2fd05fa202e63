/**
 * Curve25519 that runs everywhere, on @noble/curves. Synchronous. The reference that native curves are held against.
 * Spec: RFC 7748, RFC 8032.
 * Nobody else calls this library for signatures or agreements: its defaults are laxer (threats C02).
 * @module
 */
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concatBytes, equalBytes } from "../base/bytes.js";
import { isStrictSignatureInput } from "./encodings.js";
import { checkCurveKey, lowOrder } from "./inputs.js";
import { fromLittleEndian } from "./little-endian.js";
import type { CurveCrypto } from "./provider.js";

const { Point } = ed25519;
const { Fn } = Point;

/**
 * The equation without cofactor, R compared as bytes: what OpenSSL computes. The library's own check multiplies by the
 * cofactor, and so accepts signatures of keys with a torsion part that native code refuses (threats C02, C10).
 */
function verifyStrictly(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isStrictSignatureInput(publicKey, signature)) return false;
  const encodedR = signature.subarray(0, 32);
  const key = decodePoint(publicKey);
  if (key === undefined) return false;
  const s = fromLittleEndian(signature.subarray(32));
  const h = Fn.create(fromLittleEndian(sha512(concatBytes(encodedR, publicKey, message))));
  const r = Point.BASE.multiplyUnsafe(s).add(key.negate().multiplyUnsafe(h));
  return equalBytes(r.toBytes(), encodedR);
}

function decodePoint(encoded: Uint8Array): ReturnType<typeof Point.fromBytes> | undefined {
  try {
    return Point.fromBytes(encoded, false);
  } catch {
    return undefined; // not on the curve
  }
}

/** In JavaScript, in Node and in browsers. */
export const nobleCurve: CurveCrypto = {
  x25519PublicKey(privateKey) {
    checkCurveKey(privateKey);
    return x25519.getPublicKey(privateKey);
  },
  x25519(privateKey, publicKey) {
    checkCurveKey(privateKey);
    checkCurveKey(publicKey);
    try {
      return x25519.getSharedSecret(privateKey, publicKey);
    } catch {
      throw lowOrder(); // with both lengths right, the library refuses nothing but an all-zero result
    }
  },
  ed25519PublicKey(seed) {
    checkCurveKey(seed);
    return ed25519.getPublicKey(seed);
  },
  ed25519Sign(seed, message) {
    checkCurveKey(seed);
    return ed25519.sign(message, seed);
  },
  ed25519Verify: verifyStrictly,
};
