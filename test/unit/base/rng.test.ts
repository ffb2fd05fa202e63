import { expect, test, vi } from "vitest";

import type { Bytes } from "../../../src/base/bytes.js";
import { InternalError } from "../../../src/base/errors.js";
import { randomId, randomInteger, systemRng } from "../../../src/base/rng.js";

test("F02 an id carries 128 bits of the generator it is given", () => {
  const asked: number[] = [];
  const id = randomId((length) => { asked.push(length); return new Uint8Array(length).fill(0xab); });
  expect(asked).toEqual([16]);
  expect(id).toBe("ab".repeat(16));
  const ids = new Set(Array.from({ length: 1000 }, () => randomId(systemRng())));
  expect(ids.size).toBe(1000);
});

test("C08 without the platform's generator there is an error, not a weaker one", () => {
  vi.stubGlobal("crypto", undefined);
  try {
    expect(() => systemRng()).toThrow(InternalError);
  } finally {
    vi.unstubAllGlobals();
  }
});

test("an integer is uniform: values that would favour the low end are drawn again", () => {
  const draws = [0xff_ff_ff_ff, 7];
  const rng = (length: number): Bytes => {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, draws.shift() ?? 0);
    return bytes;
  };
  expect(randomInteger(rng, 10, 12)).toBe(10 + (7 % 3)); // 2^32 - 1 is the one value over the last multiple of 3
  expect(draws).toEqual([]);
  expect(randomInteger(() => new Uint8Array([255, 255, 255, 255]), 1, 1 << 30)).toBe(1 << 30);
  expect(randomInteger(systemRng(), 5, 5)).toBe(5);
});
