/** The half of a client that is loaded with the first connection: what works without it, and what happens while it does not come. */
import { expect, test } from "vitest";

import type { Clock } from "../../../src/base/clock.js";
import type { SottoClient } from "../../../src/client/client.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { type OnlineSource, onlineSource } from "../../../src/client/core.js";
import type { Connector } from "../../../src/client/link.js";
import type { ClientStatus } from "../../../src/client/status.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { ManualClock } from "../../support/outbox-world.js";

interface Scene {
  readonly client: SottoClient;
  readonly clock: ManualClock;
  /** Kinds of all states that were told. */
  readonly told: ClientStatus["kind"][];
  /** How often a stream was asked for. */
  readonly connects: () => number;
}

/** A client whose server refuses its password for good: as far as a connection can be followed without a server. */
async function scene(source: OnlineSource, clock: ManualClock = new ManualClock()): Promise<Scene> {
  let connects = 0;
  const connector: Connector = () => {
    connects += 1;
    return Promise.reject(new TransportError("ERR_AUTH_REJECTED", "wrong password"));
  };
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store: memoryStore(), clock: clock satisfies Clock, autoConnect: false },
    { connector, onlineSource: source },
  );
  const told: ClientStatus["kind"][] = [];
  client.status.subscribe(() => { told.push(client.status.getSnapshot().kind); });
  return { client, clock, told, connects: () => connects };
}

/** Resolves with the next state of this kind. */
const reaches = (client: SottoClient, kind: ClientStatus["kind"]): Promise<ClientStatus> => new Promise((resolve) => {
  const look = (): void => {
    const status = client.status.getSnapshot();
    if (status.kind !== kind) return;
    stop();
    resolve(status);
  };
  const stop = client.status.subscribe(look);
  look();
});

test("N19 a half that cannot be loaded is a connection that failed for now, and the next attempt loads it", async () => {
  let loads = 0;
  const { client, clock, told, connects } = await scene(() => {
    loads += 1;
    return loads < 3 ? Promise.reject(new TypeError("Failed to fetch")) : onlineSource();
  });
  client.connect();
  for (const attempt of [1, 2]) {
    const status = await reaches(client, "waiting");
    expect(status).toMatchObject({ kind: "waiting", error: { code: "ERR_CONNECT_FAILED", retryable: true, details: { reason: "not-loaded" } } });
    expect([loads, connects()]).toEqual([attempt, 0]);
    const next = reaches(client, "connecting");
    await clock.pass(60_000);
    await next;
  }
  expect(await reaches(client, "stopped")).toMatchObject({ error: { code: "ERR_AUTH_REJECTED" } });
  expect([loads, connects()]).toEqual([3, 1]);
  expect(told.filter((kind) => kind === "synchronizing" || kind === "online")).toEqual([]);
  await client.close();
});

test("messages are accepted, stored and read back while that half is not there", async () => {
  const { client } = await scene(() => Promise.reject(new TypeError("Failed to fetch")));
  client.connect();
  await reaches(client, "waiting");
  const conversation = client.conversation("juliet@example.org");
  const handle = conversation.send({ text: "later" });
  await new Promise<void>((resolve) => {
    const stop = handle.subscribe(() => { if (handle.getSnapshot().state === "stored") { stop(); resolve(); } });
  });
  expect((await conversation.history({ reverse: true })).map(({ text }) => text)).toEqual(["later"]);
  expect(client.waiting).toBe(1);
  client.setActive(false);
  await client.close();
});

test("nobody who disconnects or closes waits for a half that is still on its way, and it connects nothing when it comes", async () => {
  let arrive: () => void = () => undefined;
  let asked: () => void = () => undefined;
  const { client, connects } = await scene(() => new Promise((resolve) => {
    arrive = () => { resolve(onlineSource()); };
    asked();
  }));
  const connecting = async (): Promise<void> => {
    const begun = new Promise<void>((resolve) => { asked = resolve; });
    client.connect();
    await begun;
  };
  await connecting();
  await client.disconnect();
  expect(client.status.getSnapshot().kind).toBe("offline");
  await connecting();
  await client.close();
  arrive();
  await onlineSource();
  await new Promise<void>((resolve) => { setTimeout(resolve); });
  expect([client.status.getSnapshot().kind, connects()]).toEqual(["closed", 0]);
});

test("it is loaded once and serves every attempt", async () => {
  let loads = 0;
  const { client, connects } = await scene(() => { loads += 1; return onlineSource(); });
  for (const times of [1, 2]) {
    client.connect();
    await reaches(client, "stopped");
    expect([loads, connects()]).toEqual([1, times]);
  }
  await client.close();
});

test("a client that connects by itself fetches that half while its store is still being opened", async () => {
  const order: string[] = [];
  const store = memoryStore();
  const acquire = store.acquire.bind(store);
  Object.assign(store, { acquire: () => { order.push("store"); return acquire(); } });
  const client = await createClientWith(
    { account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store },
    {
      connector: () => Promise.reject(new TransportError("ERR_AUTH_REJECTED", "wrong password")),
      onlineSource: () => { order.push("half"); return onlineSource(); },
    },
  );
  expect(order.slice(0, 2)).toEqual(["half", "store"]);
  await reaches(client, "stopped");
  await client.close();
});
