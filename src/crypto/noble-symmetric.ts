/**
 * Hashes, MACs, key derivation and AES-CBC that run everywhere, on @noble/hashes and @noble/ciphers.
 * Spec: FIPS 180-4, RFC 2104, RFC 5869, NIST SP 800-38A.
 * Not here: the curve (noble-curve.ts), which browsers load only where the platform lacks it.
 * @module
 */
import { cbc } from "@noble/ciphers/aes.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { checkCbc, checkHkdf, openOrNothing } from "./inputs.js";
import type { SymmetricCrypto } from "./provider.js";

/** Synchronous, so that no ratchet step can be interrupted. */
export const nobleSymmetric: SymmetricCrypto = {
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
