/**
 * The two messages of `eu.siacs.conversations.axolotl`: WhisperMessage and PreKeyWhisperMessage.
 * Spec: XEP-0384 v0.3; libsignal 2.x, message version 3.
 *
 * The type of field 1 tells them apart (ratchet key or prekey id), never the `prekey` attribute (threats R17). A message
 * whose high version nibble is not 3 is refused: 2 was retired, 4 is another protocol.
 * Not here: writing a WhisperMessage (suite.ts, because the MAC covers it); stanzas (transport/xep/xep0384.ts).
 * @module
 */
import { concatBytes, copyBytes, type Bytes } from "../../base/bytes.js";
import type { RatchetMessage } from "../../crypto/double-ratchet/suite.js";
import type { KeyExchange, KeyMaterial } from "../profile.js";
import { bytesField, decodeFields, uint32Field } from "../protobuf.js";
import { parsePrefixedKey, writePrefixedKey } from "../wire-key.js";
import { legacySuite, legacyVersionByte } from "./suite.js";

const messageSchema = { 1: "bytes", 2: "uint32", 3: "uint32", 4: "bytes" } as const;
const keyExchangeSchema = { 1: "uint32", 2: "bytes", 3: "bytes", 4: "bytes", 5: "uint32", 6: "uint32" } as const;

/** Tag of field 1 as bytes: no PreKeyWhisperMessage begins so. */
const ratchetKeyTag = 0x0a;

/** A WhisperMessage or a PreKeyWhisperMessage; `undefined` for anything else. */
export function decodeLegacy(bytes: Uint8Array): KeyMaterial | undefined {
  if (!hasVersion(bytes)) return undefined;
  if (bytes[1] !== ratchetKeyTag) return decodeKeyExchange(bytes);
  const message = decodeMessage(bytes);
  return message === undefined ? undefined : { kind: "message", message };
}

/** PreKeyWhisperMessage around a complete WhisperMessage. It has no MAC of its own. */
export function encodeLegacyKeyExchange(exchange: KeyExchange, message: Uint8Array): Bytes {
  return concatBytes(
    Uint8Array.of(legacyVersionByte),
    uint32Field(1, exchange.preKeyId),
    ...bytesField(2, writePrefixedKey(exchange.ephemeralKey)),
    ...bytesField(3, exchange.identityKey),
    ...bytesField(4, message),
    ...(exchange.registrationId === undefined ? [] : [uint32Field(5, exchange.registrationId)]),
    uint32Field(6, exchange.signedPreKeyId),
  );
}

/** The low nibble may be higher, a peer announces with it what else it speaks; lower than the message it cannot be. */
function hasVersion(bytes: Uint8Array): boolean {
  const version = bytes[0] ?? 0;
  return version >> 4 === 3 && (version & 0x0f) >= 3;
}

function decodeMessage(bytes: Uint8Array): RatchetMessage | undefined {
  const macStart = bytes.length - legacySuite.macLength;
  if (macStart < 1 || !hasVersion(bytes)) return undefined;
  const fields = decodeFields(bytes.subarray(1, macStart), messageSchema);
  const ratchetKey = parsePrefixedKey(fields?.[1]);
  if (fields?.[2] === undefined || fields[3] === undefined || fields[4] === undefined || ratchetKey === undefined) return undefined;
  return {
    header: { ratchetKey, n: fields[2], pn: fields[3] },
    ciphertext: fields[4],
    authenticated: copyBytes(bytes.subarray(0, macStart)),
    mac: copyBytes(bytes.subarray(macStart)),
  };
}

function decodeKeyExchange(bytes: Uint8Array): KeyMaterial | undefined {
  const fields = decodeFields(bytes.subarray(1), keyExchangeSchema);
  const ephemeralKey = parsePrefixedKey(fields?.[2]);
  // Field 1 is optional for libsignal. Without a one-time prekey the first message could be replayed (threats R02).
  if (fields?.[1] === undefined || fields[6] === undefined || ephemeralKey === undefined) return undefined;
  if (fields[3]?.length !== 33 || fields[4] === undefined) return undefined;
  const message = decodeMessage(fields[4]);
  if (message === undefined) return undefined;
  return {
    kind: "key-exchange",
    exchange: {
      preKeyId: fields[1],
      signedPreKeyId: fields[6],
      identityKey: fields[3],
      ephemeralKey,
      ...(fields[5] === undefined ? {} : { registrationId: fields[5] }),
    },
    message,
  };
}
