/** Byte strings: what every layer needs to handle them safely. @module */

/** The byte array that WebCrypto, sockets and stores accept alike (never over a SharedArrayBuffer). */
export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

/** A copy that nobody else can change. Taken once, where bytes come in from outside. */
export function copyBytes(source: Uint8Array): Bytes {
  return new Uint8Array(source);
}

/** `parts` one after the other. */
export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * Equality without a secret-dependent early exit (threats C05, H09).
 * The lengths are not secret; different lengths are simply unequal.
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** True if every byte is zero, without an early exit (an all-zero X25519 result is a failure, RFC 7748 section 6.1). */
export function isAllZero(bytes: Uint8Array): boolean {
  let seen = 0;
  for (const byte of bytes) seen |= byte;
  return seen === 0;
}

/** Overwrites key material that is no longer needed (threats C12). Best effort: engines may hold copies. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0);
}

/** Text as UTF-8. */
export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** UTF-8 as text; `undefined` if the bytes are not valid UTF-8. Nothing is replaced by U+FFFD (threats P05). */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined; // the decoder throws on invalid input only; the caller knows what that means for it
  }
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Hexadecimal of either case; `undefined` if it is not. */
export function fromHex(text: string): Bytes | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
