/** A client without room: in a browser, with an IndexedDB in memory that has a quota, and on a disk; on a real Prosody (D06, D12). */
import { IDBKeyRange as FakeKeyRange } from "fake-indexeddb";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ClientEvent } from "../../src/client/events.js";
import type { SottoClient } from "../../src/index.js";
import { type Store, storeKey } from "../../src/session/ports.js";
import { StorageError } from "../../src/storage/errors.js";
import { indexedDbStore } from "../../src/storage/indexeddb.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { quotaFactory } from "../support/idb-quota.js";
import { type Stage, stage } from "../support/prosody.js";
import { take } from "../support/take.js";

let verona: Stage;
beforeAll(async () => {
  vi.stubGlobal("IDBKeyRange", FakeKeyRange);
  verona = await stage();
});
afterAll(async () => {
  await verona.end();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const soon = (): AbortSignal => AbortSignal.timeout(30_000);

test("D06 a client without room connects, receives, keeps what it has and refuses to send; once something is deleted it sends again", async () => {
  const disk = quotaFactory(64 * 1024 * 1024);
  const account = await verona.account("romeo");
  const open = (): Promise<SottoClient> => verona.client(account, { store: indexedDbStore("s", { platform: disk.platform }), service: verona.tcp });
  const juliet = await verona.client(await verona.account("juliet"), { service: verona.tcp });
  const first = await open();
  await Promise.all([first.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
  const heard = take(juliet.messages({ signal: soon() }), 1);
  await first.conversation(juliet.device.jid).send({ text: "while there was room" }).reached("sent", { signal: soon() });
  await heard;
  const { device } = first;
  await first.close();

  // Something else of this account's takes all the room there is.
  const filler = indexedDbStore("s", { platform: disk.platform });
  const fence = await filler.acquire();
  disk.quota = disk.used + 64 * 1024;
  await filler.commit([{ kind: "put", key: storeKey("client/log-filler"), value: new Uint8Array(60 * 1024) }], fence);
  disk.quota = disk.used;
  await filler.close();

  const romeo = await open();
  const events: ClientEvent[] = [];
  romeo.onEvent((event) => events.push(event));
  await romeo.ready({ signal: soon() });
  expect(romeo.device).toEqual(device);
  const received = take(romeo.messages({ signal: soon() }), 3);
  for (const text of ["one", "two", "three"]) await juliet.conversation(account).send({ text }).reached("delivered", { signal: soon() });
  expect((await received).map(({ text }) => text)).toEqual(["one", "two", "three"]);
  expect(romeo.storage.full).toBe(true);
  await expect(romeo.conversation(juliet.device.jid).send({ text: "no room for this" }).reached("stored")).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
  expect((await romeo.history()).map(({ text }) => text)).toEqual(["while there was room", "one", "two", "three"]);
  expect(events.filter(({ kind }) => kind === "unreadable" || kind === "storage-lost" || kind === "rolled-back")).toEqual([]);
  expect(romeo.status.getSnapshot().kind).toBe("online");

  disk.quota += 2 * 1024 * 1024; // the user has made room elsewhere
  await romeo.deleteHistory({ before: 1 });
  expect(romeo.storage.full).toBe(false);
  const answer = take(juliet.messages({ signal: soon() }), 1);
  await romeo.conversation(juliet.device.jid).send({ text: "room again" }).reached("sent", { signal: soon() });
  expect((await answer)[0]?.text).toBe("room again");
});

/** As a store in a directory is on a disk that fills up: the first write that is refused is the last one of this handle (D12). */
function onDisk(inner: Store): { readonly store: Store; readonly fill: () => void } {
  let writes: "go" | "fill the disk" | "are over" = "go";
  const store: Store = {
    acquire: (confirm) => inner.acquire(confirm), owns: (fence) => inner.owns(fence), get: (key) => inner.get(key), getMany: (keys) => inner.getMany(keys),
    list: (range) => inner.list(range), close: () => inner.close(), destroy: () => inner.destroy(),
    commit: (changes, fence) => {
      if (writes === "go") return inner.commit(changes, fence);
      const first = writes === "fill the disk";
      writes = "are over";
      return Promise.reject(first ? new StorageError("ERR_STORE_FULL", "planted", { retryable: true }) : new StorageError("ERR_STORE_FAILED", "planted"));
    },
  };
  return { store, fill: () => { writes = "fill the disk"; } };
}

test("D06 D12 a disk that was full stops the client with the store's reason, and does not have it connect for ever; a new one has everything", async () => {
  const disk = memoryDisk();
  const { store, fill } = onDisk(memoryStore(disk));
  const account = await verona.account("romeo");
  const romeo = await verona.client(account, { store, service: verona.tcp });
  const juliet = await verona.client(await verona.account("juliet"), { service: verona.tcp });
  await Promise.all([romeo.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
  fill();
  for (const text of ["one", "two"]) await juliet.conversation(account).send({ text }).reached("sent", { signal: soon() });
  await expect.poll(() => romeo.status.getSnapshot(), { timeout: 30_000 }).toMatchObject({ kind: "stopped", error: { code: "ERR_STORE_FAILED" } });
  await expect(romeo.ready({ signal: soon() })).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  await romeo.close();

  const next = await verona.client(account, { store: memoryStore(disk), service: verona.tcp });
  expect((await take(next.messages({ signal: soon() }), 2)).map(({ text }) => text)).toEqual(["one", "two"]);
});
