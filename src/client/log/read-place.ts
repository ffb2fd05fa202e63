/** Up to where a conversation was read: the stored form. Not here: how it moves (receive/read-state.ts). @module */
import type { Bytes } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import { decodeJson, encodeJson, givenField, jidField, numberField, stringField } from "../json-record.js";

/** Where a conversation was read up to. */
export interface ReadPlace {
  readonly conversation: BareJid;
  readonly position: number;
  /** An id of the archive; present while the other devices do not know it yet. */
  readonly unpublished?: string;
}

export const encodeReadPlace = (place: ReadPlace): Bytes => encodeJson({ ...place });

/** @throws ClientError `ERR_RECORD_INVALID` */
export function decodeReadPlace(row: Uint8Array): ReadPlace {
  const record = decodeJson(row);
  return {
    conversation: jidField(record, "conversation"), position: numberField(record, "position"), ...givenField(record, "unpublished", stringField),
  };
}
