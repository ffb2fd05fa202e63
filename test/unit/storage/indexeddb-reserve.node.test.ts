/** The reserve for the device's own state, on a quota in memory (D06). */
import { IDBKeyRange as FakeKeyRange } from "fake-indexeddb";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { storeKey, vitalPrefixes, type Change, type DeviceId, type Fence, type Store } from "../../../src/session/ports.js";
import type { BareJid } from "../../../src/base/jid.js";
import { utf8 } from "../../../src/base/bytes.js";
import { storeReserveBytes } from "../../../src/base/limits.js";
import { indexedDbStore } from "../../../src/storage/indexeddb.js";
import { quotaFactory, type QuotaFactory } from "../../support/idb-quota.js";

beforeAll(() => {
  vi.stubGlobal("IDBKeyRange", FakeKeyRange);
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  vi.unstubAllGlobals();
});

const kib = 1024;
const bulk = (n: number): Change => ({ kind: "put", key: storeKey(`client/log/${n.toString().padStart(6, "0")}`), value: new Uint8Array(4 * kib) });
const vital = (n: number): Change => ({ kind: "put", key: storeKey(`omemo/2/device/${n.toString()}`), value: new Uint8Array(5 * kib) }); // more than bulk leaves
const full = { code: "ERR_STORE_FULL", retryable: true };

/** Bulk until no more fits. @returns how many rows were acknowledged */
async function fill(store: Store, fence: Fence): Promise<number> {
  for (let n = 0; ; n++) {
    try {
      await store.commit([bulk(n)], fence);
    } catch (error) {
      expect(error).toMatchObject(full);
      return n;
    }
  }
}

async function filled(): Promise<{ store: Store; fence: Fence; disk: QuotaFactory; rows: number }> {
  const disk = quotaFactory(1024 * kib);
  const store = indexedDbStore("s", { platform: disk.platform, reserveBytes: 256 * kib });
  const fence = await store.acquire();
  return { store, fence, disk, rows: await fill(store, fence) };
}

describe("IndexedDB store: the reserve", () => {
  test("D06 when bulk is refused, key state is still written, and what was acknowledged is still read", async () => {
    const { store, fence, rows } = await filled();
    expect(rows).toBeGreaterThan(100);
    for (let n = 0; n < 40; n++) await store.commit([vital(n)], fence);
    expect(await store.list({ prefix: "omemo/" })).toHaveLength(40);
    expect(await store.list({ prefix: "client/log/" })).toHaveLength(rows);
    await store.close();
  });

  test("D06 who says nothing keeps a mebibyte aside", async () => {
    const { platform } = quotaFactory(4 * storeReserveBytes);
    const store = indexedDbStore("s", { platform });
    await store.commit([bulk(1)], await store.acquire());
    await store.close();
    const reserve = await new Promise<unknown>((resolve) => {
      const request = platform.open("s", 1);
      request.onsuccess = () => {
        const row = request.result.transaction("records").objectStore("records").get(" reserve");
        row.onsuccess = () => { resolve(row.result); };
      };
    });
    expect(reserve).toHaveProperty("length", storeReserveBytes);
  });

  test.each([0, 2, 3, 4, 5, 6, 9])("D06 the reserve is not put back while key state is being written from it, though hasRoom() is asked after %i turns", async (turns) => {
    const { store, fence } = await filled();
    const committed = store.commit([vital(1)], fence);
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => { setImmediate(resolve); });
    await Promise.all([store.hasRoom?.(), committed]);
    expect(await store.list({ prefix: "omemo/" })).toHaveLength(1);
    await store.close();
  });

  test("D06 a received message is key state and text in one commit: it is stored as a whole from the reserve", async () => {
    const { store, fence, rows } = await filled();
    await store.commit([vital(1), bulk(rows)], fence);
    expect(await store.list({ prefix: "client/log/" })).toHaveLength(rows + 1);
    await store.close();
  });

  test("D06 while the reserve is given up, bulk is refused, though there would be room for it", async () => {
    const { store, fence, disk, rows } = await filled();
    await store.commit([vital(1)], fence);
    expect(disk.quota - disk.used).toBeGreaterThan(200 * kib);
    await expect(store.commit([bulk(rows)], fence)).rejects.toMatchObject(full);
    expect(await store.hasRoom?.()).toBe(false);
    expect((await store.list({ prefix: "client/log/" })).map(({ key }) => key)).not.toContain(`client/log/${rows.toString().padStart(6, "0")}`);
    await store.close();
  });

  test("D06 deleting works without any room, and after it the reserve comes back before anything else", async () => {
    const { store, fence, disk } = await filled();
    await store.commit([vital(1)], fence);
    disk.quota = disk.used; // somebody else of this origin took the rest
    await store.commit([{ kind: "delete", key: storeKey("client/log/000000") }], fence);
    expect(await store.hasRoom?.()).toBe(false);
    await expect(store.commit([bulk(0)], fence)).rejects.toMatchObject(full);
    await store.commit(Array.from({ length: 80 }, (_, n): Change => ({ kind: "delete", key: bulk(n).key })), fence);
    expect(await store.hasRoom?.()).toBe(true);
    disk.quota = disk.used;
    await store.commit([vital(2)], fence); // from the reserve again
    await store.close();
  });

  test("D06 the application is told when room ends and when there is some again", async () => {
    const { store, fence } = await filled();
    const told: boolean[] = [];
    expect(await store.condition?.((later) => told.push(later.full))).toMatchObject({ full: true, lost: false });
    await store.commit(Array.from({ length: 80 }, (_, n): Change => ({ kind: "delete", key: bulk(n).key })), fence);
    await store.commit([bulk(0)], fence);
    expect(told).toEqual([false]);
    await fill(store, fence);
    expect(told).toEqual([false, true]);
    await store.close();
  });

  test("D06 a store without any room is still opened, taken over and read", async () => {
    const { store, disk, rows } = await filled();
    await store.close();
    disk.quota = disk.used;
    const again = indexedDbStore("s", { platform: disk.platform, reserveBytes: 256 * kib });
    const fence = await again.acquire();
    expect(await again.list({ prefix: "client/log/" })).toHaveLength(rows);
    await again.commit([vital(1)], fence);
    await again.close();
  });

  test("D06 a reserve that is used up is ERR_STORE_FULL for key state, too, and nothing of the commit is there", async () => {
    const { store, fence } = await filled();
    let written = 0;
    await expect((async () => {
      for (; written < 1_000; written++) await store.commit([vital(written)], fence);
    })()).rejects.toMatchObject(full);
    expect(written).toBeGreaterThan(40);
    expect(await store.list({ prefix: "omemo/" })).toHaveLength(written);
    await store.close();
  });

  test("D10 giving up the reserve does not get around the fence", async () => {
    const { store, fence, disk } = await filled();
    disk.quota = disk.used + 64;
    const other = indexedDbStore("s", { platform: disk.platform, reserveBytes: 256 * kib });
    const newer = await other.acquire();
    await expect(store.commit([vital(1)], fence)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await other.commit([vital(1)], newer);
    await Promise.all([store.close(), other.close()]);
  });

  test("D10 whoever is replaced in the middle of giving up the reserve leaves it to the new owner", async () => {
    const { store, fence, disk } = await filled();
    const other = indexedDbStore("s", { platform: disk.platform, reserveBytes: 256 * kib });
    await other.owns(fence); // opens its connection: what follows is a race of transactions alone
    const used = disk.used;
    const commit = store.commit([vital(1)], fence).then(() => "done", (error: unknown) => error);
    const newer = await other.acquire(); // queued behind the transaction that finds no room, and before the one that gives the reserve up
    expect(await commit).toMatchObject({ code: "ERR_STORE_FENCED" });
    expect(disk.used).toBe(used);
    await other.commit([vital(1)], newer);
    await Promise.all([store.close(), other.close()]);
  });

  test("D10 whoever was replaced does not put the reserve back", async () => {
    const { store, fence, disk } = await filled();
    await store.commit([vital(1)], fence);
    const other = indexedDbStore("s", { platform: disk.platform, reserveBytes: 256 * kib });
    await other.acquire();
    disk.quota *= 2;
    const used = disk.used;
    await store.hasRoom?.();
    expect(disk.used).toBe(used);
    await Promise.all([store.close(), other.close()]);
  });

  test("every row of the session layer is one that the reserve is for", () => {
    const sha256 = (): Uint8Array<ArrayBuffer> => new Uint8Array(32);
    for (const version of ["urn:xmpp:omemo:2", "eu.siacs.conversations.axolotl"] as const) {
      const keys = new StoreKeys({ sha256 }, version);
      const device = { jid: "a@b" as BareJid, deviceId: 1 as DeviceId };
      const all: readonly string[] = [
        keys.ownDevice(), keys.retiredDevices(), keys.ownBundle(), keys.preKey(1), keys.deviceList(device.jid), keys.strangersLists(), keys.device(device),
        keys.archivedSession(keys.device(device), 1), keys.skippedPrefix(keys.device(device), 1), keys.skippedTotal(), keys.trust(device.jid, utf8("k")), keys.owner(device.jid),
      ];
      for (const key of all) expect(vitalPrefixes.some((prefix) => key.startsWith(prefix)), key).toBe(true);
    }
  });
});
