/**
 * The shape of a case of the provider contract, and its ways to say what was broken.
 * @module
 */
import { fromHex, toHex, type Bytes } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import { CryptoError } from "../crypto/errors.js";
import type { CryptoProvider } from "../crypto/provider.js";

/** One promise of the port. `run` fails with an InternalError that says what was broken. */
export interface ProviderCase {
  /** A sentence. */
  readonly name: string;
  /** Rejects if `provider` breaks the promise. */
  readonly run: (provider: CryptoProvider) => Promise<void>;
}

/** A constant. */
export function hex(text: string): Bytes {
  const bytes = fromHex(text);
  invariant(bytes !== undefined, "a constant in hexadecimal");
  return bytes;
}

/** Fails unless `actual` is this hexadecimal. */
export function same(actual: Uint8Array, expected: string, what: string): void {
  invariant(toHex(actual) === expected, `${what}: wrong bytes`);
}

/** Fails unless the operation is refused with this code of CryptoError. */
export async function refused(operation: () => unknown, code: string, what: string): Promise<void> {
  let caught: unknown;
  try {
    await operation();
  } catch (error) {
    caught = error;
  }
  invariant(caught instanceof CryptoError && caught.code === code, `${what}: not refused with ${code}`);
}

/** Fails unless the operation is refused as a bug of the caller. */
export function refusedAsBug(operation: () => unknown, what: string): void {
  let caught: unknown;
  try {
    operation();
  } catch (error) {
    caught = error;
  }
  invariant(caught instanceof Error && "code" in caught && caught.code === "ERR_INTERNAL", `${what}: not refused`);
}

/** `size` bytes that look random and are the same in every run. */
export function filler(size: number, start: number): Bytes {
  return Uint8Array.from({ length: size }, (_, i) => (start + i * 7 + ((i * i) >> 3)) & 0xff);
}
