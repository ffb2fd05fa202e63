/** What a stream tells its client, and what becomes of an attempt whose store fails: threats D06, N20, N21, P18, Q13, Q17, Q21. */
import { expect, test } from "vitest";
import { systemRng } from "../../../src/base/rng.js";
import type { SottoClient } from "../../../src/client/client.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { encodeJson } from "../../../src/client/json-record.js";
import type { Connector } from "../../../src/client/link.js";
import type { ClientOptions } from "../../../src/client/options.js";
import { runStream, type StreamRunDeps } from "../../../src/client/stream-run.js";
import { StreamState } from "../../../src/client/stream-state.js";
import { storeKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import type { Stream } from "../../../src/transport/connection/stream.js";
import { TransportError } from "../../../src/transport/errors.js";
import { testWorld } from "../../support/facade-world.js";
import { begin, enabled, ManualClock, MemoryChannel } from "../../support/memory-channel.js";

/** The first status that says why there is no connection. */
function failureOf({ status }: Pick<SottoClient, "status">): Promise<unknown> {
  return new Promise((resolve) => {
    status.subscribe(() => {
      const now = status.getSnapshot();
      if (now.kind === "waiting" || now.kind === "stopped") resolve(now);
    });
  });
}

test("Q17 D06 a store that is full when a session is about to be asked for is a connection that failed for now, not one that is given up", async () => {
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false },
    { connector: () => Promise.reject(new StorageError("ERR_STORE_FULL", "full", { retryable: true })) },
  );
  const waiting = failureOf(client);
  client.connect();
  expect(await waiting).toMatchObject({ kind: "waiting", error: { code: "ERR_CONNECT_FAILED", cause: { code: "ERR_STORE_FULL" } } });
  await client.close();
});

test("D10 Q17 a store that refuses for good when a session is about to be asked for is the reason itself, and nothing is tried again", async () => {
  let connects = 0;
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false },
    { connector: () => {
      connects += 1;
      return Promise.reject(new StorageError("ERR_STORE_FAILED", "no more"));
    } },
  );
  client.connect();
  await expect(client.ready()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  expect([connects, client.status.getSnapshot()]).toMatchObject([1, { kind: "stopped", error: { code: "ERR_STORE_FAILED" } }]);
  await client.close();
});

test.each([["resumption", ["stopped", 2]], ["silent", ["waiting", 1]]] as const)("Q02 N18 behind a stream that ended for the reason %s: a session that failed to go on costs no wait, a link does", async (reason, expected) => {
  let connects = 0;
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false },
    { connector: () => {
      connects += 1;
      return Promise.reject(connects === 1
        ? new TransportError("ERR_STREAM_CLOSED", "planned", { retryable: true, details: { reason } })
        : new TransportError("ERR_AUTH_REJECTED", "planned"));
    } },
  );
  const failed = failureOf(client);
  client.connect();
  expect([(await failed as { readonly kind: string }).kind, connects]).toEqual(expected);
  await client.close();
});

test.each(["client/stream", "client/login", "client/store-history"])("D12 a store that cannot be read for a moment, at %s, stops no client that connects", async (key) => {
  const store = memoryStore();
  const get = store.get.bind(store);
  let times = 0;
  store.get = (asked) => (asked === key && times++ === 0 ? Promise.reject(new StorageError("ERR_STORE_FAILED", "planned", { retryable: true })) : get(asked));
  const { client } = await testWorld({ autoConnect: true, store }).open();
  await client.ready();
  expect(times).toBeGreaterThan(1);
});

test("D06 what keeps a stream from being set up, and may pass, is told with its end, not only that it has ended", async () => {
  const store = memoryStore();
  const commit = store.commit.bind(store);
  let isFull = false;
  store.commit = (...args) => (isFull ? Promise.reject(new StorageError("ERR_STORE_FULL", "full", { retryable: true })) : commit(...args));
  const client = await createClientWith(
    { account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store, autoConnect: false },
    { connector: async ({ clock, ...options }) => {
      isFull = true;
      const channel = new MemoryChannel();
      channel.onWrite = ({ name }) => { if (name === "iq") queueMicrotask(() => { channel.receive(channel.bound(), enabled()); }); };
      return begin(channel, clock, options);
    } },
  );
  const waiting = failureOf(client);
  client.connect();
  expect(await waiting).toMatchObject({ kind: "waiting", error: { code: "ERR_STREAM_CLOSED", cause: { code: "ERR_STORE_FULL" } } });
  isFull = false;
  await client.close();
});

test("N20 P18 what a listener of the stream throws, or a token that cannot be kept, ends nothing and is told", async () => {
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false },
    { connector: ({ onListenerError }) => {
      onListenerError?.(new StorageError("ERR_STORE_FULL", "full", { retryable: true }));
      return Promise.reject(new TransportError("ERR_AUTH_REJECTED", "wrong password"));
    } },
  );
  const told: unknown[] = [];
  client.onEvent((event) => { if (event.kind === "error") told.push(event.error.code); });
  client.connect();
  await expect(client.ready()).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
  expect(told).toEqual(["ERR_STORE_FULL", "ERR_AUTH_REJECTED"]);
  await client.close();
});

/** What a client with these options asks of the network, the first time. */
async function askedWith(given: Partial<ClientOptions>): Promise<Parameters<Connector>[0]> {
  const asked: Parameters<Connector>[0][] = [];
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false, ...given },
    { connector: (options) => {
      asked.push(options);
      return Promise.reject(new TransportError("ERR_AUTH_REJECTED", "wrong password"));
    } },
  );
  client.connect();
  await expect(client.ready()).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
  await client.close();
  expect(asked).toHaveLength(1);
  return asked[0] as Parameters<Connector>[0];
}

test("N01 clear text is permitted where the application has said so, and by no default", async () => {
  const permitted: unknown[] = [];
  for (const clear of [{}, { unsafeAllowInsecureLoopback: false }, { unsafeAllowInsecureLoopback: true }]) {
    permitted.push((await askedWith({ service: "ws://127.0.0.1:9/ws", ...clear })).unsafeAllowInsecureLoopback);
  }
  expect(permitted).toEqual([false, false, true]);
});

test("N21 each store asks for a resource that nobody else has, unless the application names one", async () => {
  const [first = "", second = "", named] = [(await askedWith({})).resource, (await askedWith({})).resource, (await askedWith({ resource: "mine" })).resource];
  for (const resource of [first, second]) expect(resource).toMatch(/^sotto-[0-9a-f]{12}$/);
  expect([first === second, named]).toEqual([false, "mine"]);
});

interface Encounter { readonly how: string; readonly id: string | undefined; readonly end?: (channel: MemoryChannel, stream: Stream) => void; readonly refusal?: TransportError }
const cut = (channel: MemoryChannel): void => { channel.end({ error: new TransportError("ERR_STREAM_CLOSED", "cut", { retryable: true }) }); };

test.each<Encounter>([
  { how: "was cut off", id: "secret-id", end: cut },
  { how: "ended with an error of the stream", id: undefined, end: (channel) => { channel.end({ error: new TransportError("ERR_STREAM_ERROR", "ended", { retryable: true }) }); } },
  { how: "counted what cannot be", id: undefined, end: (channel, stream) => { stream.session?.abandon(); cut(channel); } },
  { how: "could not be reached", id: "former-id", refusal: new TransportError("ERR_CONNECT_FAILED", "planned", { retryable: true }) },
  { how: "broke the rules when it was asked", id: undefined, refusal: new TransportError("ERR_STREAM_PROTOCOL", "planned", { retryable: true }) },
])("Q03 Q05 where a server $how, the next process asks for the session $id, and always for the same resource", async ({ id, end, refusal }) => {
  const disk = memoryDisk();
  disk.rows.set(storeKey("client/stream"), encodeJson({ resource: "kept", epoch: 3, resumption: { id: "former-id", jid: "romeo@verona.example/kept", inbound: 0 } }));
  const asked: unknown[] = [];
  const client = await createClientWith(
    { account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store: memoryStore(disk), autoConnect: false },
    { connector: async ({ clock, resume, ...options }) => {
      asked.push(options.resource, resume?.state.id);
      if (refusal !== undefined) throw refusal;
      const channel = new MemoryChannel();
      channel.onWrite = ({ name }) => { if (name === "iq") queueMicrotask(() => { channel.receive(channel.bound(), enabled()); }); };
      const stream = await begin(channel, clock, options);
      channel.onWrite = () => undefined;
      setTimeout(() => { end?.(channel, stream); }, 0);
      return stream;
    } },
  );
  const waiting = failureOf(client);
  client.connect();
  expect(await waiting).toMatchObject({ kind: "waiting" });
  await client.close();
  expect(asked.slice(0, 2)).toEqual(["kept", "former-id"]);
  const { resource, session } = await StreamState.load(memoryStore(disk), systemRng());
  expect([resource, session?.state.id]).toEqual(["kept", id]);
});

const options = { account: "romeo@verona.example", clock: new ManualClock(), rng: systemRng() };
const attempt = { service: "wss://verona.example/ws", password: () => "secret", signal: new AbortController().signal, tell: () => undefined };

/** A store that takes everything, and a server that lets everybody in over `channel`; `came` is called when the stream is there and nobody has it yet. */
function runsOver(channel: MemoryChannel, handlers: Partial<StreamRunDeps["handlers"]>, came: () => void = () => undefined): StreamRunDeps {
  const nothing = { beforeResume: async () => undefined, onStream: () => undefined, prepare: async () => undefined, onGone: () => undefined, onError: () => undefined };
  return {
    options, handlers: { ...nothing, ...handlers }, logins: {}, ledger: { owns: async () => true },
    state: { epoch: 1, resource: "orchard", continues: () => false, begin: async () => undefined, settled: () => undefined, end: async () => undefined },
    connector: async () => {
      channel.onWrite = ({ name }) => { if (name === "iq") channel.receive(channel.bound(), enabled()); };
      const stream = await begin(channel, options.clock);
      came();
      return stream;
    },
  } as unknown as StreamRunDeps;
}

test.each([true, false])("Q13 how a stream has ended is put to who knows what of ours is unconfirmed, and the word (%s) is part of the end", async (blamed) => {
  const error = new TransportError("ERR_STREAM_ERROR", "planned", { details: { condition: "invalid-xml" } });
  const asked: unknown[] = [];
  const channel = new MemoryChannel();
  const deps = runsOver(channel, { onOnline: () => { channel.end({ error }); }, mayBlame: (end) => { asked.push(end); return blamed; } });
  const ending = await runStream(deps, attempt);
  expect([asked, ending]).toEqual([[error], { error, blamed, livedMs: 0 }]);
});

test("Q21 who wants no stream any more in the moment in which it comes has none: it is left and closed, and nobody was online", async () => {
  const stop = new AbortController();
  const channel = new MemoryChannel();
  const told: string[] = [];
  const deps = runsOver(channel, {
    farewell: async () => { told.push(`farewell, open: ${String(channel.isOpen)}`); }, onOnline: () => { told.push("online"); }, onGone: () => { told.push("gone"); },
  }, () => { stop.abort(); });
  await runStream(deps, { ...attempt, signal: stop.signal, tell: ({ kind }) => { told.push(kind); } });
  expect([told, channel.isOpen]).toEqual([["farewell, open: true", "gone"], false]);
});
