/** What a stream tells its client, and what becomes of an attempt whose store fails: threats D06, N20, P18, Q17. */
import { expect, test } from "vitest";
import { createClientWith } from "../../../src/client/create-client.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";

test("Q17 D06 a store that is full when a session is about to be asked for is a connection that failed for now, not one that is given up", async () => {
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), autoConnect: false },
    { connector: () => Promise.reject(new StorageError("ERR_STORE_FULL", "full", { retryable: true })) },
  );
  const waiting = new Promise<unknown>((resolve) => {
    client.status.subscribe(() => {
      const status = client.status.getSnapshot();
      if (status.kind === "waiting" || status.kind === "stopped") resolve(status);
    });
  });
  client.connect();
  expect(await waiting).toMatchObject({ kind: "waiting", error: { code: "ERR_CONNECT_FAILED", cause: { code: "ERR_STORE_FULL" } } });
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
