/**
 * Constants of the ratchet in `urn:xmpp:omemo:2`, and the message under its MAC.
 * Spec: XEP-0384 v0.9 #protocol-key_exchange, #protocol-double_ratchet, #protobuf-schema.
 * Not here: reading messages (messages.ts).
 * @module
 */
import { concatBytes, utf8 } from "../../base/bytes.js";
import type { RatchetSuite } from "../../crypto/double-ratchet/suite.js";
import { bytesField, uint32Field } from "../protobuf.js";

/** 16-byte MAC; associated data names the initiator first, in both directions. */
export const omemo2Suite: RatchetSuite = {
  id: "omemo:2",
  x3dhInfo: utf8("OMEMO X3DH"),
  rootInfo: utf8("OMEMO Root Chain"),
  messageInfo: utf8("OMEMO Message Key Material"),
  macLength: 16,
  identityLength: 32,
  associatedData: ({ initiator, responder }) => concatBytes(initiator, responder),
  // OMEMOMessage
  encodeMessage: (header, ciphertext) =>
    concatBytes(uint32Field(1, header.n), uint32Field(2, header.pn), ...bytesField(3, header.ratchetKey), ...bytesField(4, ciphertext)),
  // OMEMOAuthenticatedMessage
  sealMessage: (authenticated, mac) => concatBytes(...bytesField(1, mac), ...bytesField(2, authenticated)),
};
