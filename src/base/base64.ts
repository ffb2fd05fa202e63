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
  if (compact.length % 4 !== 0 || compact.includes("\f")) return undefined; // atob is content without padding, and drops form feeds
  let binary: string;
  try {
    binary = atob(compact);
  } catch {
    return undefined; // it throws for the alphabet and the padding only
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const last = bytes.subarray(-(bytes.length % 3 || 3)); // where bits may be left over
  return toBase64(last) === compact.slice(-4) ? bytes : undefined;
}
