/** From Node's Buffers to plain byte arrays. @module */
import type { Bytes } from "../base/bytes.js";

/** A Buffer's bytes as a plain array: Buffers slice and compare differently, and may lie in a shared pool. */
export function plain(buffer: Buffer): Bytes {
  return buffer.buffer instanceof ArrayBuffer && buffer.byteLength === buffer.buffer.byteLength
    ? new Uint8Array(buffer.buffer)
    : new Uint8Array(buffer);
}
