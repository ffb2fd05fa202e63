/** Stored JSON with a version, strictly read: a wrong field is an error, never a default (threats D13). @module */
import { utf8, utf8Decode, type Bytes } from "../base/bytes.js";
import { type BareJid, parseBareJid } from "../base/jid.js";
import { ClientError } from "./errors.js";

/** A decoded record; fields are unchecked. */
export type Json = Readonly<Record<string, unknown>>;

const version = 1;

/** What a record that this version did not write leads to. */
export const invalidRecord = (): ClientError => new ClientError("ERR_RECORD_INVALID", "a stored record cannot be read");

/** Fields that are `undefined` are left out. */
export const encodeJson = (value: Json): Bytes => utf8(JSON.stringify({ v: version, ...value }));

/** @throws ClientError `ERR_RECORD_INVALID` */
export function decodeJson(bytes: Uint8Array): Json {
  const text = utf8Decode(bytes);
  let value: unknown;
  try {
    value = text === undefined ? undefined : JSON.parse(text);
  } catch {
    value = undefined; // reported below like every other unreadable record
  }
  const record = asObject(value);
  if (record["v"] !== version) throw invalidRecord();
  return record;
}

/** @throws ClientError `ERR_RECORD_INVALID` */
export function asObject(value: unknown): Json {
  if (typeof value !== "object" || value === null) throw invalidRecord();
  return value as Json;
}

/** @throws ClientError `ERR_RECORD_INVALID` */
export function stringField(record: Json, field: string): string {
  const value = record[field];
  if (typeof value !== "string") throw invalidRecord();
  return value;
}

/** @throws ClientError `ERR_RECORD_INVALID` */
export function numberField(record: Json, field: string): number {
  const value = record[field];
  if (typeof value !== "number" || !Number.isFinite(value)) throw invalidRecord();
  return value;
}

/** One of `values`. @throws ClientError `ERR_RECORD_INVALID` */
export function choiceField<T extends string>(record: Json, field: string, values: readonly T[]): T {
  const value = values.find((each) => each === record[field]);
  if (value === undefined) throw invalidRecord();
  return value;
}

/** A prepared bare address. @throws ClientError `ERR_RECORD_INVALID` */
export function jidField(record: Json, field: string): BareJid {
  const value = parseBareJid(stringField(record, field));
  if (value === undefined) throw invalidRecord();
  return value;
}

/** What `read` makes of the field; `undefined` if it is absent. */
export function optionalField<T>(record: Json, field: string, read: (record: Json, field: string) => T): T | undefined {
  return record[field] === undefined ? undefined : read(record, field);
}

/** The same as a property to spread, or none: for optional properties. */
export function givenField<K extends string, T>(record: Json, field: K, read: (record: Json, field: string) => T): { readonly [P in K]?: T } {
  return record[field] === undefined ? {} : ({ [field]: read(record, field) } as { readonly [P in K]?: T });
}
