/**
 * AES-GCM on Node's native crypto, with the same results and refusals as noble-gcm.ts.
 * Spec: NIST SP 800-38D. Threats C05, C10. Not here: the other primitives (node-provider.ts).
 * @module
 */
import { createCipheriv, createDecipheriv, type CipherGCMTypes } from "node:crypto";
import { concatBytes } from "../base/bytes.js";
import { gcmTagLength, type GcmCrypto } from "./gcm.js";
import { checkGcm, isGcmInput, openOrNothing } from "./inputs.js";
import { plain } from "./node-bytes.js";

function gcmName(key: Uint8Array): CipherGCMTypes {
  return key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
}

/** Native. */
export const nodeGcm: GcmCrypto = {
  seal(key, iv, plaintext) {
    checkGcm(key, iv);
    const cipher = createCipheriv(gcmName(key), key, iv, { authTagLength: gcmTagLength });
    const ciphertext = concatBytes(cipher.update(plaintext), cipher.final());
    return { ciphertext, tag: plain(cipher.getAuthTag()) };
  },
  open(key, iv, ciphertext, tag) {
    if (!isGcmInput(key, iv) || tag.length !== gcmTagLength) return undefined;
    const cipher = createDecipheriv(gcmName(key), key, iv, { authTagLength: gcmTagLength });
    return openOrNothing(() => {
      cipher.setAuthTag(tag);
      return concatBytes(cipher.update(ciphertext), cipher.final());
    });
  },
};
