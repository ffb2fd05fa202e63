import { expect, test } from "vitest";

import { concatBytes, copyBytes, equalBytes, fromHex, isAllZero, toHex, utf8, utf8Decode, wipe } from "../../../src/base/bytes.js";

test("C05 equality needs the exact length and looks at every byte", () => {
  const mac = Uint8Array.from({ length: 32 }, (_, i) => i);
  expect(equalBytes(mac, copyBytes(mac))).toBe(true);
  expect(equalBytes(mac, mac.subarray(0, 31))).toBe(false);
  expect(equalBytes(mac.subarray(0, 8), mac)).toBe(false);
  expect(equalBytes(new Uint8Array(0), mac)).toBe(false);
  expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true);
  for (let byte = 0; byte < mac.length; byte++) {
    for (const bit of [1, 0x80]) {
      const changed = copyBytes(mac);
      changed[byte] = (changed[byte] as number) ^ bit;
      expect(equalBytes(mac, changed)).toBe(false);
      expect(equalBytes(changed, mac)).toBe(false);
    }
  }
});

test("C05 differences in several bytes do not cancel out", () => {
  expect(equalBytes(Uint8Array.of(1, 1), Uint8Array.of(0, 0))).toBe(false);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(2, 1))).toBe(false);
});

test("all zero means every byte", () => {
  expect(isAllZero(new Uint8Array(32))).toBe(true);
  for (let i = 0; i < 32; i++) {
    const bytes = new Uint8Array(32);
    bytes[i] = 0x80;
    expect(isAllZero(bytes)).toBe(false);
  }
});

test("a copy and a concatenation share nothing with their sources", () => {
  const source = Uint8Array.of(1, 2);
  const copy = copyBytes(source);
  const joined = concatBytes(source, new Uint8Array(0), Uint8Array.of(3));
  source.fill(9);
  expect([...copy]).toEqual([1, 2]);
  expect([...joined]).toEqual([1, 2, 3]);
  expect([...concatBytes()]).toEqual([]);
});

test("C12 wipe overwrites every array it is given, views included", () => {
  const whole = Uint8Array.of(1, 2, 3, 4);
  const other = Uint8Array.of(5);
  wipe(whole.subarray(1, 3), other);
  expect([...whole]).toEqual([1, 0, 0, 4]);
  expect([...other]).toEqual([0]);
});

test.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf4, 0x90, 0x80, 0x80]], [[0xe2, 0x82]]])(
  "P05 bytes that are not UTF-8 are refused, not replaced: %j", (bytes) => {
    expect(utf8Decode(Uint8Array.from(bytes))).toBeUndefined();
  },
);

test("P05 text survives UTF-8, a byte order mark included", () => {
  for (const text of ["", "Wherefore art thou \u{1f339}?", "\ufeffx", "\u0000"]) expect(utf8Decode(utf8(text))).toBe(text);
});

test("C07 hexadecimal is strict", () => {
  expect(toHex(Uint8Array.of(0, 15, 255))).toBe("000fff");
  expect(fromHex("000FfF")).toEqual(Uint8Array.of(0, 15, 255));
  for (const text of ["0", "0g", " 00", "0x00", "00\n"]) expect(fromHex(text)).toBeUndefined();
});
