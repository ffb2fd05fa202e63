import { expect, test } from "vitest";
import fc from "fast-check";

import { fromBase64, toBase64 } from "../../../src/base/base64.js";

test.each([
  ["TQ", "padding left out"],
  ["TQ=", "half the padding"],
  ["TQ===", "too much padding"],
  ["TQ==TQ==", "padding in the middle"],
  ["TR==", "trailing bits that are not zero"],
  ["TWF=", "trailing bits that are not zero, two bytes"],
  ["TW-_", "the URL alphabet"],
  ["TWE\u00a0", "a no-break space"],
  ["TWE\u200b", "a zero-width space"],
  ["TWF\u0000", "NUL"],
  ["TWF.", "a character outside the alphabet"],
  ["\uff34WFu", "a full-width letter"],
  ["=", "padding alone"],
  ["====", "padding alone, as long as a group"],
  ["A===", "three signs of padding"],
  ["TW\f\f\f\fFuTWFu", "form feeds, which atob would drop"],
])("C07 base64 that is not strict is refused: %j (%s)", (text) => {
  expect(fromBase64(text)).toBeUndefined();
});

test("C07 XML white space anywhere is dropped", () => {
  expect(fromBase64(" T\tW\r\nF u\n")).toEqual(new Uint8Array([0x4d, 0x61, 0x6e]));
  expect(fromBase64("\n")).toEqual(new Uint8Array(0));
});

test("RFC 4648 section 10 vectors", () => {
  for (const [plain, coded] of [["", ""], ["f", "Zg=="], ["fo", "Zm8="], ["foo", "Zm9v"], ["foob", "Zm9vYg=="], ["fooba", "Zm9vYmE="], ["foobar", "Zm9vYmFy"]] as const) {
    expect(toBase64(new TextEncoder().encode(plain))).toBe(coded);
    expect(fromBase64(coded)).toEqual(new TextEncoder().encode(plain));
  }
});

test("C07 every byte string survives, and every accepted text is the only one for its bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    expect(fromBase64(toBase64(bytes))).toEqual(new Uint8Array(bytes));
  }));
  fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9+/]{0,12}={0,3}$/), (text) => {
    const bytes = fromBase64(text);
    if (bytes !== undefined) expect(toBase64(bytes)).toBe(text);
  }));
});

test("a megabyte does not overflow the stack", () => {
  const bytes = new Uint8Array(1_000_000).fill(0xa5);
  expect(fromBase64(toBase64(bytes))?.length).toBe(1_000_000);
});
