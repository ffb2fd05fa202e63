/** Numbers of Curve25519 as RFC 7748 and RFC 8032 write them: little-endian. Variable time. @module */
import type { Bytes } from "../base/bytes.js";

/** The number that the bytes stand for. */
export function fromLittleEndian(bytes: Uint8Array): bigint {
  let hex = "0x0";
  for (let i = bytes.length - 1; i >= 0; i--) hex += (bytes[i] as number).toString(16).padStart(2, "0");
  return BigInt(hex);
}

/** 32 bytes; `value` is below 2^256. */
export function toLittleEndian(value: bigint): Bytes {
  const bytes = new Uint8Array(32);
  for (let i = 0, rest = value; i < 32; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}
