/**
 * The payload of `eu.siacs.conversations.axolotl`: AES-128-GCM over the body, the tag beside the key.
 * Spec: XEP-0384 v0.3, sections "Sending a message" and "Sending a key".
 * Not here: that only the body is encrypted (session/).
 * @module
 */
import { concatBytes, wipe, type Bytes } from "../../base/bytes.js";
import type { Rng } from "../../base/rng.js";
import { gcmTagLength, type GcmCrypto } from "../../crypto/gcm.js";
import type { EmptyPayload, SealedPayload } from "../profile.js";

const keyLength = 16;
const ivLength = 12;

/** Ratchet plaintext: content key 16 ‖ tag 16. */
export function sealLegacyPayload(gcm: GcmCrypto, rng: Rng, plaintext: Uint8Array): SealedPayload {
  const contentKey = rng(keyLength);
  const iv = rng(ivLength);
  const { ciphertext, tag } = gcm.seal(contentKey, iv, plaintext);
  const ratchetPlaintext = concatBytes(contentKey, tag);
  wipe(contentKey);
  return { payload: ciphertext, iv, ratchetPlaintext };
}

/**
 * IVs of 12 bytes, and of 16 as clients of the first years sent them; {@link GcmCrypto} takes no others.
 * Accepts the tag beside the key, and at the end of the payload as very old clients put it there.
 */
export function openLegacyPayload(
  gcm: GcmCrypto,
  ratchetPlaintext: Uint8Array,
  payload: Uint8Array,
  iv?: Uint8Array,
): Bytes | undefined {
  if (iv === undefined) return undefined;
  const contentKey = ratchetPlaintext.subarray(0, keyLength);
  switch (ratchetPlaintext.length) {
    case keyLength + gcmTagLength:
      return gcm.open(contentKey, iv, payload, ratchetPlaintext.subarray(keyLength));
    case keyLength: {
      const end = payload.length - gcmTagLength;
      return end < 0 ? undefined : gcm.open(contentKey, iv, payload.subarray(0, end), payload.subarray(end));
    }
    default:
      return undefined;
  }
}

/** Key transport: a random key that nobody uses. */
export function emptyLegacyPayload(rng: Rng): EmptyPayload {
  return { ratchetPlaintext: rng(keyLength), iv: rng(ivLength) };
}
