/** What is no path of a directory. */
import { expect, test } from "vitest";
import { fileStore } from "../../../src/storage/node-store.js";

test.each([undefined, null, 5, ""])("D12 fileStore(%j) is refused by name: an empty path would be the working directory, and destroy() removes what it names", (path) => {
  expect(() => fileStore(path as string)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
});

test.each(["/proc/none", "/proc/none/of/these", "/dev/null/none"])("D12 where no directory can be made, as in %s, that is said, and nothing goes on in search of one", async (path) => {
  const before = process.cpuUsage();
  await expect(fileStore(path).acquire()).rejects.toMatchObject({ name: "StorageError", code: "ERR_STORE_UNAVAILABLE", retryable: false });
  expect(process.cpuUsage(before).system).toBeLessThan(500_000); // microseconds
});
