/**
 * The provider for Node: its native crypto, synchronous, with the same results and refusals as noble-provider.ts.
 * Spec: RFC 7748, RFC 8032, RFC 2104, RFC 5869, NIST SP 800-38A.
 * A generated KeyObject is never exported: on Node 20 that can hang the process. Keys are random bytes, imported.
 * @module
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, createPublicKey, diffieHellman, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { concatBytes, isAllZero, type Bytes } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import { isStrictSignatureInput } from "./encodings.js";
import { checkCbc, checkCurveKey, checkHkdf, lowOrder, openOrNothing } from "./inputs.js";
import { plain } from "./node-bytes.js";
import { NodeKeyCache, type JwkCurve } from "./node-key-cache.js";
import type { CryptoProvider, CurveCrypto, SymmetricCrypto } from "./provider.js";

function hmacSha256(key: Uint8Array, data: Uint8Array): Bytes {
  return plain(createHmac("sha256", key).update(data).digest());
}

/** RFC 5869 section 2.3. Its HMACs one by one cost less than half of hkdfSync, which sets up a job and a key object per call. */
function expand(pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Bytes {
  const output = new Uint8Array(length);
  let block: Bytes = new Uint8Array(0);
  for (let offset = 0, n = 1; offset < length; offset += block.length, n++) {
    block = hmacSha256(pseudorandomKey, concatBytes(block, info, Uint8Array.of(n)));
    output.set(block.subarray(0, length - offset), offset);
  }
  return output;
}

const symmetric: SymmetricCrypto = {
  sha256: (data) => plain(createHash("sha256").update(data).digest()),
  sha512: (data) => plain(createHash("sha512").update(data).digest()),
  hmacSha256,
  hkdfSha256(salt, inputKey, info, length) {
    checkHkdf(length);
    return expand(hmacSha256(salt, inputKey), info, length);
  },
  aesCbcEncrypt(key, iv, plaintext) {
    checkCbc(key, iv);
    const cipher = createCipheriv("aes-256-cbc", key, iv);
    return concatBytes(cipher.update(plaintext), cipher.final());
  },
  aesCbcDecrypt(key, iv, ciphertext) {
    checkCbc(key, iv);
    const cipher = createDecipheriv("aes-256-cbc", key, iv);
    return openOrNothing(() => concatBytes(cipher.update(ciphertext), cipher.final()));
  },
};

function importPublic(curve: JwkCurve, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: curve, x: Buffer.from(raw).toString("base64url") }, format: "jwk" });
}

/** The public half of an imported private key. */
function publicHalf(privateKey: KeyObject): Bytes {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  invariant(x !== undefined, "Node exports x of an OKP key");
  return new Uint8Array(Buffer.from(x, "base64url"));
}

function deriveOrNothing(privateKey: KeyObject, publicKey: KeyObject): Bytes | undefined {
  try {
    return plain(diffieHellman({ privateKey, publicKey }));
  } catch {
    return undefined; // both keys are imported, so the derivation fails for nothing but an all-zero result
  }
}

function nodeCurve(): CurveCrypto {
  const agreementKeys = new NodeKeyCache("X25519");
  const signingKeys = new NodeKeyCache("Ed25519");
  return {
    x25519PublicKey(privateKey) {
      checkCurveKey(privateKey);
      return publicHalf(agreementKeys.get(privateKey));
    },
    x25519(privateKey, publicKey) {
      checkCurveKey(privateKey);
      checkCurveKey(publicKey);
      const shared = deriveOrNothing(agreementKeys.get(privateKey), importPublic("X25519", publicKey));
      // OpenSSL refuses an all-zero result itself; other builds of Node's crypto need not.
      if (shared === undefined || isAllZero(shared)) throw lowOrder();
      return shared;
    },
    ed25519PublicKey(seed) {
      checkCurveKey(seed);
      return publicHalf(signingKeys.get(seed));
    },
    ed25519Sign(seed, message) {
      checkCurveKey(seed);
      return plain(sign(null, message, signingKeys.get(seed)));
    },
    ed25519Verify(publicKey, message, signature) {
      // OpenSSL alone would take keys of small order and non-canonical ones (threats C02, C10).
      if (!isStrictSignatureInput(publicKey, signature)) return false;
      return verify(null, message, importPublic("Ed25519", publicKey), signature);
    },
  };
}

/** Node's native crypto with a cache of imported keys of its own: accounts in one process share none. */
export const createNodeProvider = (): CryptoProvider => ({ name: "node", symmetric, curve: nodeCurve() });

/** One for whoever needs no other. */
export const nodeProvider: CryptoProvider = createNodeProvider();
