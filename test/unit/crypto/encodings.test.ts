import { expect, test } from "vitest";
import { isCanonicalU, isStrictSignatureInput, reduceU } from "../../../src/crypto/encodings.js";
import { hex } from "./hex.js";

const key = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
const s = "00".repeat(32);

test("C02 an R with a y at or above p is refused before any arithmetic, whatever a platform would say", () => {
  expect(isStrictSignatureInput(key, hex(`01${"00".repeat(31)}${s}`))).toBe(true);
  for (const low of ["ed", "ee", "ff"]) {
    for (const top of ["7f", "ff"]) expect(isStrictSignatureInput(key, hex(`${low}${"ff".repeat(30)}${top}${s}`))).toBe(false);
  }
  expect(isStrictSignatureInput(key, hex(`ec${"ff".repeat(30)}7f${s}`))).toBe(true); // p - 1
});

test("every spelling of a u is reduced to the canonical one, which stays as it is", () => {
  const nine = hex(`09${"00".repeat(31)}`);
  for (const spelling of [`09${"00".repeat(31)}`, `09${"00".repeat(30)}80`, `f6${"ff".repeat(30)}7f`, `f6${"ff".repeat(30)}ff`]) {
    const u = hex(spelling);
    expect(reduceU(u)).toEqual(nine);
    expect(u).toEqual(hex(spelling));
  }
  for (const [spelling, reduced] of [["ed", "00"], ["ff", "12"]] as const) {
    expect(reduceU(hex(`${spelling}${"ff".repeat(30)}7f`))).toEqual(hex(`${reduced}${"00".repeat(31)}`));
  }
  expect(isCanonicalU(reduceU(hex(`ec${"ff".repeat(30)}ff`)))).toBe(true);
});
