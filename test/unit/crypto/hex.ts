/** Reading vectors. @module */
import { fromHex, utf8, type Bytes } from "../../../src/base/bytes.js";
import { invariant } from "../../../src/base/errors.js";

/** Hexadecimal of a vector file. */
export function hex(digits: string): Bytes {
  const bytes = fromHex(digits);
  invariant(bytes !== undefined, "a vector in hexadecimal");
  return bytes;
}

/** ASCII as bytes. */
export const text = utf8;
