/**
 * Fields of stored records, with a version in front. The reader accepts exactly what the writer writes.
 * Not here: the ratchet's own snapshot (crypto/double-ratchet/snapshot.ts), which records carry as opaque bytes.
 * @module
 */
import { utf8, utf8Decode, type Bytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import { ByteReader, uintBytes, type UintWidth } from "../../base/stored-bytes.js";
import { SessionError } from "../errors.js";
import { parseDeviceId, type DeviceId } from "../ports.js";

/** The one error for stored bytes that this version does not write. */
export function invalidRecord(): SessionError {
  return new SessionError("ERR_RECORD_INVALID", "a stored record does not have the form that this version writes");
}

/** Collects the fields of one record. */
export class RecordWriter {
  readonly #bytes: number[] = [];

  constructor(version: number) {
    this.uint(1, version);
  }

  uint(width: UintWidth, value: number): this {
    return this.fixed(uintBytes(width, value), width);
  }

  flag(value: boolean): this {
    return this.uint(1, value ? 1 : 0);
  }

  /** Bytes whose length the reader knows. */
  fixed(value: Uint8Array, length: number): this {
    invariant(value.length === length, "a field has another length");
    for (const byte of value) this.#bytes.push(byte);
    return this;
  }

  /** Bytes of any length below 65,536. */
  bytes(value: Uint8Array): this {
    return this.uint(2, value.length).fixed(value, value.length);
  }

  text(value: string): this {
    return this.bytes(utf8(value));
  }

  /** A flag, and the field itself if it is there. */
  optional<T>(value: T | undefined, write: (value: T) => void): this {
    this.flag(value !== undefined);
    if (value !== undefined) write(value);
    return this;
  }

  /** A count, and that many fields. */
  list<T>(values: readonly T[], write: (value: T) => void): this {
    this.uint(2, values.length);
    for (const value of values) write(value);
    return this;
  }

  finish(): Bytes {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads one record. Every failure is `ERR_RECORD_INVALID`. */
export class RecordReader extends ByteReader {
  /** @throws SessionError `ERR_RECORD_INVALID` if the record is of another version. */
  constructor(source: Uint8Array, version: number) {
    super(source, invalidRecord);
    if (this.uint(1) !== version) throw invalidRecord();
  }

  flag(): boolean {
    const value = this.uint(1);
    if (value > 1) throw invalidRecord();
    return value === 1;
  }

  bytes(): Bytes {
    return this.fixed(this.uint(2));
  }

  text(): string {
    const text = utf8Decode(this.bytes());
    if (text === undefined) throw invalidRecord();
    return text;
  }

  optional<T>(read: () => T): T | undefined {
    return this.flag() ? read() : undefined;
  }

  list<T>(read: () => T): readonly T[] {
    return Array.from({ length: this.uint(2) }, read);
  }
}

/** @throws SessionError `ERR_RECORD_INVALID` if the field is no device id */
export function readDeviceId(reader: RecordReader): DeviceId {
  const id = parseDeviceId(reader.uint(4));
  if (id === undefined) throw invalidRecord();
  return id;
}

/** Decodes a whole record; whatever `read` finds wrong is `ERR_RECORD_INVALID`. */
export function readRecord<T>(source: Uint8Array, version: number, read: (reader: RecordReader) => T): T {
  const reader = new RecordReader(source, version);
  const value = read(reader);
  reader.end();
  return value;
}
