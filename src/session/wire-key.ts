/**
 * Public keys inside messages, where a bad one is an outcome and no exception.
 * Not here: validation itself (crypto/keys.ts, crypto/x3dh/bundle.ts).
 * @module
 */
import { concatBytes, type Bytes } from "../base/bytes.js";
import { publicKey, unlessRefused, type PublicKey } from "../crypto/keys.js";
import { publicKeyFromLegacyWire } from "../crypto/x3dh/bundle.js";

/** Type byte of a Curve25519 key in the older version. */
const curveType = 0x05;

/** A raw key of 32 bytes; `undefined` if absent or not acceptable (threats C01, C03). */
export function parsePublicKey(raw: Uint8Array | undefined): PublicKey | undefined {
  return raw === undefined ? undefined : unlessRefused(() => publicKey(raw));
}

/** `05 ‖ u`. */
export function writePrefixedKey(key: PublicKey): Bytes {
  return concatBytes(Uint8Array.of(curveType), key);
}

/** What {@link writePrefixedKey} writes; `undefined` if absent or not acceptable. */
export function parsePrefixedKey(wire: Uint8Array | undefined): PublicKey | undefined {
  return wire === undefined ? undefined : unlessRefused(() => publicKeyFromLegacyWire(wire));
}
