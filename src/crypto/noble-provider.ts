/**
 * The provider that runs everywhere: @noble/curves, @noble/hashes, @noble/ciphers. Synchronous throughout.
 * Spec: RFC 7748, RFC 8032, RFC 2104, RFC 5869, NIST SP 800-38A.
 * Nobody else calls these libraries for signatures, agreements or ciphers: their defaults are laxer (threats C02).
 * @module
 */
import { cbc } from "@noble/ciphers/aes.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { concatBytes, equalBytes, type Bytes } from "../base/bytes.js";
import { isStrictSignatureInput } from "./encodings.js";
import { checkCbc, checkCurveKey, checkHkdf, lowOrder, openOrNothing } from "./inputs.js";
import type { CryptoProvider, CurveCrypto, SymmetricCrypto } from "./provider.js";

const { Point } = ed25519;
const { Fn } = Point;

const nobleSymmetric: SymmetricCrypto = {
  sha256: (data) => sha256(data),
  sha512: (data) => sha512(data),
  hmacSha256: (key, data) => hmac(sha256, key, data),
  hkdfSha256(salt, inputKey, info, length) {
    checkHkdf(length);
    return hkdf(sha256, inputKey, salt, info, length);
  },
  aesCbcEncrypt(key, iv, plaintext) {
    checkCbc(key, iv);
    return cbc(key, iv).encrypt(plaintext);
  },
  aesCbcDecrypt(key, iv, ciphertext) {
    checkCbc(key, iv);
    return openOrNothing(() => cbc(key, iv).decrypt(ciphertext));
  },
};

function agree(privateKey: Uint8Array, publicKey: Uint8Array): Bytes {
  checkCurveKey(privateKey);
  checkCurveKey(publicKey);
  try {
    return x25519.getSharedSecret(privateKey, publicKey);
  } catch {
    throw lowOrder(); // with both lengths right, the library refuses nothing but an all-zero result
  }
}

/**
 * The equation without cofactor, R compared as bytes: what OpenSSL computes. The library's own check multiplies by the
 * cofactor, and so accepts signatures of keys with a torsion part that native code refuses (threats C02, C10).
 */
function verifyStrictly(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isStrictSignatureInput(publicKey, signature)) return false;
  const encodedR = signature.subarray(0, 32);
  const key = decodePoint(publicKey);
  if (key === undefined) return false;
  const s = littleEndian(signature.subarray(32));
  const h = Fn.create(littleEndian(sha512(concatBytes(encodedR, publicKey, message))));
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

function littleEndian(bytes: Uint8Array): bigint {
  let hex = "";
  for (let i = bytes.length - 1; i >= 0; i--) hex += (bytes[i] as number).toString(16).padStart(2, "0");
  return BigInt(`0x${hex}`);
}

const nobleCurve: CurveCrypto = {
  x25519PublicKey(privateKey) {
    checkCurveKey(privateKey);
    return x25519.getPublicKey(privateKey);
  },
  x25519: agree,
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

/** Everything in JavaScript, in Node and in browsers. */
export const nobleProvider: CryptoProvider = { name: "noble", symmetric: nobleSymmetric, curve: nobleCurve };
