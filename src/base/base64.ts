/** Strict base64 (RFC 4648 section 4), with the white space that XMPP peers put into it. @module */
import type { Bytes } from "./bytes.js";

const chunkLength = 0x8000; // arguments of one String.fromCharCode call

/** Standard alphabet, padded. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += chunkLength) {
    // Not spread: that goes through an iterator, ten times as slow.
    binary += String.fromCharCode.apply(undefined, bytes.subarray(i, i + chunkLength) as unknown as number[]);
  }
  return btoa(binary);
}

/**
 * Decodes base64; XML white space anywhere is dropped first (line breaks at 60, 64 and 76 characters are common).
 * Otherwise strict: alphabet, padding and zero trailing bits (threats C07). `undefined` if it is not base64.
 */
export function fromBase64(text: string): Bytes | undefined {
  const compact = text.replace(/[ \t\r\n]+/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return undefined;
  const binary = atob(compact);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return compact.endsWith("=") && toBase64(bytes) !== compact ? undefined : bytes;
}
