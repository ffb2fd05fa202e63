/** The store that fails on purpose does it at the chosen operation and nowhere else. @module */
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { storeKey, type Change } from "../../../src/session/ports.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { faultyStore } from "../../../src/testing/faulty-store.js";
import { storeContract } from "../../../src/testing/store-contract.js";

const put = (value: string): readonly Change[] => [{ kind: "put", key: storeKey("a"), value: utf8(value) }];

describe("store contract: a faulty store without a fault", () => {
  let disk = memoryDisk();
  const reset = (): void => {
    disk = memoryDisk();
  };
  for (const { name, run } of storeContract({ open: () => faultyStore(memoryStore(disk)), reset })) test(name, run);
});

describe("faultyStore", () => {
  test("D06 a failing commit applies nothing, and the next one works", async () => {
    const store = faultyStore(memoryStore(), { at: 2, kind: "fail", code: "ERR_STORE_FULL" });
    const fence = await store.acquire();
    await store.commit(put("1"), fence);
    await expect(store.commit(put("2"), fence)).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
    expect(await store.get(storeKey("a"))).toEqual(utf8("1"));
    await store.commit(put("3"), fence);
    expect([store.counted, store.dead]).toEqual([3, false]);
  });

  test.each([["die-before", "1"], ["die-after", "2"]] as const)("D01 %s leaves %s on the disk, and nothing works afterwards", async (kind, left) => {
    const disk = memoryDisk();
    let died = 0;
    const store = faultyStore(memoryStore(disk), { at: 2, kind, onDeath: () => void (died += 1) });
    const fence = await store.acquire();
    await store.commit(put("1"), fence);
    await expect(store.commit(put("2"), fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    await expect(store.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    await expect(store.commit(put("3"), fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    expect([store.dead, died]).toEqual([true, 1]);
    expect(await memoryStore(disk).get(storeKey("a"))).toEqual(utf8(left));
  });

  test("an operation that is under way at the death of the store gets no answer", async () => {
    const store = faultyStore(memoryStore(), { at: 1, kind: "die-before" });
    const fence = await store.acquire();
    const reading = store.get(storeKey("a"));
    const committing = store.commit(put("1"), fence);
    await expect(committing).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    await expect(reading).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  });

  test("any operation can be the one that is counted", async () => {
    const store = faultyStore(memoryStore(), { at: 1, kind: "fail", operations: ["list", "getMany"] });
    expect(await store.get(storeKey("a"))).toBeUndefined();
    await expect(store.list({ prefix: "" })).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    expect(await store.getMany([storeKey("a")])).toEqual([undefined]);
  });
});
