/**
 * The port to AES-GCM. Apart from provider.ts, so that an application that speaks only `urn:xmpp:omemo:2` does not carry it:
 * the payload cipher of the older OMEMO version is handed its implementation, as shared files will be.
 * Spec: NIST SP 800-38D. Two implementations with identical bytes and failures (threats C05, C10): noble-gcm.ts, node-gcm.ts.
 * @module
 */
import type { Bytes } from "../base/bytes.js";

/** Length of every tag, in bytes; shorter ones are refused (threats C05). */
export const gcmTagLength = 16;

/** AES-GCM output with its tag apart, as OMEMO's legacy version puts them in different places. */
export interface GcmSealed {
  readonly ciphertext: Bytes;
  /** 16 bytes. */
  readonly tag: Bytes;
}

/** AES-128-GCM and AES-256-GCM. Synchronous. It does not commit to its key (threats C11). */
export interface GcmCrypto {
  /** `key` 16 or 32 bytes, `iv` 12 or 16. */
  seal(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): GcmSealed;
  /** `undefined` if the tag is wrong, or for lengths that OMEMO does not have. */
  open(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array, tag: Uint8Array): Bytes | undefined;
}
