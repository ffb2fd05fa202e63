/** What a tab says to a leader that it meets, and shows before there is one. */
import { expect, onTestFinished, test } from "vitest";
import { ClientError } from "../../../src/client/errors.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { createFacade } from "../../../src/tabs/facade.js";
import { protocolVersion } from "../../../src/tabs/frames.js";
import { type ClientHost, openHost } from "../../../src/tabs/host.js";
import { openShared } from "../../../src/tabs/shared-client.js";
import type { Client } from "../../../src/client/surface.js";
import { ManualClock } from "../../support/outbox-world.js";
import { calm, type FacadeWorld, juliet, LoopbackLink, testWorld, when } from "../../support/facade-world.js";
import { TabWorld } from "../../support/tab-world.js";

/** A tab whose build a test chooses. */
async function tabOf(there: FacadeWorld, build: { version: number }): Promise<{ readonly client: Client; readonly link: LoopbackLink }> {
  const link = new LoopbackLink(there, "of another build");
  const send = link.send.bind(link);
  link.send = (frame) => { send(frame.kind === "hello" ? { ...frame, protocol: build.version } : frame); };
  there.links.add(link);
  const client = await createFacade(link);
  onTestFinished(() => client.close());
  return { client, link };
}

/** Counts what the application's user looks at, as the leader's client is told. */
function activity(host: ClientHost): boolean[] {
  const told: boolean[] = [];
  const setActive = host.client.setActive.bind(host.client);
  host.client.setActive = (active) => {
    told.push(active);
    setActive(active);
  };
  return told;
}

test("what a tab asks while it greets a leader is sent once", async () => {
  const there = testWorld();
  const { client, link } = await there.open();
  client.setActive(false);
  client.setCredentials({ password: () => "mine" });
  await calm();
  link.sent.length = 0;
  await there.lead();
  await calm();
  expect(link.sent[0]).toMatchObject({ kind: "hello", active: false });
  expect(link.sent.flatMap((frame) => (frame.kind === "call" ? [frame.method] : []))).toEqual(["setCredentials"]);
});

test("a write that a listener of the status asks for in that moment is done once", async () => {
  const there = testWorld();
  await there.open();
  const build = { version: protocolVersion };
  const { client, link } = await tabOf(there, build);
  build.version += 1;
  await there.lead();
  await calm();
  expect(client.status.getSnapshot().kind).toBe("stopped");
  let done: Promise<unknown> | undefined;
  client.status.subscribe(() => { if (client.status.getSnapshot().kind !== "stopped") done ??= client.deleteHistory({ before: 0 }); });
  build.version = protocolVersion;
  link.sent.length = 0;
  await there.lead();
  await calm();
  await done;
  expect(link.sent.filter((frame) => frame.kind === "call" && frame.method === "deleteHistory")).toHaveLength(1);
});

test("an iterator that a listener of the status asks in that moment goes on", async () => {
  const there = testWorld();
  await there.open();
  const build = { version: protocolVersion };
  const { client, link } = await tabOf(there, build);
  build.version += 1;
  await there.lead();
  await calm();
  const messages = client.messages();
  let next: Promise<unknown> | undefined;
  client.status.subscribe(() => { if (client.status.getSnapshot().kind !== "stopped") next ??= messages.next(); });
  build.version = protocolVersion;
  link.sent.length = 0;
  await there.lead();
  await calm();
  expect(link.sent.flatMap(({ kind }) => (kind === "read" || kind === "next" ? [kind] : []))).toEqual(["read", "next"]);
  await messages.return?.();
  expect(await next).toEqual({ done: true, value: undefined });
});

test("what the password function asks for when it is not wanted any more is sent once, behind what it is about", async () => {
  const there = testWorld();
  const { client, link } = await there.open();
  const inbox = await client.inbox();
  const messages = client.messages();
  const stop = new AbortController();
  let processing: Promise<void> | undefined;
  let next: Promise<unknown> | undefined;
  client.setCredentials({ password: ({ signal }) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      processing ??= inbox.process(() => Promise.resolve(), { signal: stop.signal });
      next ??= messages.next();
      reject(new Error("not wanted"));
    });
  }) });
  await calm();
  link.frames.emit({ kind: "ask", id: 1 }); // as for a login
  await calm();
  link.sent.length = 0;
  await there.lead();
  await calm();
  expect(link.sent.flatMap(({ kind }) => (kind === "read" || kind === "next" || kind === "process" ? [kind] : []))).toEqual(["process", "read", "next"]);
  stop.abort();
  await processing;
  await messages.return?.();
  expect(await next).toEqual({ done: true, value: undefined });
});

test("a client whose first leader is of another build shows nothing, and can be rendered", async () => {
  const there = testWorld();
  await there.lead();
  const { client: { roster, presence, status } } = await tabOf(there, { version: protocolVersion + 1 });
  expect(status.getSnapshot()).toMatchObject({ kind: "stopped", error: { code: "ERR_TAB_VERSION" } });
  expect(roster.getSnapshot()).toEqual({ contacts: new Map(), requests: [], freshness: "cached" });
  expect([roster.get(juliet), roster.confirmed(juliet), roster.confirmedContacts(), roster.export().contacts]).toEqual([undefined, undefined, [], []]);
  expect([presence.getSnapshot(), presence.contact(juliet), presence.ownResources(), presence.own.getSnapshot()]).toEqual([new Map(), undefined, [], { kind: "unavailable" }]);
  expect([presence.currentPolicy.getSnapshot(), presence.effective(juliet)]).toEqual([undefined, undefined]);
});

test("a new tab beside hidden ones makes the client active, and a hidden tab that begins anew does not", async () => {
  const there = testWorld();
  const { client, host, link } = await there.open();
  const told = activity(host);
  client.setActive(false);
  await calm();
  link.epochs.emit(there.epoch); // frames were lost
  await calm();
  expect(told).toEqual([false]);
  await there.tab();
  await calm();
  expect(told).toEqual([false, true]);
  link.epochs.emit(there.epoch);
  await calm();
  expect(told).toEqual([false, true]);
});

test.each([["looked at", true], ["hidden", false]])("a tab that is %s and begins anew with a leader in another tab, for its frames were lost, changes nothing", async (_, active) => {
  const world = new TabWorld();
  let host: ClientHost | undefined;
  const open = async (): Promise<Client> => {
    const client = await openShared({
      account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", autoConnect: false, store: () => memoryStore(), platform: world.open().platform,
    }, async (...given) => (host = await openHost(...given)));
    onTestFinished(() => client.close());
    client.setActive(false);
    return client;
  };
  await open();
  const follower = await open();
  follower.setActive(active);
  await calm();
  const told = activity(host as ClientHost);
  let sessions = 0;
  let lost = true;
  world.lose = (message) => {
    const { kind, n } = message as { readonly kind: string; readonly n?: number };
    if (kind === "up" && n === 0) sessions += 1;
    return kind === "down" && lost;
  };
  follower.setActive(active); // its answer is lost
  await calm();
  lost = false;
  follower.setActive(active);
  await calm();
  expect([sessions, told]).toEqual([1, []]);
});

test("a state that the next leader cannot open at once is asked for again, and not stale for ever", async () => {
  const there = testWorld();
  const clock = new ManualClock();
  await there.lead();
  const { client } = await there.tab(clock);
  const conversations = await client.conversations();
  const host = await there.lead();
  const open = host.client.conversations.bind(host.client);
  let times = 0;
  host.client.conversations = () => (times++ === 0 ? Promise.reject(new StorageError("ERR_STORE_FAILED", "busy", { retryable: true })) : open());
  await calm();
  await client.conversation(juliet).send({ text: "hello" }).reached("stored");
  await calm();
  expect([times, conversations.getSnapshot().conversations.length]).toEqual([1, 0]);
  await clock.pass(1_000);
  await when(conversations, () => conversations.getSnapshot().conversations.length === 1);
});

test.each([true, false])("events that a leader cannot give at first come once it can, or another one can (retryable: %s)", async (retryable) => {
  const there = testWorld();
  const clock = new ManualClock();
  const host = await there.lead();
  const { client, link } = await there.tab(clock);
  const mine = await client.personalEvents();
  const open = host.client.personalEvents.bind(host.client);
  host.client.personalEvents = () => Promise.reject(new ClientError("ERR_NOT_LOADED", "planned", { retryable }));
  mine.onEvent(() => undefined);
  await calm();
  expect(link.waits.at(-1)).toBe(false); // nobody waits for an answer
  host.client.personalEvents = open;
  await clock.pass(1_000);
  if (!retryable) await there.lead();
  await calm();
  const asked = link.sent.flatMap((frame) => (frame.kind === "watch" && frame.source.of === "personalEvents.events" ? [frame.id] : []));
  expect([asked.length, new Set(asked).size]).toEqual([2, 1]);
  expect(link.received.filter((frame) => "id" in frame && frame.id === asked[0]).map(({ kind }) => kind)).toEqual(["error", "state"]);
});

test("a message that a leader has deleted without being able to say so is deleted, says the next one", async () => {
  const there = testWorld();
  const { client, host: { client: { core } } } = await there.open();
  await core.ledger.run((tx) => core.log.append(tx, { id: "1", conversation: juliet, from: juliet, direction: "received", text: "hi", receivedAt: 1, security: { level: "none" } }));
  there.lose = ({ kind }, direction) => direction === "down" && kind === "result";
  const deleting = client.conversation(juliet).deleteMessage({ position: 1 });
  await calm();
  expect(await core.log.page()).toEqual([]);
  there.lose = () => false;
  await there.lead();
  expect(await deleting).toBe(true);
});
