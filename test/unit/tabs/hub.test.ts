import { describe, expect, test } from "vitest";
import { leaderAnswerMsMax, leaderCloseMsMax, leaderEarlyFramesMax } from "../../../src/base/limits.js";
import { StorageError } from "../../../src/storage/errors.js";
import type { HubMessage } from "../../../src/tabs/hub-messages.js";
import { join, leaderOf, names } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";

const isFrame = (message: unknown, direction: "up" | "down"): message is Extract<HubMessage, { kind: "up" }> => (message as HubMessage).kind === direction;

describe("who leads", () => {
  test("the first tab leads, later ones follow, and each hears of it once", async () => {
    const world = new TabWorld();
    const tabs = [await join(world), await join(world), await join(world)];
    expect(tabs.map(({ hosts }) => hosts.length)).toEqual([1, 0, 0]);
    expect(tabs.map(({ epochs }) => epochs)).toEqual([[1], [1], [1]]);
    for (const tab of tabs) tab.ask(1, 2, 3);
    await world.settle();
    for (const { hub, answers } of tabs) {
      expect(tabs[0]?.host.numbers(hub.id)).toEqual([1, 2, 3]);
      expect(answers).toEqual([1, 2, 3]);
    }
    expect(world.timers).toBe(0);
  });

  test("a crash of the leader makes the next one lead at once, without any timer or question", async () => {
    const world = new TabWorld();
    const [first, second, third] = [await join(world), await join(world), await join(world)];
    first.tab.kill();
    await world.settle();
    expect(leaderOf(world, [first, second, third])).toBe(second);
    expect([second.epochs, third.epochs]).toEqual([[1, 2], [1, 2]]);
    third.ask(7);
    await world.settle();
    expect(second.host.numbers(third.hub.id)).toEqual([7]);
    expect(third.answers).toEqual([7]);
    expect(world.timers).toBe(0);
  });

  test("a leader that is closed gives the lock back only after its host's clean end", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    let end = (): void => undefined;
    first.host.goodbye = new Promise((resolve) => { end = resolve; });
    const closed = first.hub.close();
    await world.settle();
    expect([leaderOf(world, [first, second]), second.hosts.length]).toEqual([first, 0]);
    end();
    await closed;
    await world.settle();
    expect([first.host.closed, leaderOf(world, [first, second]), second.hosts.length]).toEqual([true, second, 1]);
    expect(world.timers).toBe(0);
  });

  test("a host that does not end holds the next leader up for a bounded time", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    first.host.goodbye = new Promise(() => undefined);
    const closed = first.hub.close();
    await world.advance(leaderCloseMsMax - 1);
    expect(second.hosts.length).toBe(0);
    await world.advance(1);
    await closed;
    expect(leaderOf(world, [first, second])).toBe(second);
  });

  test("a follower that is closed leaves nothing behind, and the leader's host hears of it", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    second.ask(1);
    await world.settle();
    await second.hub.close();
    await world.settle();
    expect(first.host.left).toEqual([second.hub.id]);
    expect(world.holder(names.alive(second.hub.id))).toBeUndefined();
    await first.hub.close();
    await world.settle();
    expect([world.holder(names.account), world.holder(names.alive(first.hub.id))]).toEqual([undefined, undefined]);
  });

  test("the last words of a tab are heard before it counts as gone, though its lock is quicker", async () => {
    const world = new TabWorld();
    world.ring = 10;
    const [first, second] = [await join(world), await join(world)];
    second.ask(1);
    await world.settle();
    second.ask(2, 3);
    await second.hub.close();
    await world.settle();
    expect(first.host.numbers(second.hub.id)).toEqual([1, 2, 3]);
    expect(first.host.left).toEqual([second.hub.id]);
  });

  test("a tab that dies is taken leave of", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    second.ask(1);
    await world.settle();
    expect(first.host.left).toEqual([]);
    second.tab.kill();
    await world.settle();
    expect(first.host.left).toEqual([second.hub.id]);
  });
});

describe("a frozen leader", () => {
  test("is replaced within the time for an answer once a visible tab waits, and not before", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    first.tab.freeze();
    await world.advance(100_000);
    expect(leaderOf(world, [first, second])).toBe(first);
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax - 1);
    expect(leaderOf(world, [first, second])).toBe(first);
    await world.advance(1);
    expect(leaderOf(world, [first, second])).toBe(second);
    expect(second.epochs).toEqual([1, 2]);
    second.hub.waiting(false);
    await world.advance(leaderAnswerMsMax);
    expect(world.timers).toBe(0);
  });

  test("is replaced when a tab comes into view, and left alone by hidden ones", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world, { visible: false })];
    first.tab.freeze();
    second.hub.waiting(true);
    await world.advance(100_000);
    expect(leaderOf(world, [first, second])).toBe(first);
    second.tab.show(true);
    await world.advance(leaderAnswerMsMax);
    expect(leaderOf(world, [first, second])).toBe(second);
  });

  test("closes its host when it thaws, at once, and follows", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    first.tab.freeze();
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax);
    second.hub.waiting(false);
    expect(first.host.closed).toBe(false);
    first.tab.thaw();
    await world.settle();
    expect(first.host.closed).toBe(true);
    expect(first.epochs).toEqual([1, 2]);
    first.ask(5);
    await world.settle();
    expect(second.host.numbers(first.hub.id)).toEqual([5]);
    expect(first.answers).toEqual([5]);
    second.tab.kill();
    await world.settle();
    expect([leaderOf(world, [first, second]), first.hosts.length]).toEqual([first, 2]);
  });

  test("that hears the question while it is frozen does not count as there", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    first.tab.freeze();
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax);
    first.tab.thaw(); // with the question still to answer: it has lost the lock, and must say nothing
    await world.advance(leaderAnswerMsMax);
    expect(leaderOf(world, [first, second])).toBe(second);
    expect(second.epochs).toEqual([1, 2]);
  });

  test("that has lost the lock and was not told yet says nothing any more", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    world.stolen = [];
    const thief = world.open();
    void thief.platform.locks.request(names.account, { steal: true }, () => new Promise(() => undefined)).catch(() => undefined);
    await world.settle();
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax * 2); // the first time it is seen that somebody else has the lock
    expect(second.hosts.length).toBe(1);
    for (const tell of world.stolen) tell();
    await world.settle();
    expect([first.host.closed, first.epochs.length, leaderOf(world, [first, second])]).toEqual([true, 2, second]);
  });

  test("is not held against the one that has replaced it", async () => {
    const world = new TabWorld();
    const [first, second, third] = [await join(world), await join(world), await join(world)];
    first.tab.freeze();
    world.lose = (message) => (message as HubMessage).kind === "lead";
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax / 2);
    third.hub.waiting(true);
    await world.advance(leaderAnswerMsMax / 2);
    expect(leaderOf(world, [first, second, third])).toBe(second);
    await world.advance(leaderAnswerMsMax / 2 - 1);
    world.lose = () => false;
    await world.advance(1); // it has heard of nobody, but the lock has changed hands
    expect([leaderOf(world, [first, second, third]), third.epochs]).toEqual([second, [1, 2]]);
  });

  test("that freezes in the middle of the work is found out too", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax * 5);
    expect(leaderOf(world, [first, second])).toBe(first);
    first.tab.freeze();
    await world.advance(leaderAnswerMsMax * 2);
    expect(leaderOf(world, [first, second])).toBe(second);
  });

  test("loses the lock to one tab only, however many wait", async () => {
    const world = new TabWorld();
    const members = [await join(world), await join(world), await join(world), await join(world), await join(world)];
    members[0]?.tab.freeze();
    for (const member of members.slice(1)) member.hub.waiting(true);
    await world.advance(leaderAnswerMsMax * 3);
    expect(members.slice(1).map(({ hosts }) => hosts.length).sort()).toEqual([0, 0, 0, 1]);
    expect(members.slice(1).every(({ epochs }) => epochs.length === 2)).toBe(true);
  });

  test("is replaced though the tab that began to replace it froze in between", async () => {
    const world = new TabWorld();
    const [first, second, third] = [await join(world), await join(world), await join(world)];
    first.tab.freeze();
    void second.tab.platform.locks.request(names.thief, {}, () => new Promise(() => undefined));
    await world.settle();
    second.tab.freeze();
    third.hub.waiting(true);
    await world.advance(leaderAnswerMsMax);
    expect(leaderOf(world, [first, second, third])).toBe(first);
    await world.advance(leaderAnswerMsMax);
    expect(leaderOf(world, [first, second, third])).toBe(third);
  });

  test("is replaced by a tab that was opened while it was frozen", async () => {
    const world = new TabWorld();
    const first = await join(world);
    first.tab.freeze();
    const second = await join(world);
    expect(second.epochs).toEqual([]);
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax);
    expect([leaderOf(world, [first, second]), second.epochs]).toEqual([second, [1]]);
    first.tab.thaw();
    await world.settle();
    first.ask(1);
    await world.settle();
    expect(first.answers).toEqual([1]); // its own count began at the same number, and the holder of the lock has gone beyond it
  });
});

describe("frames", () => {
  test("that are lost on the way begin a new epoch for the facade, and nothing arrives twice or out of order", async () => {
    for (const direction of ["up", "down"] as const) {
      const world = new TabWorld();
      const [first, second] = [await join(world), await join(world)];
      second.ask(1);
      await world.settle();
      world.lose = (message) => isFrame(message, direction);
      second.ask(2);
      await world.settle();
      world.lose = () => false;
      second.ask(3);
      await world.settle();
      expect(second.epochs, direction).toEqual([1, 2]);
      expect(first.host.left, direction).toEqual([]);
      second.ask(4, 5);
      await world.settle();
      expect(second.answers, direction).toEqual([1, 4, 5]);
      expect(first.host.left, direction).toEqual([second.hub.id]);
      expect(first.host.numbers(second.hub.id), direction).toEqual(direction === "up" ? [1, 4, 5] : [1, 2, 3, 4, 5]);
    }
  });

  test("of an older epoch are dropped", async () => {
    const world = new TabWorld();
    const [first, second, third] = [await join(world), await join(world), await join(world)];
    const held: unknown[] = [];
    world.lose = (message) => isFrame(message, "up") && held.push(message) > 0;
    third.ask(1);
    await world.settle();
    world.lose = () => false;
    first.tab.kill();
    await world.settle();
    const late = world.open();
    for (const message of held) late.platform.channel(names.tab(second.hub.id), () => undefined).postMessage(message);
    await world.settle();
    expect(second.host.numbers(third.hub.id)).toEqual([]);
    third.ask(2);
    await world.settle();
    expect(second.host.numbers(third.hub.id)).toEqual([2]);
  });

  test("wait while a new leader opens its store, and a store that is busy is tried again", async () => {
    const world = new TabWorld();
    let failures = 2;
    const opening = (): Promise<void> => (failures-- > 0 ? Promise.reject(new StorageError("ERR_STORE_UNAVAILABLE", "", { retryable: true })) : Promise.resolve());
    const first = await join(world, { opening });
    const second = await join(world);
    second.ask(1, 2);
    first.ask(1);
    await world.settle();
    expect(first.hosts.length).toBe(0);
    await world.advance(60_000);
    expect(first.host.numbers(second.hub.id)).toEqual([1, 2]);
    expect([first.answers, second.answers, second.epochs]).toEqual([[1], [1, 2], [1]]);
  });

  test("that find no room while the store is being opened are asked for again, and no tab waits for ever", async () => {
    const world = new TabWorld();
    let open = (): void => undefined;
    const first = await join(world, { opening: () => new Promise((resolve) => { open = resolve; }) });
    const [second, third] = [await join(world), await join(world)];
    const fitting = Array.from({ length: leaderEarlyFramesMax }, (_, n) => n);
    second.ask(...fitting, -1);
    await world.settle();
    third.ask(1);
    first.ask(1);
    await world.settle();
    second.ask(-2);
    await world.settle();
    expect([second.epochs, third.epochs]).toEqual([[1], [1]]); // nothing to say before the host is there
    open();
    await world.settle();
    expect([first.epochs, second.epochs, third.epochs]).toEqual([[1], [1, 2], [1, 2]]);
    expect([first.answers, first.host.numbers(second.hub.id), first.host.numbers(third.hub.id)]).toEqual([[1], fitting, []]);
    second.ask(2);
    third.ask(2);
    await world.settle();
    expect(first.host.left).toEqual([second.hub.id, third.hub.id]);
    expect([second.answers.at(-1), third.answers]).toEqual([2, [2]]);
  });
});

test("a tab whose store cannot be opened ends with the error, and the next one leads", async () => {
  const world = new TabWorld();
  const first = await join(world, { opening: () => Promise.reject(new StorageError("ERR_STORE_CORRUPT", "")) });
  const second = await join(world);
  expect(first.ends).toMatchObject([{ code: "ERR_STORE_CORRUPT" }]);
  expect([leaderOf(world, [first, second]), second.hosts.length]).toEqual([second, 1]);
});

describe("what the application has asked of the connection", () => {
  const call = (method: string, ...args: readonly unknown[]) => ({ kind: "call", id: 1, on: { part: "client" }, method, args }) as const;

  test("outlives the leader, in any tab, also in one that came later", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    expect(first.host.wishes).toEqual({});
    second.hub.send(call("disconnect"));
    second.hub.send(call("setCredentials", { password: "new" }));
    await world.settle();
    const third = await join(world);
    first.tab.kill();
    await world.settle();
    expect(second.host.wishes).toEqual({ connected: false, password: "new", passwordOf: second.hub.id });
    third.hub.send(call("connect"));
    await world.settle();
    second.tab.kill();
    await world.settle();
    expect(third.host.wishes).toEqual({ connected: true, password: "new", passwordOf: second.hub.id });
  });
});

test("a message of a build that nobody knows harms nobody", async () => {
  const world = new TabWorld();
  const [first, second] = [await join(world), await join(world)];
  const other = world.open().platform.channel(names.account, () => undefined);
  for (const message of [undefined, null, 7, "who", {}, { kind: "who" }, { kind: "dance", from: "x" }]) other.postMessage(message);
  await world.settle();
  second.ask(1);
  await world.settle();
  expect([first.epochs, second.epochs, second.answers]).toEqual([[1], [1], [1]]);
});
