/** What a later process reads of the session: threats Q06, Q17. */
import { expect, test } from "vitest";
import { bareJid, type FullJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { xml } from "../../../src/base/xml.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { decodeJson, encodeJson } from "../../../src/client/json-record.js";
import { StreamState } from "../../../src/client/stream-state.js";
import { Ledger } from "../../../src/session/ledger.js";
import { storeKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../../src/storage/memory.js";
import type { Stream } from "../../../src/transport/connection/stream.js";
import { TransportError } from "../../../src/transport/errors.js";
import type { SaveInbound } from "../../../src/transport/stream/acknowledger.js";
import { StreamSession } from "../../../src/transport/stream/stream-session.js";
import { begin, enabled, listen, managed, ManualClock, MemoryChannel, message, r, settle, sm } from "../../support/memory-channel.js";
import { quiet } from "../../support/outbox-world.js";

test.each([{ epoch: -1 }, { epoch: 1.5 }, { inbound: -1 }, { acknowledged: -1 }, { inbound: 2 ** 60 }])("D13 a row whose counts are none is one that cannot be read: there is nothing to resume (%j)", async (wrong) => {
  const { epoch = 3, ...counts } = wrong as { readonly epoch?: number };
  const disk = memoryDisk();
  disk.rows.set(storeKey("client/stream"), encodeJson({ resource: "r", epoch, resumption: { id: "id", jid: "romeo@verona.example/r", inbound: 1, acknowledged: 1, ...counts } }));
  const errors: unknown[] = [];
  const state = await StreamState.load(memoryStore(disk), systemRng(), (error) => { errors.push(error); });
  expect([state.session, state.epoch, errors]).toMatchObject([undefined, 0, [{ code: "ERR_RECORD_INVALID" }]]);
});

test("Q06 stanzas of a session that is over, done with late, count for none that follows: not now, and not after a restart", async () => {
  const disk = memoryDisk();
  const store = memoryStore(disk);
  const ledger = new Ledger(store, await store.acquire());
  const clock = new ManualClock();
  const state = await StreamState.load(store, systemRng());
  const saveInbound: SaveInbound = (session, h) => state.saveInbound(session, h, ledger);
  const { channel, stream } = await managed(clock, { saveInbound });
  await state.begin(stream, ledger);
  const seen = listen(stream, true);
  await settle();
  for (let i = 1; i <= 50; i++) channel.receive(message(String(i)));
  channel.receive(r); // the server asks while a slow store is still at all of them
  channel.end({});

  // The server has forgotten the session.
  const second = new MemoryChannel();
  const starting = begin(second, clock, { resume: state.session as StreamSession, saveInbound });
  await settle();
  second.receive(xml(sm, "failed", {}, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "item-not-found")));
  second.receive(second.bound(), enabled({ resume: "true", id: "new-id" }));
  const next = await starting;
  await state.begin(next, ledger);
  for (const release of seen.releases) release();
  await quiet(40);
  expect((await StreamState.load(memoryStore(disk), systemRng())).session?.state).toMatchObject({ id: "new-id", inbound: 0 });

  // What comes in the session itself counts.
  const more = listen(next, true);
  await settle();
  second.receive(message("51"), r);
  for (const release of more.releases) release();
  await quiet(40);
  expect((await StreamState.load(memoryStore(disk), systemRng())).session?.state).toMatchObject({ id: "new-id", inbound: 1 });
});

test("Q06 a message of a former session that is committed late does not count in the one that follows", async () => {
  const disk = memoryDisk();
  const store = memoryStore(disk);
  const ledger = new Ledger(store, await store.acquire());
  const state = await StreamState.load(store, systemRng());
  for (const id of ["first", "second"]) await state.begin((await managed(new ManualClock(), {}, { resume: "true", id })).stream, ledger);
  const inbound = async (): Promise<unknown> => (await StreamState.load(memoryStore(disk), systemRng())).session?.state;
  await ledger.run((tx) => { state.noteInbound(tx, 50, state.epoch - 1); });
  expect(await inbound()).toMatchObject({ id: "second", inbound: 0 });
  await ledger.run((tx) => { state.noteInbound(tx, 3, state.epoch); });
  expect(await inbound()).toMatchObject({ id: "second", inbound: 3 });
});

test("Q17 what the store says of numbers in a session is taken back when the transport says that the session is about to be asked for", async () => {
  const store = memoryStore();
  const key = storeKey("client/written");
  await store.commit([{ kind: "put", key, value: encodeJson({ epoch: 3, written: [[1, 7]] }) }], await store.acquire());
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store, autoConnect: false },
    { connector: async ({ beforeResume }) => {
      await beforeResume?.();
      throw new TransportError("ERR_AUTH_REJECTED", "wrong password");
    } },
  );
  client.connect();
  await expect(client.ready()).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
  expect(decodeJson(await store.get(key) ?? new Uint8Array(0))).toMatchObject({ written: [] });
  await client.close();
});

/** The session of a row with these counts. */
async function sessionWith(counts: Readonly<Record<string, number>>): Promise<StreamSession | undefined> {
  const store = memoryStore();
  const row = { resource: "sotto-1", epoch: 3, resumption: { id: "secret-id", jid: "romeo@example.org/sotto-1", ...counts } };
  await store.commit([{ kind: "put", key: storeKey("client/stream"), value: encodeJson(row) }], await store.acquire());
  return (await StreamState.load(store, systemRng())).session;
}

test("Q05 how much the server has taken is known after a restart, beyond 2^32 as well: its next count is read from there", async () => {
  const session = await sessionWith({ inbound: 2, acknowledged: 2 ** 32 + 2 ** 31 + 2 ** 30 });
  expect(session?.state).toMatchObject({ inbound: 2, acknowledged: 2 ** 32 + 2 ** 31 + 2 ** 30 });
  const channel = new MemoryChannel();
  const starting = begin(channel, new ManualClock(), { account: bareJid("romeo@example.org"), resume: session as StreamSession });
  await settle();
  channel.receive(xml(sm, "resumed", { previd: "secret-id", h: 5 }));
  expect((await starting).start).toEqual({ kind: "resumed", handled: 2 ** 33 + 5 });
  expect((await sessionWith({ inbound: 2 }))?.state).toMatchObject({ acknowledged: 0 }); // as rows of earlier versions
});

/** A stream whose session has `id`. */
const streamOf = (id: string, start: Partial<Stream["start"]>): Stream =>
  ({ start, session: StreamSession.restore({ id, jid: "romeo@verona.example/r" as FullJid, inbound: 0 }) }) as unknown as Stream;
const stored = async (disk: MemoryDisk): Promise<unknown> => {
  const state = await StreamState.load(memoryStore(disk), systemRng());
  return [state.epoch, state.session?.state.id, state.session?.state.inbound];
};

test("Q06 Q17 the stored count of a session only grows, and is what commits have made of it, whatever memory has seen", async () => {
  const disk = memoryDisk();
  const store = memoryStore(disk);
  const commit = store.commit.bind(store);
  const ledger = new Ledger(store, await store.acquire());
  const state = await StreamState.load(store, systemRng());
  await state.begin(streamOf("one", { kind: "new" }), ledger);
  const note = (number: number): Promise<void> => ledger.run((tx) => { state.noteInbound(tx, number, 1); });
  store.commit = () => Promise.reject(new StorageError("ERR_STORE_FAILED", "not now"));
  await expect(note(5)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  store.commit = commit;
  await note(5);
  await note(3);
  expect(await stored(disk)).toEqual([1, "one", 5]);
  let next: Promise<void> | undefined;
  store.commit = (changes, fence) => {
    store.commit = commit;
    next = state.begin(streamOf("two", { kind: "new" }), ledger); // while a commit of the former session is under way
    return commit(changes, fence);
  };
  await note(7);
  await next;
  await ledger.run((tx) => { state.noteInbound(tx, 1, 2); });
  expect(await stored(disk)).toEqual([2, "two", 1]);
  await state.end(ledger);
  expect(await stored(disk)).toEqual([2, undefined, undefined]);
});

test("Q02 Q03 a stream continues what this process has set up, and nothing else", async () => {
  const store = memoryStore();
  const ledger = new Ledger(store, await store.acquire());
  const state = await StreamState.load(store, systemRng());
  const resumed = streamOf("one", { kind: "resumed" });
  expect(state.continues(resumed)).toBe(false); // an earlier process had set it up
  await state.begin(resumed, ledger);
  state.settled();
  expect([state.continues(resumed), state.continues(streamOf("one", { kind: "new" }))]).toEqual([true, false]);
  await state.begin(streamOf("two", { kind: "new" }), ledger); // and it breaks before all is set up
  expect(state.continues(streamOf("two", { kind: "resumed" }))).toBe(false);
});
