/**
 * Stored bytes: unsigned integers of fixed width, most significant byte first, and a reader that accepts nothing but what was written.
 * Not here: what the fields mean (session/records, crypto/double-ratchet); the wire (session/protobuf.ts).
 * @module
 */
import { copyBytes, type Bytes } from "./bytes.js";
import { invariant } from "./errors.js";

/** Bytes of one integer. */
export type UintWidth = 1 | 2 | 4 | 6;

/** `value` in `width` bytes. */
export function uintBytes(width: UintWidth, value: number): Bytes {
  invariant(Number.isInteger(value) && value >= 0 && value < 2 ** (8 * width), "a field is out of range");
  return Uint8Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * (width - 1 - i)))); // the lowest eight bits of it
}

/** Reads stored bytes from front to back. Every failure is the error that `invalid` makes. */
export class ByteReader {
  readonly #source: Uint8Array;
  readonly #invalid: () => Error;
  #offset = 0;

  constructor(source: Uint8Array, invalid: () => Error) {
    this.#source = source;
    this.#invalid = invalid;
  }

  /** A copy of the next `length` bytes. */
  fixed(length: number): Bytes {
    const end = this.#offset + length;
    if (end > this.#source.length) throw this.#invalid();
    const part = copyBytes(this.#source.subarray(this.#offset, end));
    this.#offset = end;
    return part;
  }

  /** What {@link uintBytes} wrote. */
  uint(width: UintWidth): number {
    return this.fixed(width).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#offset !== this.#source.length) throw this.#invalid();
  }
}
