/** What the inbox keeps: nothing, until an application uses it. @module */
import { type StoreKey, storeKey } from "../../session/ports.js";
import { decodeJson, encodeJson, numberField } from "../json-record.js";
import { positionOf, positionPart } from "../log/keys.js";

/** A message that was handed out and is beyond the settled position, or was taken back from the dead letters. */
export interface InboxItem {
  readonly position: number;
  readonly attempts: number;
  readonly acked: boolean;
}

export const itemPrefix = "client/inbox/item/";
export const deadPrefix = "client/inbox/dead/";

/**
 * Up to which position everything is settled, twice: without it nobody would know where to begin, and whoever began at the beginning would answer
 * everything again that was ever answered (threats D13).
 */
export const stateKeys: readonly StoreKey[] = [storeKey("client/inbox/state"), storeKey("client/inbox-state")];

export const itemKey = (position: number): StoreKey => storeKey(itemPrefix + positionPart(position));
export const deadKey = (position: number): StoreKey => storeKey(deadPrefix + positionPart(position));

export const encodeState = (settled: number): Uint8Array => encodeJson({ settled });
/** @throws ClientError `ERR_RECORD_INVALID` */
export const decodeState = (row: Uint8Array | undefined): number | undefined => (row === undefined ? undefined : numberField(decodeJson(row), "settled"));

export const encodeItem = ({ attempts, acked }: Omit<InboxItem, "position">): Uint8Array => encodeJson({ attempts, ...(acked ? { acked } : {}) });
/** @throws ClientError `ERR_RECORD_INVALID` */
export function decodeItem(key: StoreKey, row: Uint8Array): InboxItem {
  const record = decodeJson(row);
  return { position: positionOf(key), attempts: numberField(record, "attempts"), acked: record["acked"] === true };
}
