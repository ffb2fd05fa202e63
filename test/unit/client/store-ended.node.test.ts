/** A store that ends under an open client: the client says so, receives nothing more, and nothing of the old store lives on (D07, D08, D10). */
import { IDBKeyRange as FakeKeyRange } from "fake-indexeddb";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import type { ClientEvent } from "../../../src/client/events.js";
import type { Message } from "../../../src/client/message.js";
import type { ClientStatus } from "../../../src/client/status.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { faultyStore } from "../../../src/testing/faulty-store.js";
import { calm, juliet, when } from "../../support/facade-world.js";
import { LostWorld } from "../../support/lost-world.js";

beforeAll(() => { vi.stubGlobal("IDBKeyRange", FakeKeyRange); });
afterAll(() => { vi.unstubAllGlobals(); });
const worlds: LostWorld[] = [];
afterEach(async () => { for (const each of worlds.splice(0)) await each.end(); });

function world(): LostWorld {
  const made = new LostWorld();
  worlds.push(made);
  return made;
}

/** Every status and event from now on. */
function watched(client: SottoClient): { readonly statuses: ClientStatus[]; readonly events: ClientEvent[] } {
  const statuses: ClientStatus[] = [];
  const events: ClientEvent[] = [];
  client.status.subscribe(() => statuses.push(client.status.getSnapshot()));
  client.onEvent((event) => events.push(event));
  return { statuses, events };
}

const losses = (events: readonly ClientEvent[]): number => events.filter(({ kind }) => kind === "storage-lost").length;
const evicted = { code: "ERR_STORE_UNAVAILABLE", retryable: false, details: { reason: "evicted" } };

test("D07 a client whose database is evicted under it stops with that reason, though nothing is stored or sent; the next one is a new device", async () => {
  const there = world();
  const client = await there.alone();
  const { device } = client;
  const { statuses, events } = watched(client);
  await there.evict();
  await when(client.status, () => client.status.getSnapshot().kind !== "online");
  await calm();
  expect(statuses).toMatchObject([{ kind: "stopped", error: evicted }]);
  expect(there.streams.map(({ isOpen }) => isOpen)).toEqual([false]);
  expect(losses(events)).toBe(1);
  // Whatever was under way may tell, too, of what it could not store.
  for (const event of events) if (event.kind !== "storage-lost") expect(event).toMatchObject({ kind: "error", error: evicted });
  expect(client.storage.lost).toBe(true);
  await expect(client.ready()).rejects.toMatchObject(evicted);
  await expect(client.history()).rejects.toMatchObject(evicted);
  await expect(client.conversation(juliet).send({ text: "lost" }).reached("stored")).rejects.toMatchObject(evicted);

  client.connect();
  client.setCredentials({ password: "secret" });
  await client.disconnect();
  expect(client.status.getSnapshot()).toMatchObject({ kind: "stopped", error: evicted }); // no word of the application brings the store back
  expect(there.streams).toHaveLength(1);
  expect(await there.factory.databases()).toEqual([]);
  await client.close();
  expect(client.status.getSnapshot()).toEqual({ kind: "closed" });

  const next = await there.alone();
  expect(next.storage.lost).toBe(true);
  expect(next.device.deviceId).not.toBe(device.deviceId);
  expect(next.device.fingerprint).not.toBe(device.fingerprint);
});

test("D07 whoever listens only after the loss hears of it, once", async () => {
  const there = world();
  const client = await there.alone();
  await there.evict();
  await when(client.status, () => client.status.getSnapshot().kind === "stopped");
  const [first, second] = [watched(client), watched(client)];
  await calm();
  expect([losses(first.events), losses(second.events)]).toEqual([1, 1]); // one event, to all who listen by then
  const late = watched(client);
  await calm();
  expect(losses(late.events)).toBe(0);
});

test("D07 what arrives while the store is gone is not acknowledged, and the server keeps it", async () => {
  const there = world();
  const client = await there.alone();
  const friend = await there.people.other(juliet);
  await client.conversation(juliet).send({ text: "hello" }).reached("delivered");
  const { events } = watched(client);
  await there.evict();
  await friend.conversation(client.device.jid).send({ text: "into nothing" }).reached("sent");
  await when(client.status, () => client.status.getSnapshot().kind === "stopped");
  await calm();
  expect(events.filter(({ kind }) => kind === "message")).toEqual([]);
  expect(there.people.server.breaches).toEqual([]);
});

test.each([
  { how: "destroyed by its owner", act: (there: LostWorld) => there.store().destroy(), error: { code: "ERR_STORE_CLOSED", details: { reason: "deleted" } }, lost: false },
  { how: "deleted by anybody else", act: (there: LostWorld) => there.remove(), error: evicted, lost: true },
])("D07 D08 a store that is $how under an open client stops it with that reason", async ({ act, error, lost }) => {
  const there = world();
  const client = await there.alone();
  const { statuses, events } = watched(client);
  await act(there);
  await when(client.status, () => client.status.getSnapshot().kind !== "online");
  await calm();
  expect(statuses).toMatchObject([{ kind: "stopped", error }]);
  expect(client.storage.lost).toBe(lost);
  expect(losses(events)).toBe(lost ? 1 : 0);
  expect(there.streams.map(({ isOpen }) => isOpen)).toEqual([false]);
});

test("D10 a client whose store is taken over stops with the first commit that is refused, and nothing of it leaves", async () => {
  const there = world();
  const disk = memoryDisk();
  const client = await there.alone(memoryStore(disk));
  const { statuses } = watched(client);
  await memoryStore(disk).acquire();
  const rows = new Map(disk.rows);
  const fenced = { code: "ERR_STORE_FENCED" };
  await expect(client.conversation(juliet).send({ text: "too late" }).reached("stored")).rejects.toMatchObject(fenced);
  await calm();
  expect(statuses).toMatchObject([{ kind: "stopped", error: fenced }]);
  expect(there.streams.map(({ isOpen }) => isOpen)).toEqual([false]);
  expect(disk.rows).toEqual(rows);
});

test("D07 D10 whoever waits for a message that was stored before, or reads the inbox, hears of the end; nothing is said to have failed", async () => {
  const there = world();
  const disk = memoryDisk();
  const client = await there.alone(memoryStore(disk));
  await client.disconnect();
  const handle = client.conversation(juliet).send({ text: "stored in time" });
  await handle.reached("stored");
  const waiting = handle.reached("sent");
  const inbox = await client.inbox();
  const reading = inbox.process(() => Promise.resolve());
  await calm();
  await memoryStore(disk).acquire();
  const fenced = { code: "ERR_STORE_FENCED" };
  await expect(client.conversation(juliet).send({ text: "too late" }).reached("stored")).rejects.toMatchObject(fenced);
  await expect(waiting).rejects.toMatchObject(fenced);
  await expect(handle.reached("delivered")).rejects.toMatchObject(fenced);
  expect(handle.getSnapshot()).toMatchObject({ state: "stored" });
  expect(handle.getSnapshot()).not.toHaveProperty("error");
  await reading;
  inbox.close();
  await (await client.inbox()).process(() => Promise.resolve()); // nobody sleeps on a store that has ended
});

test("D05 a store that fails once is not one that has ended", async () => {
  const there = world();
  const store = faultyStore(memoryStore());
  const client = await there.alone(store);
  const full = await there.alone(faultyStore(memoryStore(), { at: store.counted + 1, kind: "fail", code: "ERR_STORE_FULL" }));
  for (const each of [client, full]) expect(each.status.getSnapshot().kind).toBe("online");
  await expect(full.conversation(juliet).send({ text: "no room" }).reached("stored")).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
  await full.conversation(juliet).send({ text: "room again" }).reached("stored");
  expect(full.status.getSnapshot().kind).toBe("online");
});

test("a client that is closed in the ordinary way tells of no end", async () => {
  const there = world();
  const client = await there.alone();
  const { statuses, events } = watched(client);
  await client.close();
  await calm();
  expect(statuses.map(({ kind }) => kind)).toEqual(["closed"]);
  expect(events).toEqual([]);
});

test("D07 D10 a reader of messages hears why its store has ended, behind what is held for it; so does whoever begins to read then", async () => {
  const there = world();
  const disk = memoryDisk();
  const client = await there.alone(memoryStore(disk));
  const friend = await there.people.other(juliet);
  const [waiting, behind, left] = [client.messages(), client.messages(), client.messages()];
  const text = async (reader: typeof waiting): Promise<string> => ((await reader.next()).value as Message).text;
  const first = [waiting, behind].map(text);
  for (const each of ["1", "2"]) await friend.conversation(client.device.jid).send({ text: each }).reached("delivered");
  expect([...await Promise.all(first), await text(waiting)]).toEqual(["1", "1", "2"]);
  const [next, more] = [waiting.next(), waiting.next()];
  await memoryStore(disk).acquire();
  const fenced = { code: "ERR_STORE_FENCED" };
  await expect(client.conversation(juliet).send({ text: "too late" }).reached("stored")).rejects.toMatchObject(fenced);
  await expect(next).rejects.toMatchObject(fenced);
  const done = { done: true, value: undefined };
  expect([await more, await waiting.next()]).toEqual([done, done]);
  expect(await text(behind)).toBe("2");
  await expect(behind.next()).rejects.toMatchObject(fenced);
  expect([await behind.next(), await left.return?.(), await left.next()]).toEqual([done, done, done]);
  await expect(client.messages().next()).rejects.toMatchObject(fenced);
  const untold = client.messages();
  await client.close();
  await expect(untold.next()).rejects.toMatchObject(fenced);
});
