/** An adapter that breaks a promise at run time is stopped there and then (threats D20). @module */
import { describe, expect, test } from "vitest";
import { utf8, type Bytes } from "../../../src/base/bytes.js";
import { storeKey, type Change, type Fence, type Store, type StoreCondition, type StoreRow } from "../../../src/session/ports.js";
import { guardedStore } from "../../../src/storage/guarded-store.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../../src/storage/memory.js";
import { faultyStore } from "../../../src/testing/faulty-store.js";
import { storeContract } from "../../../src/testing/store-contract.js";

describe("store contract: a sound store under guard", () => {
  let disk = memoryDisk();
  const reset = (): void => {
    disk = memoryDisk();
  };
  for (const { name, run } of storeContract({ open: () => guardedStore(memoryStore(disk)), reset })) test(name, run);
});

const put = (key: string, value: string): Change => ({ kind: "put", key: storeKey(key), value: utf8(value) });
const a = storeKey("a");

const fine: StoreCondition = { persistence: "unknown", lost: false, full: false };

/** A memory store with one method that lies, from the moment it is told to. */
function lying(broken: (sound: Store, disk: MemoryDisk) => Partial<Store>): { readonly store: Store; readonly lie: () => void } {
  const disk = memoryDisk();
  const sound = memoryStore(disk);
  const store: Record<string, unknown> = {};
  for (const name of ["acquire", "owns", "get", "getMany", "list", "commit", "close", "destroy", "history"] as const) {
    store[name] = (sound[name] as (...parameters: unknown[]) => unknown).bind(sound);
  }
  Object.assign(store, { condition: () => Promise.resolve(fine), hasRoom: () => Promise.resolve(true) });
  return { store: guardedStore(store as unknown as Store), lie: () => void Object.assign(store, broken(sound, disk)) };
}

const rows = (...keys: readonly string[]): readonly StoreRow[] => keys.map((key) => ({ key: storeKey(key), value: utf8("x") }));
const lies: readonly (readonly [string, string, (sound: Store, disk: MemoryDisk) => Partial<Store>, (store: Store, fence: Fence) => Promise<unknown>])[] = [
  ["a fence that was given out before", "acquire", () => ({ acquire: () => Promise.resolve("1" as Fence) }), (store) => store.acquire()],
  ["an owns() that says neither yes nor no", "owns", () => ({ owns: () => Promise.resolve(undefined as unknown as boolean) }), (store, fence) => store.owns(fence)],
  ["a value that is no byte string", "get", () => ({ get: () => Promise.resolve("1" as unknown as Bytes) }), (store) => store.get(storeKey("other"))],
  ["an answer too few", "getMany", () => ({ getMany: () => Promise.resolve([]) }), (store) => store.getMany([a])],
  ["rows out of order", "list", () => ({ list: () => Promise.resolve(rows("b", "a")) }), (store) => store.list({ prefix: "" })],
  ["a row twice", "list", () => ({ list: () => Promise.resolve(rows("a", "a")) }), (store) => store.list({ prefix: "" })],
  ["a row outside of the range", "list", () => ({ list: () => Promise.resolve(rows("a", "n")) }), (store) => store.list({ prefix: "a" })],
  ["more rows than asked for", "list", () => ({ list: () => Promise.resolve(rows("a", "b")) }), (store) => store.list({ prefix: "", limit: 1 })],
  ["a commit that was acknowledged and is not there", "commit", () => ({ commit: () => Promise.resolve() }), async (store, fence) => {
    await store.commit([put("a", "2")], fence);
    return store.get(a);
  }],
  ["a delete that was acknowledged and did not happen", "commit", () => ({ commit: () => Promise.resolve() }), async (store, fence) => {
    await store.commit([{ kind: "delete", key: a }], fence);
    return store.getMany([storeKey("b"), a]);
  }],
  ["a commit for a fence that never was", "commit", (_sound, disk) => ({ commit: (changes) => memoryStore(disk).commit(changes, String(disk.acquisitions) as Fence) }), (store) => store.commit([put("a", "2")], "forged" as Fence)],
  ["an error without a meaning", "error", () => ({ commit: () => Promise.reject(new TypeError("undefined is not a function")) }), (store, fence) => store.commit([put("a", "2")], fence)],
  ["a history without a name", "history", () => ({ history: () => Promise.resolve("") }), async (store) => store.history?.()],
  ["a condition that says nothing", "condition", () => ({ condition: () => Promise.resolve({} as StoreCondition) }), async (store) => store.condition?.()],
  ["a later condition that says nothing", "condition", () => ({ condition: (later) => { later?.({} as StoreCondition); return Promise.resolve(fine); } }), async (store) => {
    await store.condition?.();
    return store.get(a);
  }],
  ["a room that is neither there nor not", "hasRoom", () => ({ hasRoom: () => Promise.resolve(undefined as unknown as boolean) }), async (store) => store.hasRoom?.()],
];

describe("guardedStore", () => {
  test.each(lies)("D20 %s is fatal", async (_what, operation, broken, use) => {
    const { store, lie } = lying(broken);
    const fence = await store.acquire();
    await store.commit([put("a", "1")], fence);
    lie();
    await expect(use(store, fence)).rejects.toMatchObject({ code: "ERR_STORE_CONTRACT", details: { operation } });
    for (const call of [() => store.get(a), () => store.list({ prefix: "" }), () => store.acquire(), () => store.commit([put("a", "3")], fence), () => store.owns(fence)]) {
      await expect(call()).rejects.toMatchObject({ code: "ERR_STORE_CONTRACT" });
    }
    await store.close();
  });

  test("what a sound store tells of its medium comes through", async () => {
    const { store } = lying(() => ({}));
    await store.acquire();
    expect([await store.condition?.(), await store.hasRoom?.()]).toEqual([fine, true]);
    const silent = guardedStore(memoryStore());
    expect(["condition", "hasRoom"].map((name) => (silent as unknown as Record<string, unknown>)[name])).toEqual([undefined, undefined]);
  });

  test("D20 the refusals of a sound store are no violation", async () => {
    const store = guardedStore(faultyStore(memoryStore(), { at: 1, kind: "fail", code: "ERR_STORE_FULL" }));
    const fence = await store.acquire();
    await expect(store.commit([put("a", "1")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
    await store.commit([put("a", "2")], fence);
    await expect(store.commit([put("a", "3")], "forged" as Fence)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    expect(await store.get(a)).toEqual(utf8("2"));
  });

  test("D20 what another owner has written meanwhile is no violation", async () => {
    const disk = memoryDisk();
    const store = guardedStore(memoryStore(disk));
    await store.commit([put("a", "1")], await store.acquire());
    const other = memoryStore(disk);
    await other.commit([put("a", "2")], await other.acquire());
    expect(await store.get(a)).toEqual(utf8("2"));
    expect(await store.get(a)).toEqual(utf8("2"));
  });
});
