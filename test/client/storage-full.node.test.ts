/** A client whose browser has no room left, on a real Prosody and an IndexedDB in memory with a quota (D06). */
import { IDBKeyRange as FakeKeyRange } from "fake-indexeddb";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ClientEvent } from "../../src/client/events.js";
import type { SottoClient } from "../../src/index.js";
import { storeKey } from "../../src/session/ports.js";
import { indexedDbStore } from "../../src/storage/indexeddb.js";
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
