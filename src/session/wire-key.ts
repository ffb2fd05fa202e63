/**
 * Public keys inside messages, where a bad one is an outcome and no exception.
 * Not here: validation itself (crypto/keys.ts).
 * @module
 */
import { concatBytes, type Bytes } from "../base/bytes.js";
import { CryptoError } from "../crypto/errors.js";
import { publicKey, type PublicKey } from "../crypto/keys.js";

/** Type byte of a Curve25519 key in the older version. */
const curveType = 0x05;

/** A raw key of 32 bytes; `undefined` if absent or not acceptable (threats C01, C03). */
export function parsePublicKey(raw: Uint8Array | undefined): PublicKey | undefined {
  if (raw === undefined) return undefined;
  try {
    return publicKey(raw);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

/** `05 ‖ u`. */
export function writePrefixedKey(key: PublicKey): Bytes {
  return concatBytes(Uint8Array.of(curveType), key);
}

/** @throws CryptoError `ERR_CRYPTO_INVALID_KEY` if it is not `05 ‖ u` with an acceptable u. */
export function readPrefixedKey(wire: Uint8Array): PublicKey {
  if (wire[0] !== curveType) throw new CryptoError("ERR_CRYPTO_INVALID_KEY", "a key of this version begins with its type byte");
  return publicKey(wire.subarray(1));
}

/** As {@link readPrefixedKey}, with `undefined` instead of an error. */
export function parsePrefixedKey(wire: Uint8Array | undefined): PublicKey | undefined {
  return wire?.[0] === curveType ? parsePublicKey(wire.subarray(1)) : undefined;
}
