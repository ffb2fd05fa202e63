/** Channels between tabs: which ones are open, what is heard on them, what a frozen page keeps, and platforms that refuse them. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { leaderAnswerMsMax, leaderEarlyFramesMax, leaderOpenAttemptsMax, storeLossesForgottenMs } from "../../../src/base/limits.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryStore } from "../../../src/storage/memory.js";
import type { FacadeFrame } from "../../../src/tabs/frames.js";
import { keptMessagesMax, platformTabs, type TabPlatform } from "../../../src/tabs/platform.js";
import { createSharedClient } from "../../../src/tabs/shared-client.js";
import { toWire } from "../../../src/tabs/wire.js";
import { wishesAfter } from "../../../src/tabs/wishes.js";
import { join, leaderOf, names } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";
import { unhandledRejections } from "../../support/unhandled-rejections.js";

afterEach(() => { vi.unstubAllGlobals(); });

test("a leader that leads no more closes its channels to the tabs that it served", async () => {
  const world = new TabWorld();
  const [first, second, ...others] = [await join(world), await join(world), await join(world), await join(world)];
  for (const other of others) other.ask(1);
  await world.settle();
  const to = (tab: typeof first): string => names.tab(tab.hub.id);
  expect(world.channelsOf(first.tab)).toEqual(expect.arrayContaining(others.map(to)));
  first.tab.freeze();
  second.hub.waiting(true);
  await world.advance(leaderAnswerMsMax);
  second.hub.waiting(false);
  first.tab.thaw();
  await world.settle();
  first.ask(2);
  await world.settle();
  expect(leaderOf(world, [first, second])).toBe(second);
  expect(first.answers).toEqual([2]);
  expect(world.channelsOf(first.tab)).toEqual([names.account, to(first), to(second)].sort());
});

test("a tab hears what is said to all and to itself, and nothing of what others say to the leader", async () => {
  const world = new TabWorld();
  const [first, second] = [await join(world), await join(world)];
  second.ask(1);
  await world.settle();
  for (const { tab, hub } of [first, second]) expect(world.channelsOf(tab, "heard")).toEqual([names.account, names.tab(hub.id)].sort());
});

test("a leader that leads no more asks no tab for frames that its host, opened too late, has missed", async () => {
  const world = new TabWorld();
  let open = (): void => undefined;
  const first = await join(world, { opening: () => new Promise((resolve) => { open = resolve; }) });
  const second = await join(world, { visible: false });
  const said: unknown[] = [];
  second.ask(...Array.from({ length: leaderEarlyFramesMax + 1 }, (_, n) => n));
  await world.settle();
  world.lose = (message) => { said.push(message); return false; };
  const closed = first.hub.close();
  await world.settle();
  open();
  await closed;
  await world.settle();
  expect(said).not.toContainEqual(expect.objectContaining({ kind: "again" }));
});

/** Channels of a browser, delivered by hand. */
class HandedChannel {
  static all: HandedChannel[] = [];
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  closed = false;
  readonly posted: unknown[] = [];
  readonly name: string;

  constructor(name: string) {
    this.name = name;
    HandedChannel.all.push(this);
  }

  postMessage(message: unknown): void {
    this.posted.push(message);
  }

  close(): void {
    this.closed = true;
  }
}

describe("the channels of a browser", () => {
  function channels(): Pick<TabPlatform, "channel"> {
    HandedChannel.all = [];
    vi.stubGlobal("navigator", { locks: {} });
    vi.stubGlobal("BroadcastChannel", HandedChannel);
    return platformTabs();
  }

  test("that are there to post hear nothing: frames of other tabs are not kept by a page that is frozen", () => {
    const channel = channels().channel("other");
    const [only] = HandedChannel.all;
    channel.postMessage(7);
    channel.close();
    expect([only?.posted, only?.onmessage, only?.closed]).toEqual([[7], null, true]);
  });

  test("keep so many messages for a page that is frozen, the newest, and it hears them in order and once", async () => {
    const heard: unknown[] = [];
    const channel = channels().channel("own", (message) => { heard.push(message); });
    const deliver = (data: unknown): void => { HandedChannel.all[0]?.onmessage?.({ data }); };
    for (let n = 0; n < keptMessagesMax + 3; n++) deliver(n);
    expect(heard).toEqual([]);
    await expect.poll(() => heard.length).toBe(keptMessagesMax);
    expect([heard[0], heard.at(-1)]).toEqual([3, keptMessagesMax + 2]);
    deliver("later");
    await expect.poll(() => heard.at(-1)).toBe("later");
    expect(heard.length).toBe(keptMessagesMax + 1);
    channel.close();
  });

  test("hand on what has arrived when they are asked to, in order and once", async () => {
    const heard: unknown[] = [];
    const channel = channels().channel("own", (message) => { heard.push(message); });
    const deliver = (data: unknown): void => { HandedChannel.all[0]?.onmessage?.({ data }); };
    for (const n of [1, 2, 3]) deliver(n);
    channel.catchUp?.();
    expect(heard).toEqual([1, 2, 3]);
    deliver(4);
    await expect.poll(() => heard).toEqual([1, 2, 3, 4]);
    channel.close();
  });
});

describe("a platform that has locks and channels and refuses them", () => {
  const denied = new DOMException("denied", "SecurityError");
  const options = { account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store: () => memoryStore() };

  test.each<readonly [string, Partial<TabPlatform>]>([
    ["locks", { locks: { request: () => Promise.reject(denied), query: () => Promise.reject(denied) } }],
    ["channels", { channel: () => { throw denied; } }],
  ])("D04 D08 is a typed error, and nothing of the tab stays: %s", async (_what, refused) => {
    const world = new TabWorld();
    const tab = world.open();
    let looking = 0;
    const visibility = { isVisible: () => true, onChange: () => { looking += 1; return () => { looking -= 1; }; } };
    const platform = { ...tab.platform, visibility, ...refused };
    await expect(createSharedClient({ ...options, platform })).rejects.toMatchObject({ name: "ClientError", code: "ERR_NOT_SUPPORTED", retryable: false, cause: denied });
    expect([world.channelsOf(tab), looking, world.timers]).toEqual([[], 0, 0]);
  });
});

describe("what another build says", () => {
  /** What `messages` to all, and to the leader alone, make the listeners throw. */
  async function thrownBy(messages: readonly unknown[], rejections: readonly unknown[]): Promise<{ readonly thrown: readonly unknown[]; readonly works: boolean }> {
    const world = new TabWorld();
    const thrown: unknown[] = [];
    const openChannel = world.openChannel.bind(world);
    world.openChannel = (tab, name, listener) => openChannel(tab, name, listener === undefined ? undefined : (message) => {
      try { listener(message); } catch (error) { thrown.push(error); }
    });
    const [first, second] = [await join(world), await join(world)];
    const other = await join(world);
    const { channel } = other.tab.platform;
    for (const message of messages) for (const name of [names.account, names.tab(first.hub.id), names.tab(second.hub.id)]) {
      channel(name).postMessage({ from: other.hub.id, ...message as object });
    }
    await world.settle();
    await new Promise((resolve) => { setTimeout(resolve, 0); }); // rejections are told after a turn
    thrown.push(...rejections);
    first.tab.kill();
    await world.settle();
    for (const each of [second, other]) each.ask(1);
    await world.settle();
    return { thrown, works: second.hosts.length === 1 && second.answers.length === 1 && other.answers.length === 1 };
  }

  test.each<readonly [string, unknown]>([
    ["a loss without its error", { kind: "lost", times: 1 }],
    ["a loss without its number", { kind: "lost", error: { layer: "storage", code: "ERR_STORE_UNAVAILABLE" } }],
    ["a leader without an epoch", { kind: "lead", wishes: {} }],
    ["a leader without wishes", { kind: "lead", epoch: 1.5 }],
    ["a leader with a newer epoch and without wishes", { kind: "lead", epoch: 9 }],
    ["an epoch that is no number", { kind: "past", epoch: "9" }],
    ["a call without an object", { kind: "up", epoch: 1, session: 1, n: 0, frame: { kind: "call", id: 1 } }],
    ["no frame at all", { kind: "up", epoch: 1, session: 1, n: 0 }],
    ["a frame for the tab that is none", { kind: "down", epoch: 1, session: 1, n: 0 }],
  ])("H04 H07 throws nowhere and harms nobody: %s", async (_what, message) => {
    expect(await thrownBy([message], unhandledRejections())).toEqual({ thrown: [], works: true });
  });

  test("H04 a leader that forgets the wishes leaves those that are known", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    second.hub.send({ kind: "call", id: 1, on: { part: "client" }, method: "disconnect", args: [] });
    await world.settle();
    world.open().platform.channel(names.tab(second.hub.id)).postMessage({ kind: "lead", from: first.hub.id, epoch: 1 });
    await world.settle();
    first.tab.kill();
    await world.settle();
    expect(second.host.wishes).toEqual({ connected: false });
  });

  test("H04 D07 a loss without its number does not end the count of losses", async () => {
    const world = new TabWorld();
    const only = await join(world);
    const evicted = new StorageError("ERR_STORE_UNAVAILABLE", "gone", { details: { reason: "evicted" } });
    for (let n = 0; n <= leaderOpenAttemptsMax; n++) {
      only.host.lose(evicted);
      world.open().platform.channel(names.account).postMessage({ kind: "lost", from: "x", error: toWire(evicted) });
      await world.advance(storeLossesForgottenMs / 2);
    }
    expect(only.ends).toMatchObject([{ details: { reason: "evicted" } }]);
  });

  test.each<readonly [string, unknown]>([
    ["nothing", undefined], ["no object to call", { kind: "call" }], ["null as object", { kind: "call", on: null }],
    ["no arguments", { kind: "call", on: { part: "client" }, method: "setCredentials" }],
    ["arguments that are none", { kind: "call", on: { part: "client" }, method: "setCredentials", args: { 0: { password: "x" } } }],
    ["no credentials", { kind: "call", on: { part: "client" }, method: "setCredentials", args: [null] }],
  ])("H04 is no wish: %s", (_what, frame) => {
    const wishes = { connected: true };
    expect(wishesAfter(wishes, "tab", frame as FacadeFrame)).toBe(wishes);
  });
});
