/**
 * The browser's word about the network: that it is back ends the wait for the next attempt, that it is gone the attempt (threats N18). What listens is
 * chosen by `#network`, so Chromium alone can tell.
 */
import { expect, test } from "vitest";
import { createClientWith } from "../../../src/client/create-client.js";
import type { Connector } from "../../../src/client/link.js";
import { Link } from "../../../src/client/link.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { romeo, testWorld } from "../../support/facade-world.js";
import { ManualClock, quiet } from "../../support/outbox-world.js";

interface Scene {
  readonly link: Link;
  readonly clock: ManualClock;
  /** Attempts so far. */
  readonly attempts: () => number;
}

/** A link whose only endpoint is down, in its first wait: half of the longest for that attempt. */
async function waiting(): Promise<Scene> {
  const clock = new ManualClock();
  let attempts = 0;
  const link = new Link({
    options: { clock, password: "secret", rng: (length) => new Uint8Array(length).fill(0x7f), services: ["wss://example.org/ws"] },
    loadRun: () => Promise.resolve(() => {
      attempts += 1;
      return Promise.resolve({ error: new TransportError("ERR_CONNECT_FAILED", "down", { retryable: true }), livedMs: 0, blamed: false });
    }),
    onError: (error) => { throw error; },
  });
  link.start();
  await quiet();
  expect([link.status.getSnapshot().kind, attempts, clock.timers]).toEqual(["waiting", 1, 1]);
  return { link, clock, attempts: () => attempts };
}
const online = async (): Promise<void> => {
  globalThis.dispatchEvent(new Event("online"));
  await quiet();
};

test("N18 a link that waits tries at once when the platform says that it is online, and the wait it was in is over", async () => {
  const { link, clock, attempts } = await waiting();
  await online();
  expect([link.status.getSnapshot().kind, attempts(), clock.timers]).toEqual(["waiting", 2, 1]); // one timer: that of the next wait
  await online();
  expect(attempts()).toBe(3); // each time: the listener of a wait goes with it, the next has its own
  await link.stop("offline");
  expect(clock.timers).toBe(0);
});

test("N18 without that word the backoff alone decides, and who has stopped is not woken", async () => {
  const { link, clock, attempts } = await waiting();
  await clock.pass(1);
  expect(attempts()).toBe(1);
  await clock.pass(60_000);
  expect(attempts()).toBe(2);
  await link.stop("offline");
  await online();
  expect([link.status.getSnapshot().kind, attempts()]).toEqual(["offline", 2]);
});

test("N18 an attempt is given up when the platform says that the network is gone, and the next one comes with the word that it is back", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const hanging: Connector = ({ signal }) => new Promise((_resolve, reject) => {
    signals.push(signal);
    signal?.addEventListener("abort", () => { reject(new Error("given up")); });
  });
  const client = await createClientWith({ account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store: memoryStore() }, { connector: hanging });
  const kind = (): string => client.status.getSnapshot().kind;
  await expect.poll(() => signals.length).toBe(1);
  expect(kind()).toBe("connecting");
  const waiting = new Promise((resolve) => { // a wait may be shorter than a look at it
    client.status.subscribe(() => { if (kind() === "waiting") resolve(client.status.getSnapshot()); });
  });
  globalThis.dispatchEvent(new Event("offline"));
  expect(await waiting).toMatchObject({ error: { code: "ERR_CONNECT_FAILED", retryable: true } });
  globalThis.dispatchEvent(new Event("online"));
  await expect.poll(() => signals.length).toBe(2);
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, false]);
  await client.close();
  globalThis.dispatchEvent(new Event("offline")); // nobody listens any more
  expect(kind()).toBe("closed");
});

test("N18 a session that is being set up when the network goes ends at once, though its socket does not know", async () => {
  const world = testWorld();
  let asked = 0;
  const handle = world.server.handle.bind(world.server);
  world.server.handle = (session, stanza) => { // the way to it is gone
    if (stanza.name === "iq") asked += 1;
    else handle(session, stanza);
  };
  let isOnline = false;
  const opening = world.other(romeo).then(() => { isOnline = true; });
  await expect.poll(() => asked).toBeGreaterThan(0);
  globalThis.dispatchEvent(new Event("offline"));
  world.server.handle = handle;
  await expect.poll(() => {
    globalThis.dispatchEvent(new Event("online"));
    return isOnline;
  }, { timeout: 10_000 }).toBe(true); // a question waits for its answer three times as long
  await opening;
});
