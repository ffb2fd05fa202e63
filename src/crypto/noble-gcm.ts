/**
 * AES-GCM that runs everywhere, on @noble/ciphers.
 * Spec: NIST SP 800-38D. Threats C05, C10. Not here: the other primitives (noble-provider.ts).
 * @module
 */
import { gcm } from "@noble/ciphers/aes.js";
import { concatBytes, copyBytes } from "../base/bytes.js";
import { gcmTagLength, type GcmCrypto } from "./gcm.js";
import { checkGcm, isGcmInput, openOrNothing } from "./inputs.js";

/** In JavaScript, in Node and in browsers. */
export const nobleGcm: GcmCrypto = {
  seal(key, iv, plaintext) {
    checkGcm(key, iv);
    const sealed = gcm(key, iv).encrypt(plaintext);
    return {
      ciphertext: copyBytes(sealed.subarray(0, plaintext.length)),
      tag: copyBytes(sealed.subarray(plaintext.length)),
    };
  },
  open(key, iv, ciphertext, tag) {
    if (!isGcmInput(key, iv) || tag.length !== gcmTagLength) return undefined;
    return openOrNothing(() => gcm(key, iv).decrypt(concatBytes(ciphertext, tag)));
  },
};
