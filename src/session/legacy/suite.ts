/**
 * Constants of the ratchet in `eu.siacs.conversations.axolotl`, and the message under its MAC.
 * Spec: XEP-0384 v0.3, which leaves it to "the Signal protocol": libsignal 2.x, message version 3.
 * Not here: reading messages (messages.ts).
 * @module
 */
import { concatBytes, utf8 } from "../../base/bytes.js";
import type { RatchetSuite } from "../../crypto/double-ratchet/suite.js";
import { bytesField, uint32Field } from "../protobuf.js";
import { writePrefixedKey } from "../wire-key.js";

/** High nibble: version of the message. Low nibble: highest version of the sender. */
export const legacyVersionByte = 0x33;

/** 8-byte MAC; associated data names the sender of each message first. */
export const legacySuite: RatchetSuite = {
  id: "legacy",
  x3dhInfo: utf8("WhisperText"),
  rootInfo: utf8("WhisperRatchet"),
  messageInfo: utf8("WhisperMessageKeys"),
  macLength: 8,
  identityLength: 33,
  associatedData: ({ sender, receiver }) => concatBytes(sender, receiver),
  // WhisperMessage without its MAC
  encodeMessage: (header, ciphertext) =>
    concatBytes(
      Uint8Array.of(legacyVersionByte),
      ...bytesField(1, writePrefixedKey(header.ratchetKey)),
      uint32Field(2, header.n),
      uint32Field(3, header.pn),
      ...bytesField(4, ciphertext),
    ),
  sealMessage: (authenticated, mac) => concatBytes(authenticated, mac),
};
