/** Stored records are versioned and checksummed (threats D11, D13). @module */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex, utf8 } from "../../../src/base/bytes.js";
import { frameRecord, unframeRecord } from "../../../src/storage/record-frame.js";

const corrupt = expect.objectContaining({ code: "ERR_STORE_CORRUPT" }) as unknown;
const failure = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe("record frame", () => {
  test("D13 the checksum is CRC-32: key, zero and value are covered as another implementation computes it", () => {
    // Expected values: Python's zlib.crc32 of key, zero byte and value.
    expect(toHex(frameRecord("", new Uint8Array(0)))).toBe("01d202ef8d");
    expect(toHex(frameRecord("a", new Uint8Array(0)))).toBe("013d3f4819");
    expect(toHex(frameRecord("k", utf8("v")))).toBe("0102a529da76");
  });

  test("D13 what was framed reads back, and no change of one bit does", () => {
    fc.assert(fc.property(fc.stringMatching(/^[!-~]{1,20}$/), fc.uint8Array({ maxLength: 40 }), fc.nat(), (key, value, at) => {
      const framed = frameRecord(key, value);
      expect(unframeRecord(key, framed)).toEqual(new Uint8Array(value));
      const bit = at % (framed.length * 8);
      framed[bit >> 3] = (framed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(failure(() => unframeRecord(key, framed))).toEqual(corrupt);
    }));
  });

  test("D11 a record that lost its tail is refused, at every length", () => {
    const framed = frameRecord("key", utf8("some value"));
    for (let length = 0; length < framed.length; length++) expect(failure(() => unframeRecord("key", framed.subarray(0, length)))).toEqual(corrupt);
  });

  test("D13 a record under another key is refused", () => {
    expect(failure(() => unframeRecord("b", frameRecord("a", utf8("value"))))).toEqual(corrupt);
    expect(failure(() => unframeRecord("a", frameRecord("ab", utf8("c"))))).toEqual(corrupt);
  });

  test("D13 a record of another frame version is refused, even with a sound checksum", () => {
    const framed = frameRecord("a", utf8("value"));
    for (const version of [0, 2, 255]) expect(failure(() => unframeRecord("a", Uint8Array.of(version, ...framed.subarray(1))))).toEqual(corrupt);
  });

  test("D13 what is no byte string at all is refused", () => {
    for (const value of [null, "text", 5, {}, [1, 2, 3, 4, 5, 6]]) expect(failure(() => unframeRecord("a", value))).toEqual(corrupt);
  });

  test("the frame and the value are copies", () => {
    const value = utf8("value");
    const framed = frameRecord("a", value);
    value.fill(0);
    const first = unframeRecord("a", framed);
    first.fill(0);
    expect(unframeRecord("a", framed)).toEqual(utf8("value"));
  });
});
