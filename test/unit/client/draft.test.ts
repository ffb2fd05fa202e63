/** What an application may say in one message: threats P17. */
import { expect, test } from "vitest";
import { plaintextBytesMax } from "../../../src/base/limits.js";
import { textOf } from "../../../src/base/xml.js";
import { textContent } from "../../../src/client/draft.js";

test("P17 a text of 128 KiB is one message, counted as UTF-8, and one more byte is too long", () => {
  for (const text of ["x".repeat(plaintextBytesMax), "ä".repeat(plaintextBytesMax / 2)]) {
    expect(textContent({ text }).map(textOf)).toEqual([text]);
    expect(() => textContent({ text: `${text}x` })).toThrow(expect.objectContaining({
      code: "ERR_MESSAGE_TOO_LARGE", details: { bytes: plaintextBytesMax + 1, bytesMax: plaintextBytesMax },
    }) as Error);
  }
});
