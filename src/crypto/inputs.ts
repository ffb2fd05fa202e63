/**
 * What both providers demand of their arguments, so that they refuse alike (threats C10).
 * @module
 */
import { invariant } from "../base/errors.js";
import { CryptoError } from "./errors.js";

/** @throws CryptoError `ERR_CRYPTO_INVALID_KEY` unless the curve key has 32 bytes. */
export function checkCurveKey(key: Uint8Array): void {
  if (key.length !== 32) {
    throw new CryptoError("ERR_CRYPTO_INVALID_KEY", "a curve key has 32 bytes", { details: { length: key.length } });
  }
}

/** The failure of an agreement whose result is all zero (RFC 7748 section 6.1, threats C01). */
export function lowOrder(): CryptoError {
  return new CryptoError("ERR_CRYPTO_LOW_ORDER", "the agreement gives zero: the public key has low order");
}

/** AES-CBC keys and IVs come out of key derivation: a wrong length is our own mistake. */
export function checkCbc(key: Uint8Array, iv: Uint8Array): void {
  invariant(key.length === 32 && iv.length === 16, "AES-256-CBC takes 32 bytes of key and 16 of IV");
}

/** The same for what we seal with GCM. */
export function checkGcm(key: Uint8Array, iv: Uint8Array): void {
  invariant(isGcmInput(key, iv), "AES-GCM takes 16 or 32 bytes of key and 12 or 16 of IV");
}

/** False for lengths that a peer chose wrongly: what they belong to does not open. */
export function isGcmInput(key: Uint8Array, iv: Uint8Array): boolean {
  return (key.length === 16 || key.length === 32) && (iv.length === 12 || iv.length === 16);
}

/** HKDF can give 255 blocks (RFC 5869 section 2.3). */
export function checkHkdf(length: number): void {
  invariant(Number.isInteger(length) && length > 0 && length <= 255 * 32, "HKDF-SHA-256 gives 1 to 8160 bytes");
}

/** Runs `open`; `undefined` where the library beneath throws on padding, length or tag. */
export function openOrNothing<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch {
    return undefined; // lengths of key and IV were checked before, so only the ciphertext can be at fault
  }
}
