import { describe, expect, test } from "vitest";
import { concatBytes, fromHex, type Bytes } from "../../../src/base/bytes.js";
import { bytesField, decodeFields, uint32Field } from "../../../src/session/protobuf.js";

const schema = { 1: "uint32", 2: "bytes", 15: "uint32" } as const;

function hex(digits: string): Bytes {
  const bytes = fromHex(digits.replaceAll(" ", ""));
  if (bytes === undefined) throw new Error("hexadecimal");
  return bytes;
}

describe("protobuf", () => {
  test("fields are written in the shortest form, also when zero", () => {
    expect(uint32Field(1, 0)).toEqual(hex("08 00"));
    expect(uint32Field(2, 300)).toEqual(hex("10 ac02"));
    expect(uint32Field(3, 0xffff_ffff)).toEqual(hex("18 ffffffff0f"));
    expect(concatBytes(...bytesField(2, new Uint8Array(0)))).toEqual(hex("12 00"));
    expect(concatBytes(...bytesField(4, hex("0102")))).toEqual(hex("22 02 0102"));
    expect(uint32Field(1, 0x7f)).toEqual(hex("08 7f"));
    expect(uint32Field(1, 0x80)).toEqual(hex("08 8001"));
  });

  test("a number takes another byte with each seven bits, and reads back, on both sides of every boundary", () => {
    for (const [bytes, above] of [[1, 2 ** 7], [2, 2 ** 14], [3, 2 ** 21], [4, 2 ** 28], [5, 2 ** 32]] as const) {
      const last = uint32Field(1, above - 1);
      expect([last.length - 1, decodeFields(last, schema)]).toEqual([bytes, { 1: above - 1 }]);
      if (bytes === 5) break;
      const first = uint32Field(1, above);
      expect([first.length - 1, decodeFields(first, schema)]).toEqual([bytes + 1, { 1: above }]);
    }
    for (const wrong of [-1, 2 ** 32, 0.5, NaN]) expect(() => uint32Field(1, wrong)).toThrow("32-bit");
  });

  test("what is written is read, in any order; fields that are missing are absent", () => {
    expect(decodeFields(concatBytes(uint32Field(1, 5), ...bytesField(2, hex("aabb")), uint32Field(15, 0xffff_ffff)), schema)).toEqual({
      1: 5,
      2: hex("aabb"),
      15: 0xffff_ffff,
    });
    expect(decodeFields(concatBytes(...bytesField(2, hex("")), uint32Field(1, 0)), schema)).toEqual({ 1: 0, 2: hex("") });
    expect(decodeFields(hex(""), schema)).toEqual({});
  });

  test("values are copies: the source may change afterwards", () => {
    const source = concatBytes(...bytesField(2, hex("aabb")));
    const fields = decodeFields(source, schema);
    source.fill(0);
    expect(fields?.[2]).toEqual(hex("aabb"));
  });

  test.each([
    ["a varint", "18 ffffffffffffffffff01 08 05"],
    ["64 bits", "19 0102030405060708 08 05"],
    ["bytes", "1a 03 010203 08 05"],
    ["32 bits", "1d 01020304 08 05"],
    ["a field number beyond 15, twice", "8001 01 8001 02 08 05"],
    ["the largest field number", "f8ffffff0f 01 08 05"],
  ])("R18 an unknown field is skipped: %s", (_what, input) => {
    expect(decodeFields(hex(input), schema)).toEqual({ 1: 5 });
  });

  test.each([
    ["a tag without value", "08"],
    ["a varint that does not end", "08 80"],
    ["an overlong varint", "08 8000"],
    ["an overlong zero", "08 80808000"],
    ["an overlong tag", "8800 05"],
    ["an overlong length", "12 8200 0102"],
    ["a varint of eleven bytes", "18 8080808080808080808001"],
    ["a varint beyond 64 bits", "18 ffffffffffffffffff02"],
    ["a uint32 of 33 bits", "08 8080808010"],
    ["a uint32 of 64 bits", "08 ffffffffffffffffff01"],
    ["a length beyond the end", "12 03 0102"],
    ["a length near 2^32", "12 ffffffff0f 01"],
    ["a length near 2^64", "12 ffffffffffffffffff01 01"],
    ["an unknown field with a length beyond the end", "1a 05 01"],
    ["64 bits cut short", "19 01020304"],
    ["32 bits cut short", "1d 010203"],
    ["bytes where a number is expected", "0a 01 05"],
    ["a number where bytes are expected", "10 05"],
    ["32 bits where a number is expected", "0d 05000000"],
    ["64 bits where bytes are expected", "11 0000000000000000"],
    ["a group", "1b 1c"],
    ["an end of a group", "1c"],
    ["reserved wire type 6", "1e"],
    ["reserved wire type 7", "1f"],
    ["field number 0", "00 05"],
    ["a tag of more than 32 bits", "888080808001 05"],
    ["a known field twice", "08 05 08 05"],
    ["known bytes twice", "12 00 12 00"],
  ])("R18 refused: %s", (_what, input) => {
    expect(decodeFields(hex(input), schema)).toBeUndefined();
  });

  test("R18 names on the prototype of a schema are no fields", () => {
    expect(decodeFields(uint32Field(1, 5), Object.create({ 1: "uint32" }) as typeof schema)).toEqual({});
  });
});
