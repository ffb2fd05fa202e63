/** The reference adapter passes the contract. @module */
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { storeKey } from "../../../src/session/ports.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../../src/storage/memory.js";
import { storeContract } from "../../../src/testing/store-contract.js";

describe("store contract: memory", () => {
  let disk: MemoryDisk = memoryDisk();
  const cases = storeContract({
    open: () => memoryStore(disk),
    reset: () => {
      disk = memoryDisk();
    },
  });
  for (const { name, run } of cases) test(name, run);

  test("no two cases have the same name", () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });
});

describe("memoryStore", () => {
  test("D10 one store shared by two owners fences the first of them", async () => {
    const store = memoryStore();
    const first = await store.acquire();
    const second = await store.acquire();
    await expect(store.commit([{ kind: "put", key: storeKey("a"), value: utf8("1") }], first)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await store.commit([{ kind: "put", key: storeKey("a"), value: utf8("2") }], second);
    expect(await store.get(storeKey("a"))).toEqual(utf8("2"));
  });

  test("stores without a common disk know nothing of each other", async () => {
    const store = memoryStore();
    await store.commit([{ kind: "put", key: storeKey("a"), value: utf8("1") }], await store.acquire());
    expect(await memoryStore().get(storeKey("a"))).toBeUndefined();
  });
});
