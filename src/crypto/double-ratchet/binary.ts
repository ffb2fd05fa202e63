/**
 * Fixed-width binary fields of stored state, and a reader that accepts nothing else.
 * Big-endian. Not here: what the fields mean (snapshot.ts, skipped-keys.ts); the wire (session/protobuf.ts).
 * @module
 */
import { copyBytes, type Bytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import { CryptoError } from "../errors.js";
import { publicKey, type PublicKey } from "../keys.js";

/** Four bytes. */
export function uint32(value: number): Bytes {
  invariant(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, "not an unsigned 32-bit integer");
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Six bytes. */
export function uint48(value: number): Bytes {
  invariant(Number.isInteger(value) && value >= 0 && value < 2 ** 48, "not an unsigned 48-bit integer");
  const bytes = new Uint8Array(6);
  bytes.set(uint32(value % 2 ** 32), 2);
  const high = Math.floor(value / 2 ** 32);
  bytes[0] = high >>> 8;
  bytes[1] = high;
  return bytes;
}

/** Reads stored bytes from front to back. Every failure is the same typed error. */
export class ByteReader {
  readonly #source: Uint8Array;
  #offset = 0;

  constructor(source: Uint8Array) {
    this.#source = source;
  }

  /** A copy of the next `length` bytes. @throws CryptoError `ERR_SNAPSHOT_INVALID` if there are fewer. */
  bytes(length: number): Bytes {
    const end = this.#offset + length;
    if (end > this.#source.length) throw invalidSnapshot();
    const part = copyBytes(this.#source.subarray(this.#offset, end));
    this.#offset = end;
    return part;
  }

  /** One byte. */
  byte(): number {
    return this.bytes(1)[0] as number;
  }

  /** Four bytes. */
  uint32(): number {
    return this.bytes(4).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** Six bytes. */
  uint48(): number {
    return this.bytes(6).reduce((value, byte) => value * 256 + byte, 0);
  }

  /** 32 bytes that are a valid X25519 key. */
  publicKey(): PublicKey {
    const raw = this.bytes(32);
    try {
      return publicKey(raw);
    } catch (cause) {
      throw new CryptoError("ERR_SNAPSHOT_INVALID", "stored state holds an invalid key", { cause });
    }
  }

  /** @throws CryptoError `ERR_SNAPSHOT_INVALID` if bytes are left. */
  end(): void {
    if (this.#offset !== this.#source.length) throw invalidSnapshot();
  }
}

/** The one error for stored bytes that we did not write. */
export function invalidSnapshot(): CryptoError {
  return new CryptoError("ERR_SNAPSHOT_INVALID", "stored state does not have the form that this version writes");
}
