/**
 * The part of protobuf that OMEMO needs: a writer of required fields, and a strict reader.
 * Spec: Protocol Buffers encoding; XEP-0384 v0.9 #protobuf-schema (proto2: required fields are written even when zero).
 *
 * The reader takes bytes from strangers (threats R18). It refuses truncation, varints that are longer than needed or
 * exceed their type, lengths beyond the end, groups, reserved wire types, field number 0, a known field of another wire
 * type and a known field given twice. Unknown fields are skipped. Linear in the input; nothing is allocated by a length
 * that has not been checked.
 * Not here: the messages (omemo2/messages.ts, legacy/messages.ts).
 * @module
 */
import { copyBytes, type Bytes } from "../base/bytes.js";
import { invariant } from "../base/errors.js";

const uint32Max = 0xffff_ffff;
const fieldNumberMax = 0x1fff_ffff;

/** A field's tag and an unsigned 32-bit integer in base 128, shortest form. */
function tagged(tag: number, value: number): Bytes {
  invariant(Number.isInteger(value) && value >= 0 && value <= uint32Max, "not an unsigned 32-bit integer");
  const bytes = new Uint8Array(1 + Math.max(1, Math.ceil((32 - Math.clz32(value)) / 7)));
  bytes[0] = tag;
  let rest = value;
  for (let i = 1; i < bytes.length; i++, rest >>>= 7) bytes[i] = rest < 0x80 ? rest : rest | 0x80; // the lowest eight bits of it
  return bytes;
}

/** `uint32` field `number` (1 … 15). Written even when zero. */
export function uint32Field(number: number, value: number): Bytes {
  return tagged(number << 3, value);
}

/** `bytes` field `number` (1 … 15), or an embedded message, in two parts: the caller joins all parts of its message, once. */
export function bytesField(number: number, value: Uint8Array): readonly [Bytes, Uint8Array] {
  return [tagged((number << 3) | 2, value.length), value];
}

/** What a schema may ask for. */
export type FieldType = "uint32" | "bytes";

/** Known fields of one message by number. */
export type Schema = Readonly<Record<number, FieldType>>;

/** The known fields that a message has; every one may be absent. */
export type Fields<S extends Schema> = {
  readonly [N in keyof S]?: S[N] extends "uint32" ? number : Bytes;
};

/** Reads one message; `undefined` if it is not strictly valid. `bytes` values are copies. */
export function decodeFields<S extends Schema>(source: Uint8Array, schema: S): Fields<S> | undefined {
  const found: Record<number, number | Bytes> = {};
  const cursor: Cursor = { source, offset: 0 };
  while (cursor.offset < source.length) {
    const field = readField(cursor);
    if (field === undefined) return undefined;
    const type = Object.hasOwn(schema, field.number) ? schema[field.number] : undefined;
    if (type === undefined) continue;
    if (Object.hasOwn(found, field.number)) return undefined;
    const value = type === "uint32" ? uint32Of(field) : bytesOf(field);
    if (value === undefined) return undefined;
    found[field.number] = value;
  }
  return found as Fields<S>;
}

interface Cursor {
  readonly source: Uint8Array;
  offset: number;
}

type Field =
  | { readonly number: number; readonly kind: "varint"; readonly value: number }
  | { readonly number: number; readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly number: number; readonly kind: "fixed" };

const uint32Of = (field: Field): number | undefined =>
  field.kind === "varint" && field.value <= uint32Max ? field.value : undefined;

const bytesOf = (field: Field): Bytes | undefined => (field.kind === "bytes" ? copyBytes(field.value) : undefined);

function readField(cursor: Cursor): Field | undefined {
  const tag = readVarint(cursor);
  if (tag === undefined) return undefined;
  const number = Math.floor(tag / 8);
  if (number === 0 || number > fieldNumberMax) return undefined;
  switch (tag % 8) {
    case 0: {
      const value = readVarint(cursor);
      return value === undefined ? undefined : { number, kind: "varint", value };
    }
    case 1:
      return take(cursor, 8) === undefined ? undefined : { number, kind: "fixed" };
    case 2: {
      const length = readVarint(cursor);
      const value = length === undefined ? undefined : take(cursor, length);
      return value === undefined ? undefined : { number, kind: "bytes", value };
    }
    case 5:
      return take(cursor, 4) === undefined ? undefined : { number, kind: "fixed" };
    default: // groups, retired long ago, and the two reserved wire types
      return undefined;
  }
}

function take(cursor: Cursor, length: number): Uint8Array | undefined {
  const end = cursor.offset + length;
  if (end > cursor.source.length) return undefined;
  const part = cursor.source.subarray(cursor.offset, end);
  cursor.offset = end;
  return part;
}

/** At most 64 bits in at most 10 bytes. Above 2^53 the number is rounded, and larger than anything a field allows. */
function readVarint(cursor: Cursor): number | undefined {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = cursor.source[cursor.offset++];
    if (byte === undefined) return undefined;
    if (i === 9 && byte > 1) return undefined; // beyond 64 bits
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return byte === 0 && i > 0 ? undefined : value; // a last byte of zero adds nothing: overlong
  }
  return undefined;
}
