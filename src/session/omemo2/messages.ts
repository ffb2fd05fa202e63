/**
 * The three protobuf messages of `urn:xmpp:omemo:2`.
 * Spec: XEP-0384 v0.9 #protobuf-schema.
 *
 * A key exchange and a plain message are told apart by the type of field 1 (id or MAC), not by the `kex` attribute, which
 * some peers set only once (threats R17).
 * Not here: writing a message (suite.ts, because the MAC covers it); stanzas (transport/xep/xep0384.ts).
 * @module
 */
import { concatBytes, type Bytes } from "../../base/bytes.js";
import type { RatchetMessage } from "../../crypto/double-ratchet/suite.js";
import type { KeyExchange, KeyMaterial } from "../profile.js";
import { bytesField, decodeFields, uint32Field } from "../protobuf.js";
import { parsePublicKey } from "../wire-key.js";

const messageSchema = { 1: "uint32", 2: "uint32", 3: "bytes", 4: "bytes" } as const;
const authenticatedMessageSchema = { 1: "bytes", 2: "bytes" } as const;
const keyExchangeSchema = { 1: "uint32", 2: "uint32", 3: "bytes", 4: "bytes", 5: "bytes" } as const;

/** An OMEMOAuthenticatedMessage or an OMEMOKeyExchange; `undefined` for anything else. */
export function decodeOmemo2(bytes: Uint8Array): KeyMaterial | undefined {
  const message = decodeAuthenticatedMessage(bytes);
  return message === undefined ? decodeKeyExchange(bytes) : { kind: "message", message };
}

/** OMEMOKeyExchange around an OMEMOAuthenticatedMessage. */
export function encodeOmemo2KeyExchange(exchange: KeyExchange, message: Uint8Array): Bytes {
  return concatBytes(
    uint32Field(1, exchange.preKeyId),
    uint32Field(2, exchange.signedPreKeyId),
    ...bytesField(3, exchange.identityKey),
    ...bytesField(4, exchange.ephemeralKey),
    ...bytesField(5, message),
  );
}

function decodeAuthenticatedMessage(bytes: Uint8Array): RatchetMessage | undefined {
  const outer = decodeFields(bytes, authenticatedMessageSchema);
  if (outer?.[1] === undefined || outer[2] === undefined) return undefined;
  const fields = decodeFields(outer[2], messageSchema);
  const ratchetKey = parsePublicKey(fields?.[3]);
  // The schema calls the ciphertext optional; a ratchet message without one has nothing to authenticate or decrypt.
  if (fields?.[1] === undefined || fields[2] === undefined || fields[4] === undefined || ratchetKey === undefined) return undefined;
  return { header: { n: fields[1], pn: fields[2], ratchetKey }, ciphertext: fields[4], authenticated: outer[2], mac: outer[1] };
}

function decodeKeyExchange(bytes: Uint8Array): KeyMaterial | undefined {
  const fields = decodeFields(bytes, keyExchangeSchema);
  const ephemeralKey = parsePublicKey(fields?.[4]);
  if (fields?.[1] === undefined || fields[2] === undefined || ephemeralKey === undefined) return undefined;
  if (fields[3]?.length !== 32 || fields[5] === undefined) return undefined;
  const message = decodeAuthenticatedMessage(fields[5]);
  if (message === undefined) return undefined;
  return {
    kind: "key-exchange",
    exchange: { preKeyId: fields[1], signedPreKeyId: fields[2], identityKey: fields[3], ephemeralKey },
    message,
  };
}
