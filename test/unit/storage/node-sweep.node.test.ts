/** What was deleted or overwritten is gone from the files of the Node store, and pages stay cheap (threats R27). @module */
import { cp, rm } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../src/base/clock.js";
import { systemRng } from "../../../src/base/rng.js";
import { storeKey, type Change, type Store } from "../../../src/session/ports.js";
import { fileStore } from "../../../src/storage/node-store.js";
import { commitsPerSweep, sweepAfterMs } from "../../../src/storage/node-upkeep.js";
import { filesWith, put, workshop, type Workshop } from "./store-directory.js";

let shop: Workshop;
let path = "";
beforeAll(async () => {
  shop = await workshop();
});
beforeEach(() => {
  path = shop.fresh();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => shop.remove());

const random = systemRng();

/** A ratchet at work: chain keys overwritten, message keys written and deleted. Returns the old ones and the living one. */
async function ratchet(store: Store, steps: number): Promise<{ readonly used: readonly Uint8Array[]; readonly living: Uint8Array }> {
  const fence = await store.acquire();
  const used: Uint8Array[] = [];
  let living = random(32);
  for (let step = 0; step < steps; step++) {
    const messageKey = random(32);
    await store.commit([put("omemo/session", living), put(`omemo/skipped/${step}`, messageKey), put(`client/log/${step}`, random(200))], fence);
    const remove: Change = { kind: "delete", key: storeKey(`omemo/skipped/${step}`) };
    used.push(living, messageKey);
    living = random(32);
    await store.commit([put("omemo/session", living), remove], fence);
  }
  return { used, living };
}

async function remains(directory: string, used: readonly Uint8Array[]): Promise<number> {
  let found = 0;
  for (const key of used) if ((await filesWith(directory, key)).length > 0) found += 1;
  return found;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => { setTimeout(resolve, 20); });
}

describe("Node store: sweeps", () => {
  test("R27 after closing, no used key is in any file of the store, and the living one is", async () => {
    // Several lives: tables of earlier ones lie at the bottom, where LevelDB would leave them alone.
    const used: Uint8Array[] = [];
    for (let life = 0; life < 3; life++) {
      const store = fileStore(path);
      const keys = await ratchet(store, 25);
      expect(await remains(path, keys.used)).toBe(keys.used.length); // the search does find them as long as they are there
      await store.close();
      used.push(...keys.used);
      expect(await remains(path, used)).toBe(0);
      expect(await filesWith(path, keys.living)).toHaveLength(1);
      used.push(keys.living);
    }
  });

  test("R27 a store that stays open is swept when the documented time is over", async () => {
    const planned: { readonly delay: number; readonly task: () => void }[] = [];
    vi.spyOn(systemClock, "schedule").mockImplementation((delay, task) => {
      planned.push({ delay, task });
      return () => undefined;
    });
    const store = fileStore(path);
    const { used } = await ratchet(store, 25);
    const sweep = planned.filter(({ delay }) => delay === sweepAfterMs);
    expect(sweep).toHaveLength(1);
    expect(await remains(path, used)).toBeGreaterThan(0);
    sweep[0]?.task();
    await until(async () => (await remains(path, used)) === 0);
    await store.commit([put("a", "more")], await store.acquire()); // and the clock starts anew
    expect(planned.filter(({ delay }) => delay === sweepAfterMs)).toHaveLength(2);
    await store.close();
  });

  test("R27 a store that stays open is swept after the documented number of commits", async () => {
    const store = fileStore(path);
    const { used } = await ratchet(store, 5);
    const fence = await store.acquire();
    for (let done = 0; done < commitsPerSweep; done += 512) {
      await Promise.all(Array.from({ length: 512 }, (_unused, n) => store.commit([put("n", String(done + n))], fence)));
    }
    await until(async () => (await remains(path, used)) === 0);
    await store.close();
  });

  test("R27 what a killed process left is swept by the next one on close, even if that commits nothing", async () => {
    const store = fileStore(path);
    const { used } = await ratchet(store, 25);
    const crashed = shop.fresh();
    await cp(path, crashed, { recursive: true });
    await store.close();
    expect(await remains(crashed, used)).toBeGreaterThan(0);
    const next = fileStore(crashed);
    await next.get(storeKey("omemo/session"));
    await next.close();
    expect(await remains(crashed, used)).toBe(0);
    await rm(crashed, { recursive: true });
  });
});

describe("Node store: pages", () => {
  test("a page of ten thousand rows reads the rows of the page and no others", async () => {
    const store = fileStore(path);
    const fence = await store.acquire();
    for (let at = 0; at < 10_000; at += 1000) {
      await store.commit(Array.from({ length: 1000 }, (_unused, n) => put(`log/${String(at + n).padStart(6, "0")}`, "x".repeat(300))), fence);
    }
    const { ClassicLevel } = await import("classic-level");
    const asked = vi.spyOn(ClassicLevel.prototype, "iterator");
    let [seen, largest] = [0, 0];
    for (let after: string | undefined; ; ) {
      const page = await store.list({ prefix: "log/", ...(after === undefined ? {} : { after }), limit: 100 });
      seen += page.length;
      largest = Math.max(largest, page.reduce((sum, row) => sum + row.value.buffer.byteLength, 0));
      after = page.at(-1)?.key;
      if (page.length < 100) break;
    }
    expect([seen, largest]).toEqual([10_000, 30_000]); // nothing larger than the page hangs on it
    for (const [options] of asked.mock.calls) expect(options).toMatchObject({ limit: 100 });
    await store.close();
  });
});
