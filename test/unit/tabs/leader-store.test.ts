/** The store of a leader is taken over by whoever holds the lock, and by nobody else (D10). */
import { expect, test } from "vitest";
import { storeTakeOversMax } from "../../../src/base/limits.js";
import type { Fence, Store } from "../../../src/session/ports.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { leaderStore } from "../../../src/tabs/leader-store.js";
import { storeWith } from "../../../src/tabs/store-with.js";

const yes = (): Promise<boolean> => Promise.resolve(true);
const fenced = { code: "ERR_STORE_FENCED" };

/** A store on `disk` that another writer takes over each time between the leader's word and its turn, so many times. */
function overtaken(times: number): { readonly store: Store; readonly tries: () => number; readonly other: Store } {
  const disk = memoryDisk();
  const [inner, other] = [memoryStore(disk), memoryStore(disk)];
  let tries = 0;
  const acquire = (confirm?: () => Promise<boolean>): Promise<Fence> => inner.acquire(async () => {
    const confirmed = await confirm?.();
    tries += 1;
    if (tries <= times) await other.acquire();
    return confirmed === true;
  });
  return { store: storeWith(inner, { acquire }), tries: () => tries, other };
}

test("D10 whoever holds the lock takes the store over", async () => {
  const disk = memoryDisk();
  const former = memoryStore(disk);
  const old = await former.acquire();
  const store = leaderStore(memoryStore(disk), yes);
  const fence = await store.acquire();
  expect([await store.owns(fence), await former.owns(old)]).toEqual([true, false]);
});

test("D10 whoever does not hold it leaves the store with its owner", async () => {
  const disk = memoryDisk();
  const owner = memoryStore(disk);
  const fence = await owner.acquire();
  await expect(leaderStore(memoryStore(disk), () => Promise.resolve(false)).acquire()).rejects.toMatchObject(fenced);
  expect(await owner.owns(fence)).toBe(true);
});

test("D10 a former leader that takes over late, having looked before it lost the lock, does not keep the store", async () => {
  const { store, tries } = overtaken(1);
  const leading = leaderStore(store, yes);
  expect(await leading.owns(await leading.acquire())).toBe(true);
  expect(tries()).toBe(2);
});

test("D10 a leader that is overtaken and has lost the lock meanwhile does not try again", async () => {
  const { store, tries } = overtaken(1);
  let asked = 0;
  await expect(leaderStore(store, () => Promise.resolve(++asked === 1)).acquire()).rejects.toMatchObject(fenced);
  expect(tries()).toBe(1);
});

test("D10 D20 an adapter, or a wrapper around one, that takes the store over without asking is found out at the first start", async () => {
  const inner = memoryStore();
  const store = storeWith(inner, { acquire: () => inner.acquire() });
  await expect(leaderStore(store, yes).acquire()).rejects.toMatchObject({ code: "ERR_STORE_CONTRACT", details: { operation: "acquire" } });
});

test("D10 a leader that is overtaken each time gives up", async () => {
  const { store, tries } = overtaken(Infinity);
  await expect(leaderStore(store, yes).acquire()).rejects.toMatchObject(fenced);
  expect(tries()).toBe(storeTakeOversMax);
});

test("what else fails is told at once", async () => {
  const store = storeWith(memoryStore(), { acquire: () => Promise.reject(new Error("no")) });
  await expect(leaderStore(store, yes).acquire()).rejects.toThrow("no");
});
