/** What is stored of other people: their device lists, the trust in their keys, and whether we wrote to them. @module */
import type { Bytes } from "../../base/bytes.js";
import type { ListedDevice } from "../ports.js";
import type { TrustState } from "../trust/policy.js";
import { invalidRecord, readDeviceId, readRecord, RecordWriter } from "./fields.js";

const version = 1;

/** The row of the latest device list of one account. */
export function encodeDeviceList(devices: readonly ListedDevice[]): Bytes {
  const writer = new RecordWriter(version);
  return writer.list(devices, (device) => {
    writer.uint(4, device.id)
      .optional(device.label, (label) => { writer.text(label); })
      .optional(device.labelSignature, (signature) => { writer.bytes(signature); });
  }).finish();
}

/** @throws SessionError `ERR_RECORD_INVALID` */
export function decodeDeviceList(row: Uint8Array): readonly ListedDevice[] {
  return readRecord(row, version, (reader) => reader.list((): ListedDevice => {
    const id = readDeviceId(reader);
    const label = reader.optional(() => reader.text());
    const labelSignature = reader.optional(() => reader.bytes());
    return { id, ...(label === undefined ? {} : { label }), ...(labelSignature === undefined ? {} : { labelSignature }) };
  }));
}

/** The trust in one key of one owner. */
export interface TrustRecord {
  readonly state: TrustState;
  /** Milliseconds since 1970. */
  readonly since: number;
}

const trustStates: readonly TrustState[] = ["undecided", "trusted", "authenticated", "distrusted"];

/** The row of one key of one owner. */
export function encodeTrust(record: TrustRecord): Bytes {
  return new RecordWriter(version).uint(1, trustStates.indexOf(record.state)).uint(6, record.since).finish();
}

/** @throws SessionError `ERR_RECORD_INVALID` */
export function decodeTrust(row: Uint8Array): TrustRecord {
  return readRecord(row, version, (reader) => {
    const state = trustStates[reader.uint(1)];
    if (state === undefined) throw invalidRecord();
    return { state, since: reader.uint(6) };
  });
}

/** An account we deal with. */
export interface OwnerRecord {
  /** A key of theirs was once authenticated: blind trust has ended for them. */
  readonly authenticated: boolean;
  /** We have sent them something: automatic empty messages tell them nothing new (docs/protocol.md 5.2). */
  readonly writtenTo: boolean;
}

/** The row of an account. */
export function encodeOwner(record: OwnerRecord): Bytes {
  return new RecordWriter(version).flag(record.authenticated).flag(record.writtenTo).finish();
}

/** @throws SessionError `ERR_RECORD_INVALID` */
export function decodeOwner(row: Uint8Array): OwnerRecord {
  return readRecord(row, version, (reader) => ({ authenticated: reader.flag(), writtenTo: reader.flag() }));
}
