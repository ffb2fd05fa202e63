/**
 * `urn:xmpp:omemo:2` as a value.
 * Spec: XEP-0384 v0.9.
 * @module
 */
import { copyBytes } from "../../base/bytes.js";
import { identityKey, toCurve } from "../../crypto/identity-key.js";
import { publicKey } from "../../crypto/keys.js";
import { verifyOmemo2Bundle } from "../../crypto/x3dh/bundle.js";
import type { OmemoProfile } from "../profile.js";
import { decodeOmemo2, encodeOmemo2KeyExchange } from "./messages.js";
import { emptyOmemo2Payload, openOmemo2Payload, sealOmemo2Payload } from "./payload.js";
import { omemo2Suite } from "./suite.js";

/** The current version: identity keys as Ed25519, all other keys bare, payloads hold envelopes. */
export const omemo2Profile: OmemoProfile = {
  namespace: "urn:xmpp:omemo:2",
  suite: omemo2Suite,
  keyIdMax: 0x7fff_ffff,
  decodeKeyMaterial: decodeOmemo2,
  encodeKeyExchange: encodeOmemo2KeyExchange,
  writeIdentity: copyBytes,
  readIdentity(wire) {
    const identity = identityKey(wire);
    return { wire: copyBytes(identity), curve: toCurve(identity), identity };
  },
  writePublicKey: copyBytes,
  readPublicKey: publicKey,
  verifyBundle: verifyOmemo2Bundle,
  sealPayload: sealOmemo2Payload,
  openPayload: openOmemo2Payload,
  emptyPayload: emptyOmemo2Payload,
};
