/**
 * How durable adapters write one value: `version (1) ‖ CRC-32 of key, 0x00 and value (4, big endian) ‖ value`.
 * The checksum finds torn and rotten records and values that ended up under another key. It is no protection against
 * somebody who can write to the medium.
 * Spec: threats D11, D13. CRC-32 as in ISO 3309 (reflected, polynomial 0xEDB88320).
 * @module
 */
import { utf8, type Bytes } from "../base/bytes.js";
import { StorageError } from "./errors.js";

/** The only frame version so far. A reader never guesses at another one. */
const frameVersion = 1;
const headerBytes = 5;

/** `value` as it is stored under `key`; a copy. */
export function frameRecord(key: string, value: Uint8Array): Bytes {
  const framed = new Uint8Array(headerBytes + value.length);
  framed[0] = frameVersion;
  framed.set(value, headerBytes);
  new DataView(framed.buffer).setUint32(1, checksum(key, value));
  return framed;
}

/**
 * The value inside a stored record; a copy.
 * @param stored whatever the medium returned, of any type: a browser's database can hold anything.
 * @throws StorageError `ERR_STORE_CORRUPT` if this is not what {@link frameRecord} made for this key.
 */
export function unframeRecord(key: string, stored: unknown): Bytes {
  if (!(stored instanceof Uint8Array) || stored.length < headerBytes) throw corrupt();
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  if (view.getUint8(0) !== frameVersion) throw corrupt();
  const value = new Uint8Array(stored.subarray(headerBytes));
  if (view.getUint32(1) !== checksum(key, value)) throw corrupt();
  return value;
}

function corrupt(): StorageError {
  // The key is not named: keys contain addresses of people (threats H01).
  return new StorageError("ERR_STORE_CORRUPT", "a stored record is not what was written");
}

const table: Uint32Array = crcTable();

function crcTable(): Uint32Array {
  const entries = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0xedb8_8320 : 0);
    entries[byte] = crc >>> 0;
  }
  return entries;
}

/** Keys are ASCII, so the 0x00 after the key cannot be part of it: no two (key, value) pairs give the same input. */
function checksum(key: string, value: Uint8Array): number {
  const crc = advance(advance(advance(0xffff_ffff, utf8(key)), separator), value);
  return (crc ^ 0xffff_ffff) >>> 0;
}

const separator: Uint8Array = new Uint8Array(1);

function advance(from: number, bytes: Uint8Array): number {
  let crc = from;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number);
  return crc;
}
