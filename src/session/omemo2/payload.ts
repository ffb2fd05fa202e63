/**
 * The payload of `urn:xmpp:omemo:2`: AES-256-CBC and a truncated HMAC under a random content key.
 * Spec: XEP-0384 v0.9 #protocol-message_encryption.
 * Not here: the envelope inside (session/sce.ts).
 * @module
 */
import { concatBytes, utf8, wipe, type Bytes } from "../../base/bytes.js";
import type { Rng } from "../../base/rng.js";
import { openWithMessageKey, sealWithMessageKey, type MessageContext } from "../../crypto/double-ratchet/chain.js";
import type { SymmetricCrypto } from "../../crypto/provider.js";
import type { EmptyPayload, SealedPayload } from "../profile.js";

const keyLength = 32;

/** As a ratchet seals a message, under the content key and with nothing before the ciphertext. */
const contextOf = (symmetric: SymmetricCrypto): MessageContext =>
  ({ symmetric, suite: { messageInfo: utf8("OMEMO Payload"), macLength: 16 }, associatedData: new Uint8Array(0) });

/** Ratchet plaintext: content key 32 ‖ tag 16. */
export function sealOmemo2Payload(symmetric: SymmetricCrypto, rng: Rng, plaintext: Uint8Array): SealedPayload {
  const contentKey = rng(keyLength);
  const { authenticated, mac } = sealWithMessageKey(contextOf(symmetric), contentKey, plaintext, (ciphertext) => ciphertext);
  const ratchetPlaintext = concatBytes(contentKey, mac);
  wipe(contentKey);
  return { payload: authenticated, ratchetPlaintext };
}

/** The tag is compared in constant time before anything is decrypted (threats C05, C06). */
export function openOmemo2Payload(symmetric: SymmetricCrypto, ratchetPlaintext: Uint8Array, payload: Uint8Array): Bytes | undefined {
  // Of unequal lengths nothing is equal: this also refuses every ratchet plaintext that has not exactly 48 bytes.
  const mac = ratchetPlaintext.subarray(keyLength);
  return openWithMessageKey(contextOf(symmetric), ratchetPlaintext.subarray(0, keyLength), { authenticated: payload, mac, ciphertext: payload });
}

/** 32 zero bytes, as the text says. */
export function emptyOmemo2Payload(): EmptyPayload {
  return { ratchetPlaintext: new Uint8Array(32) };
}
