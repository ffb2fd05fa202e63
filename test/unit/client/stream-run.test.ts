/** What a stream tells its client, and what becomes of an attempt whose store fails: threats D06, N20, P18, Q17. */
import { expect, test } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { testWorld } from "../../support/facade-world.js";
import { begin, enabled, MemoryChannel } from "../../support/memory-channel.js";

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
