/**
 * Fields of stored records: fixed widths, big-endian, a version in front. The reader accepts exactly what the writer writes.
 * Not here: the ratchet's own snapshot (crypto/double-ratchet/snapshot.ts), which records carry as opaque bytes.
 * @module
 */
import { copyBytes, utf8, utf8Decode, type Bytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import { SessionError } from "../errors.js";

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

  /** An unsigned integer of `width` bytes, at most 6. */
  uint(width: 1 | 2 | 4 | 6, value: number): this {
    invariant(Number.isInteger(value) && value >= 0 && value < 2 ** (8 * width), "a field is out of range");
    for (let shift = width - 1; shift >= 0; shift--) this.#bytes.push(Math.floor(value / 2 ** (8 * shift)) % 256);
    return this;
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

/** Reads one record from front to back. Every failure is `ERR_RECORD_INVALID`. */
export class RecordReader {
  readonly #source: Uint8Array;
  #offset = 0;

  /** @throws SessionError `ERR_RECORD_INVALID` if the record is of another version. */
  constructor(source: Uint8Array, version: number) {
    this.#source = source;
    if (this.uint(1) !== version) throw invalidRecord();
  }

  uint(width: 1 | 2 | 4 | 6): number {
    let value = 0;
    for (const byte of this.fixed(width)) value = value * 256 + byte;
    return value;
  }

  flag(): boolean {
    const value = this.uint(1);
    if (value > 1) throw invalidRecord();
    return value === 1;
  }

  fixed(length: number): Bytes {
    const end = this.#offset + length;
    if (end > this.#source.length) throw invalidRecord();
    const part = copyBytes(this.#source.subarray(this.#offset, end));
    this.#offset = end;
    return part;
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

  /** Nothing may follow. */
  end(): void {
    if (this.#offset !== this.#source.length) throw invalidRecord();
  }
}

/** Decodes a whole record; whatever `read` finds wrong is `ERR_RECORD_INVALID`. */
export function readRecord<T>(source: Uint8Array, version: number, read: (reader: RecordReader) => T): T {
  const reader = new RecordReader(source, version);
  const value = read(reader);
  reader.end();
  return value;
}
