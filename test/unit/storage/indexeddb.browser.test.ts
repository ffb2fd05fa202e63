/** The IndexedDB store in a real browser: contract, two handles, versions. @module */
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { storeKey, type Change, type Store } from "../../../src/session/ports.js";
import { indexedDbStore } from "../../../src/storage/indexeddb.js";
import { storeContract } from "../../../src/testing/store-contract.js";

const used: string[] = [];
function freshName(): string {
  const name = `sotto-test-${crypto.randomUUID()}`;
  used.push(name);
  return name;
}
afterAll(() => {
  for (const name of used) indexedDB.deleteDatabase(name);
});

afterEach(() => { vi.restoreAllMocks(); });

const put = (key: string, value: string): Change => ({ kind: "put", key: storeKey(key), value: utf8(value) });

async function filled(name: string): Promise<Store> {
  const store = indexedDbStore(name);
  await store.commit([put("a", "1")], await store.acquire());
  return store;
}

/** A request of the raw database as a promise. */
function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new DOMException("no reason", "UnknownError"));
  });
}

describe("store contract: IndexedDB", () => {
  let name = freshName();
  const cases = storeContract({
    open: () => indexedDbStore(name),
    reset: () => {
      name = freshName();
    },
  });
  for (const each of cases) test(each.name, each.run);
});

describe("IndexedDB store", () => {
  test("D10 of two handles that commit in turn without waiting, only the newest owner's commits are applied", async () => {
    const name = freshName();
    const [left, right] = [indexedDbStore(name), indexedDbStore(name)];
    const old = await left.acquire();
    await right.owns(old); // opens the second connection, too: what follows is a race of transactions alone
    const outcomes: string[] = [];
    const commits: Promise<unknown>[] = [];
    const commit = (n: number): void => void commits.push(left.commit([put(`left/${n}`, "1")], old).then(() => outcomes.push("done"), () => outcomes.push("fenced")));
    for (let n = 0; n < 5; n++) commit(n);
    const taking = right.acquire();
    for (let n = 5; n < 10; n++) commit(n);
    const fence = await taking;
    await Promise.all(commits);
    const rows = await right.list({ prefix: "left/" });
    expect(rows).toHaveLength(outcomes.filter((each) => each === "done").length);
    expect(outcomes).toContain("fenced");
    await right.commit([put("a", "right")], fence);
    await Promise.all([left.close(), right.close()]);
  });

  test("D04 a store lets go when another tab upgrades the database, and a newer format is refused", async () => {
    const name = freshName();
    const store = await filled(name);
    const upgraded = await settled(indexedDB.open(name, 2));
    await expect(store.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_CLOSED" });
    upgraded.close();
    await expect(indexedDbStore(name).acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE", retryable: false });
  });

  test("D13 a damaged record fails alone, with ERR_STORE_CORRUPT", async () => {
    const name = freshName();
    const store = await filled(name);
    await store.commit([put("b", "2")], await store.acquire());
    const raw = await settled(indexedDB.open(name));
    await settled(raw.transaction("records", "readwrite").objectStore("records").put(new Uint8Array([1, 0, 0, 0, 0, 50]), "b"));
    raw.close();
    await expect(store.get(storeKey("b"))).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
    await expect(store.list({ prefix: "b" })).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
    expect(await store.get(storeKey("a"))).toEqual(utf8("1"));
    await store.close();
  });

  test("D05 every write asks for strict durability", async () => {
    const asked: (string | undefined)[] = [];
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the right `this` below
    const sound = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function spied(this: IDBDatabase, ...parameters: Parameters<typeof sound>) {
      if (parameters[1] === "readwrite") asked.push(parameters[2]?.durability);
      return sound.apply(this, parameters);
    };
    try {
      const store = await filled(freshName());
      await store.destroy();
    } finally {
      IDBDatabase.prototype.transaction = sound;
    }
    expect(asked).toEqual(["strict", "strict", "strict"]); // acquire, commit, destroy
  });

  test("D02 a commit is one transaction that reads the fence and writes everything, however large it is", async () => {
    const opened: string[] = [];
    const written = new Map<IDBTransaction, number>();
    /* eslint-disable @typescript-eslint/unbound-method -- called with the right `this` below */
    const sound = { transaction: IDBDatabase.prototype.transaction, put: IDBObjectStore.prototype.put };
    /* eslint-enable @typescript-eslint/unbound-method */
    const store = await filled(freshName());
    const fence = await store.acquire();
    IDBDatabase.prototype.transaction = function spied(this: IDBDatabase, ...parameters: Parameters<typeof sound.transaction>) {
      opened.push(parameters[1] ?? "readonly");
      return sound.transaction.apply(this, parameters);
    };
    IDBObjectStore.prototype.put = function spied(this: IDBObjectStore, ...parameters: Parameters<typeof sound.put>) {
      written.set(this.transaction, (written.get(this.transaction) ?? 0) + 1);
      return sound.put.apply(this, parameters);
    };
    try {
      await store.commit(Array.from({ length: 500 }, (_, n) => put(`row/${n.toString()}`, "x".repeat(1_000))), fence);
    } finally {
      IDBDatabase.prototype.transaction = sound.transaction;
      IDBObjectStore.prototype.put = sound.put;
    }
    expect(opened).toEqual(["readwrite"]);
    expect([...written.values()]).toEqual([500]);
    await store.close();
  });

  test("D06 the reason of a write that is refused by itself, as Firefox refuses large ones at the end of the quota, is kept", async () => {
    const store = indexedDbStore(freshName());
    const fence = await store.acquire();
    await store.commit([put("a", "1")], fence);
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function refused(this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
      return this.add(value, key); // the row is there: the request fails, and takes its transaction along
    });
    await expect(store.commit([put("b", "2"), put("a", "2")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED", cause: { name: "ConstraintError" } });
    expect((await store.list({ prefix: "" })).map(({ key }) => key)).toEqual(["a"]);
    await store.close();
  });

  test("D03 of two handles that read, add one and commit in turn, no addition is lost", async () => {
    const name = freshName();
    const counter = storeKey("counter");
    let added = 0;
    const count = async (): Promise<void> => {
      const store = indexedDbStore(name);
      for (let round = 0; round < 30; round++) {
        const fence = await store.acquire();
        const before = await store.get(counter);
        const next = put("counter", String(Number(before === undefined ? "0" : new TextDecoder().decode(before)) + 1));
        await store.commit([next], fence).then(() => { added += 1; }, (error: unknown) => { expect(error).toMatchObject({ code: "ERR_STORE_FENCED" }); });
      }
      await store.close();
    };
    await Promise.all([count(), count()]);
    const store = indexedDbStore(name);
    expect(await store.get(counter)).toEqual(utf8(added.toString()));
    expect(added).toBeGreaterThan(0);
    await store.close();
  });

  test("D09 a connection that is closed under the store is opened once more, and the whole commit is repeated", async () => {
    const name = freshName();
    const connections: IDBDatabase[] = [];
    const platform = {
      open: (database: string, version: number) => {
        const request = indexedDB.open(database, version);
        request.addEventListener("success", () => connections.push(request.result));
        return request;
      },
    } as IDBFactory;
    const store = indexedDbStore(name, { platform });
    const fence = await store.acquire();
    connections[0]?.close(); // as after a crash of the browser's storage process, before anybody was told
    await store.commit([put("a", "1"), put("b", "1")], fence);
    expect((await store.list({ prefix: "" })).map(({ key }) => key)).toEqual(["a", "b"]);
    expect(connections).toHaveLength(2);
    await store.close();
  });

  test("D19 destroy removes the database itself", async () => {
    const name = freshName();
    const store = await filled(name);
    await store.destroy();
    expect((await indexedDB.databases()).map((each) => each.name)).not.toContain(name);
  });
});
