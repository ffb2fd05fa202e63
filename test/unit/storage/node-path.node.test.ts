/** What is no path of a directory. */
import { expect, test } from "vitest";
import { fileStore } from "../../../src/storage/node-store.js";

test.each([undefined, null, 5, ""])("D12 fileStore(%j) is refused by name: an empty path would be the working directory, and destroy() removes what it names", (path) => {
  expect(() => fileStore(path as string)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
});
