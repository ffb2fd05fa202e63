/** The IndexedDB store over an implementation in memory, where faults can be planted. @module */
import { IDBFactory as FakeFactory, IDBKeyRange as FakeKeyRange, IDBObjectStore as FakeObjectStore } from "fake-indexeddb";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { systemClock, type Clock } from "../../../src/base/clock.js";
import { storeKey, type Change, type Fence, type Store } from "../../../src/session/ports.js";
import { indexedDbStore } from "../../../src/storage/indexeddb.js";
import { storeOpenTimeoutMs, storeReopenMs, storeReopensMax } from "../../../src/base/limits.js";
import type { StoreWitness } from "../../../src/storage/store-witness.js";
import { storeContract } from "../../../src/testing/store-contract.js";

beforeAll(() => {
  vi.stubGlobal("IDBKeyRange", FakeKeyRange);
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  vi.unstubAllGlobals();
});

const put = (key: string, value: string): Change => ({ kind: "put", key: storeKey(key), value: utf8(value) });
const fresh = (): IDBFactory => new FakeFactory();

/** A store with one row, the factory under it, and each connection that it opens. */
async function filled(): Promise<{ store: Store; fence: Fence; platform: IDBFactory; connections: IDBDatabase[] }> {
  const platform = fresh();
  const connections: IDBDatabase[] = [];
  const open = platform.open.bind(platform);
  vi.spyOn(platform, "open").mockImplementation((name, version) => {
    const request = open(name, version);
    request.addEventListener("success", () => connections.push(request.result));
    return request;
  });
  const store = indexedDbStore("s", { platform });
  const fence = await store.acquire();
  await store.commit([put("a", "1")], fence);
  return { store, fence, platform, connections };
}

/** A request whose transaction fails with this error, as a browser reports a full disk: after put() has returned. */
function failLater(nth: number, name: string): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the right `this` below
  const sound = FakeObjectStore.prototype.put;
  let calls = 0;
  vi.spyOn(FakeObjectStore.prototype, "put").mockImplementation(function faulty(this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
    const request = sound.call(this, value, key);
    calls += 1;
    if (calls === nth) {
      const error = new DOMException("planted", name);
      Object.defineProperty(this.transaction, "error", { get: () => error });
      this.transaction.abort();
    }
    return request;
  });
}

/** The next writing transaction of this connection only deletes; put() throws in it. @returns the modes of those that are begun to write */
function onlyDeletingNext(connection: IDBDatabase): string[] {
  const modes: string[] = [];
  const sound = connection.transaction.bind(connection);
  vi.spyOn(connection, "transaction").mockImplementation((names, mode, options) => {
    const transaction = sound(names, mode, options);
    if (mode !== "readwrite") return transaction;
    if (modes.length === 0) Object.assign(transaction, { mode: "cleanup" });
    modes.push(transaction.mode);
    return transaction;
  });
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the right `this` below
  const { put: write } = FakeObjectStore.prototype;
  vi.spyOn(FakeObjectStore.prototype, "put").mockImplementation(function refusing(this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
    if (this.transaction.mode !== "readwrite") throw new DOMException("planted", "InvalidStateError");
    return write.call(this, value, key);
  });
  return modes;
}

describe("store contract: IndexedDB in memory", () => {
  let platform = fresh();
  const cases = storeContract({
    open: () => indexedDbStore("contract", { platform }),
    reset: () => {
      platform = fresh();
    },
  });
  for (const { name, run } of cases) test(name, run);
});

describe("IndexedDB store: faults", () => {
  for (const nth of [1, 2, 3]) {
    test(`D06 a quota that ends at write ${nth} of 3 gives ERR_STORE_FULL and leaves nothing behind`, async () => {
      const { store, fence } = await filled();
      failLater(nth, "QuotaExceededError");
      await expect(store.commit([put("a", "2"), put("b", "2"), put("c", "2")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FULL", retryable: true });
      vi.restoreAllMocks();
      expect((await store.list({ prefix: "" })).map(({ key }) => key)).toEqual(["a"]);
      expect(await store.get(storeKey("a"))).toEqual(utf8("1"));
      await store.commit([{ kind: "delete", key: storeKey("a") }], fence); // deleting still works
      expect(await store.list({ prefix: "" })).toEqual([]);
      await store.close();
    });
  }

  test("D06 a transaction that may only delete, as Firefox begins one after the end of the quota, deletes; what writes has another one on the same connection", async () => {
    const { store, fence, connections } = await filled();
    const connection = connections[0] as IDBDatabase;
    const begun = onlyDeletingNext(connection);
    await store.commit([put("b", "1"), put("c", "1")], fence);
    expect(begun).toEqual(["cleanup", "readwrite"]);
    expect((await store.list({ prefix: "" })).map(({ key }) => key)).toEqual(["a", "b", "c"]);
    vi.restoreAllMocks();
    const again = onlyDeletingNext(connection);
    await store.commit([{ kind: "delete", key: storeKey("a") }, { kind: "delete", key: storeKey("b") }], fence);
    expect(again).toEqual(["cleanup"]);
    expect((await store.list({ prefix: "" })).map(({ key }) => key)).toEqual(["c"]);
    expect(connections.length).toBe(1);
    await store.close();
  });

  test("D04 a transaction that the browser aborts without a reason is a typed rejection, not null", async () => {
    const { store, fence, connections } = await filled();
    const connection = connections[0] as IDBDatabase;
    const sound = connection.transaction.bind(connection);
    vi.spyOn(connection, "transaction").mockImplementationOnce((...parameters) => {
      const transaction = sound(...parameters);
      queueMicrotask(() => transaction.abort());
      return transaction;
    });
    await expect(store.commit([put("a", "2")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    expect(await store.get(storeKey("a"))).toEqual(utf8("1"));
    await store.close();
  });

  test("D04 a put() that throws aborts what was put before it", async () => {
    const { store, fence } = await filled();
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the right `this` below
    const sound = FakeObjectStore.prototype.put;
    let calls = 0;
    vi.spyOn(FakeObjectStore.prototype, "put").mockImplementation(function faulty(this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
      calls += 1;
      if (calls === 2) throw new DOMException("planted", "DataError");
      return sound.call(this, value, key);
    });
    await expect(store.commit([put("a", "2"), put("b", "2")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    vi.restoreAllMocks();
    expect(await store.get(storeKey("a"))).toEqual(utf8("1"));
    await store.close();
  });

  test("D08 a platform without IndexedDB, or that forbids it, is a rejection with ERR_STORE_UNAVAILABLE", async () => {
    const none = indexedDbStore("s");
    await expect(none.acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE", details: { reason: "missing" } });
    await none.close();

    const platform = fresh();
    vi.spyOn(platform, "open").mockImplementation(() => {
      throw new DOMException("planted", "SecurityError");
    });
    const forbidden = indexedDbStore("s", { platform });
    await expect(forbidden.acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE", details: { reason: "forbidden" } });
    await expect(forbidden.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    vi.restoreAllMocks();
    await forbidden.acquire(); // tried anew: the user may have allowed it meanwhile
    await forbidden.close();
  });

  test("D08 a database that another tab keeps blocked is ERR_STORE_UNAVAILABLE at once", async () => {
    const platform = fresh();
    const stubborn = await new Promise<IDBDatabase>((resolve) => {
      const request = platform.open("s", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("records");
      request.onsuccess = () => resolve(request.result); // no onversionchange: it never lets go
    });
    const store = indexedDbStore("s", { platform });
    await store.commit([put("a", "1")], await store.acquire());
    await expect(store.destroy()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: true });
    const rows = await new Promise<number>((resolve) => {
      const request = stubborn.transaction("records").objectStore("records").count();
      request.onsuccess = () => resolve(request.result);
    });
    expect(rows).toBe(0); // the database is still there, but nothing in it
    stubborn.close();
  });

  test("D08 a request that waits without a word behind somebody who does not let go is given up, and works after that lets go", async () => {
    const { store, platform } = await filled();
    await store.close();
    const stubborn = await new Promise<IDBDatabase>((resolve) => {
      const request = platform.open("s");
      request.onsuccess = () => resolve(request.result); // no onversionchange: it never lets go
    });
    const upgrade = platform.open("s", 2);
    await new Promise((resolve) => { upgrade.onblocked = resolve; });
    const deadlines: [number, () => void][] = [];
    const clock: Clock = { ...systemClock, schedule: (...deadline) => { deadlines.push([deadline[0], deadline[1]]); return () => undefined; } };
    const waiting = indexedDbStore("s", { platform, clock });
    const outcome = waiting.get(storeKey("a")).then(() => "opened", (error: unknown) => error);
    expect(deadlines.map(([delay]) => delay)).toEqual([storeOpenTimeoutMs]);
    deadlines[0]?.[1]();
    expect(await outcome).toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: true, details: { reason: "blocked" } });
    upgrade.onupgradeneeded = () => upgrade.transaction?.abort();
    const over = new Promise((resolve) => { upgrade.onerror = resolve; });
    stubborn.close();
    await over;
    expect(await waiting.get(storeKey("a"))).toEqual(utf8("1"));
    await waiting.close();
  });

  test("D08 an older tab that does not let go blocks an upgrade at once, and it works after that lets go", async () => {
    const { store, platform } = await filled();
    await store.close();
    const stubborn = await new Promise<IDBDatabase>((resolve) => {
      const request = platform.open("s", 1);
      request.onsuccess = () => resolve(request.result);
    });
    const next = { open: (name: string, version: number) => platform.open(name, version + 1) } as IDBFactory;
    const newer = indexedDbStore("s", { platform: next });
    await expect(newer.acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: true, details: { reason: "blocked" } });
    stubborn.close();
    await vi.waitFor(() => newer.acquire());
    expect(await newer.get(storeKey("a"))).toEqual(utf8("1"));
    await newer.close();
    // What was opened late, for the request that had been given up, is closed again: it would block whoever comes next.
    expect(await new Promise((resolve) => {
      const request = platform.deleteDatabase("s");
      request.onblocked = () => { resolve("blocked"); };
      request.onsuccess = () => { resolve("removed"); };
    })).toBe("removed");
  });

  test("D07 a database that is gone when the connection is opened again is not taken for the old one, and not made anew", async () => {
    const { store, fence, platform, connections } = await filled();
    connections[0]?.close();
    await new Promise((resolve) => { platform.deleteDatabase("s").onsuccess = resolve; });
    const evicted = { code: "ERR_STORE_UNAVAILABLE", retryable: false, details: { reason: "evicted" } };
    await expect(store.get(storeKey("a"))).rejects.toMatchObject(evicted);
    await expect(store.commit([put("a", "2")], fence)).rejects.toMatchObject(evicted); // the first cause, whoever asks
    expect(await platform.databases()).toEqual([]);
    await store.close();
    await expect(store.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_CLOSED", details: {} });
  });

  test("D07 an eviction is told though nobody asks the store for anything", async () => {
    const { store, platform, connections } = await filled();
    const ends: unknown[] = [];
    store.onEnd?.((error) => ends.push(error));
    connections[0]?.close();
    await new Promise((resolve) => { platform.deleteDatabase("s").onsuccess = resolve; });
    connections[0]?.onclose?.(new Event("close"));
    await vi.waitFor(() => { expect(ends).toMatchObject([{ code: "ERR_STORE_UNAVAILABLE", details: { reason: "evicted" } }]); });
    expect(await platform.databases()).toEqual([]);
    await store.close();
  });

  test("D07 a browser that opens nothing while it deletes is asked again, and the eviction is told all the same", async () => {
    const { store, platform, connections } = await filled();
    const ends: unknown[] = [];
    store.onEnd?.((error) => ends.push(error));
    connections[0]?.close();
    await new Promise((resolve) => { platform.deleteDatabase("s").onsuccess = resolve; });
    const refused = new Promise<void>((resolve) => {
      vi.spyOn(platform, "open").mockImplementationOnce(() => { resolve(); throw new DOMException("The connection was closed.", "AbortError"); });
    });
    connections[0]?.onclose?.(new Event("close"));
    await refused;
    expect(ends).toEqual([]);
    await vi.waitFor(() => { expect(ends).toMatchObject([{ code: "ERR_STORE_UNAVAILABLE", details: { reason: "evicted" } }]); });
    await store.close();
  });

  test("D07 who asks while the browser opens nothing, because it deletes, is answered with what became of the database", async () => {
    const { store, platform, connections } = await filled();
    connections[0]?.close();
    await new Promise((resolve) => { platform.deleteDatabase("s").onsuccess = resolve; });
    const refusing = vi.spyOn(platform, "open").mockClear().mockImplementationOnce(() => { throw new DOMException("The connection was closed.", "AbortError"); });
    await expect(store.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: false, details: { reason: "evicted" } });
    expect(refusing).toHaveBeenCalledTimes(2);
    await store.close();
  });

  test("D07 a browser that never opens a database again that was there is not asked for ever", async () => {
    const { store, platform, connections } = await filled();
    connections[0]?.close();
    const refusing = vi.spyOn(platform, "open").mockClear().mockImplementation(() => { throw new DOMException("The connection was closed.", "AbortError"); });
    await expect(store.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: true, details: { reason: "refused" } });
    expect(refusing).toHaveBeenCalledTimes(storeReopensMax + 1);
    await store.close();
  });

  test("D09 a database that is there is opened again after it was closed, a few times unasked and not for ever, and no end is told", async () => {
    const { store, platform, connections } = await filled();
    const ends: unknown[] = [];
    store.onEnd?.((error) => ends.push(error));
    for (let n = 0; n < storeReopensMax + 2; n++) {
      connections.at(-1)?.close();
      connections.at(-1)?.onclose?.(new Event("close"));
      if (n < storeReopensMax) await expect.poll(() => connections.length).toBe(n + 2);
      else await new Promise((resolve) => { setTimeout(resolve, storeReopenMs * 2 ** n + 20); }); // nobody opens it any more
    }
    expect(vi.mocked(platform).open.mock.calls).toHaveLength(1 + storeReopensMax);
    expect(await store.get(storeKey("a"))).toEqual(utf8("1"));
    connections.at(-1)?.onclose?.(new Event("close"));
    await vi.waitFor(() => { expect(vi.mocked(platform).open.mock.calls).toHaveLength(3 + storeReopensMax); }); // it was of use since
    expect(ends).toEqual([]);
    await store.close();
  });

  test.each([
    { how: "with destroy()", witnessed: undefined, error: { code: "ERR_STORE_CLOSED", details: { reason: "deleted" } } },
    { how: "in any other way", witnessed: "this one", error: { code: "ERR_STORE_UNAVAILABLE", details: { reason: "evicted" } } },
  ])("D07 D08 what somebody deletes under an open store $how has a reason, which every call gives and the end tells once", async ({ witnessed, error }) => {
    const platform = fresh();
    const witness: StoreWitness = { read: () => Promise.resolve(witnessed), write: () => Promise.resolve(), remove: () => Promise.resolve() };
    const store = indexedDbStore("s", { platform, witness });
    const ends: unknown[] = [];
    store.onEnd?.((each) => ends.push(each));
    const fence = await store.acquire();
    const deleted = new Promise((resolve) => { platform.deleteDatabase("s").onsuccess = resolve; });
    await deleted;
    await expect(store.commit([put("a", "2")], fence)).rejects.toMatchObject(error);
    await expect(store.hasRoom?.()).rejects.toMatchObject(error);
    expect(ends).toMatchObject([error]);
    expect(await platform.databases()).toEqual([]);
    await store.close();
  });

  test("D04 an upgrade elsewhere ends the store with its reason, closing it ourselves tells nothing", async () => {
    const { store, platform } = await filled();
    const ends: unknown[] = [];
    store.onEnd?.((error) => ends.push(error));
    const upgraded = await new Promise<IDBDatabase>((resolve) => { const request = platform.open("s", 2); request.onsuccess = () => { resolve(request.result); }; });
    expect(ends).toMatchObject([{ code: "ERR_STORE_CLOSED", details: { reason: "upgraded" } }]);
    upgraded.close();
    const other = await filled();
    other.store.onEnd?.((error) => ends.push(error));
    await other.store.close();
    await other.store.destroy().catch(() => undefined);
    expect(ends).toHaveLength(1);
  });

  test("D09 a connection that the browser has closed is opened once more, and the commit goes through", async () => {
    const { store, fence, connections } = await filled();
    (connections[0] as IDBDatabase).close(); // before the `close` event was seen
    await store.commit([put("a", "2")], fence);
    expect(await store.get(storeKey("a"))).toEqual(utf8("2"));
    expect(connections).toHaveLength(2);
    (connections[1] as IDBDatabase).close();
    connections[1]?.onclose?.(new Event("close"));
    expect(await Promise.all([store.get(storeKey("a")), store.get(storeKey("a"))])).toEqual([utf8("2"), utf8("2")]);
    expect(connections).toHaveLength(3);
    await store.close();
  });

  test("D09 a connection that is lost in the middle of a commit leaves no half of it: the whole commit is repeated on a new one", async () => {
    const { store, fence, connections } = await filled();
    const connection = connections[0] as IDBDatabase;
    let repeated = 0;
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the right `this` below
    const sound = FakeObjectStore.prototype.put;
    vi.spyOn(FakeObjectStore.prototype, "put").mockImplementation(function losing(this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
      const request = sound.call(this, value, key);
      if (key === "b" && ++repeated === 1) {
        this.transaction.abort(); // as the browser does with what is under way
        connection.close();
        connection.onclose?.(new Event("close"));
      }
      return request;
    });
    await store.commit([put("a", "2"), put("b", "2")], fence);
    vi.restoreAllMocks();
    expect(repeated).toBe(2);
    expect((await store.list({ prefix: "" })).map(({ key, value }) => [key, value])).toEqual([["a", utf8("2")], ["b", utf8("2")]]);
    await store.close();
  });

  test("D09 a connection that is lost at every try is an error, not an endless loop", async () => {
    const { store, fence, platform, connections } = await filled();
    (connections[0] as IDBDatabase).close();
    const open = FakeFactory.prototype.open.bind(platform);
    let opened = 0;
    vi.spyOn(platform, "open").mockImplementation((name, version) => {
      opened += 1;
      const request = open(name, version);
      request.addEventListener("success", () => queueMicrotask(() => request.result.close()));
      return request;
    });
    await expect(store.commit([put("a", "2")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED", retryable: true });
    expect(opened).toBe(1);
    await store.close();
  });

  test("D10 a reopened connection does not get around the fence", async () => {
    const { store, fence, platform, connections } = await filled();
    (connections[0] as IDBDatabase).close();
    await indexedDbStore("s", { platform }).acquire();
    await expect(store.commit([put("a", "2")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    expect(await store.get(storeKey("a"))).toEqual(utf8("1"));
    await store.close();
  });
});
