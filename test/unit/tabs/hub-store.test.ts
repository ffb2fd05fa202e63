/** A leader whose store ends: who opens it anew, when, and how often (D07, D10). */
import { describe, expect, test } from "vitest";
import { leaderAnswerMsMax, leaderLossHeardMs, leaderOpenAttemptsMax, leaderOpenRetryMs, storeLossesForgottenMs } from "../../../src/base/limits.js";
import { StorageError } from "../../../src/storage/errors.js";
import { toWire } from "../../../src/tabs/wire.js";
import { join, leaderOf, names } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";

describe("a store that ends under the leader", () => {
  const evicted = new StorageError("ERR_STORE_UNAVAILABLE", "gone", { details: { reason: "evicted" } });

  test("D07 makes it give the lock up after its host's clean end, and the next tab opens the store anew, at once", async () => {
    const world = new TabWorld();
    const [first, second, third] = [await join(world), await join(world), await join(world)];
    let end = (): void => undefined;
    first.host.goodbye = new Promise((resolve) => { end = resolve; });
    first.host.lose(evicted);
    await world.settle();
    expect([leaderOf(world, [first, second, third]), second.hosts.length]).toEqual([first, 0]);
    end();
    await world.settle();
    expect([first.host.closed, leaderOf(world, [first, second, third]), second.hosts.length]).toEqual([true, second, 1]);
    expect([first, second, third].map(({ epochs, ends }) => [epochs, ends])).toEqual([[[1, 2], []], [[1, 2], []], [[1, 2], []]]);
    for (const member of [first, third]) member.ask(7);
    await world.settle();
    expect([first.answers, third.answers]).toEqual([[7], [7]]);
    second.tab.kill();
    await world.settle();
    third.tab.kill();
    await world.settle();
    expect(first.hosts.length).toBe(2); // it still waits for its turn
    expect(world.timers).toBe(0);
  });

  test("D07 alone in its tab it leads again", async () => {
    const world = new TabWorld();
    const only = await join(world);
    only.host.lose(evicted);
    only.host.lose(evicted); // told twice it is one end
    await world.settle();
    expect([only.hosts.length, only.epochs, only.ends]).toEqual([2, [1, 2], []]);
    expect(only.hosts[0]?.closed).toBe(true);
    only.hosts[0]?.lose(evicted); // of a host that is none any more
    await world.settle();
    expect(only.hosts.length).toBe(2);
  });

  test("D07 again and again: it is opened later each time, whoever leads, then not any more, and every tab has the reason", async () => {
    const world = new TabWorld();
    const members = [await join(world), await join(world), await join(world)];
    const opened = (): number => members.reduce((sum, { hosts }) => sum + hosts.length, 0);
    const loseOnce = async (): Promise<void> => {
      leaderOf(world, members).host.lose(evicted);
      await world.settle();
    };
    await loseOnce();
    expect(opened()).toBe(2);
    for (let pause = leaderOpenRetryMs, n = 3; n <= leaderOpenAttemptsMax + 1; pause *= 2, n++) {
      await loseOnce();
      await world.advance(pause - 1);
      expect(opened()).toBe(n - 1);
      await world.advance(1);
      expect(opened()).toBe(n);
    }
    await loseOnce();
    await world.advance(storeLossesForgottenMs - 1);
    expect(opened()).toBe(leaderOpenAttemptsMax + 1);
    expect(members.map(({ ends }) => ends)).toMatchObject(members.map(() => [{ code: "ERR_STORE_UNAVAILABLE", details: { reason: "evicted" } }]));
    expect(world.timers).toBe(0);
    const late = await join(world); // whoever opens the application anew begins anew
    expect([late.hosts.length, late.ends]).toEqual([1, []]);
  });

  test("D07 one that cannot be opened is tried again, later each time, and then not any more: the tab has the reason", async () => {
    const world = new TabWorld();
    let tries = 0;
    const only = await join(world, { opening: () => {
      tries++;
      return Promise.reject(new StorageError("ERR_STORE_UNAVAILABLE", "busy", { retryable: true }));
    } });
    await world.settle();
    expect([tries, only.ends]).toEqual([1, []]);
    for (let pause = 250, n = 2; n <= 8; pause *= 2, n++) {
      await world.advance(pause - 1);
      expect(tries).toBe(n - 1);
      await world.advance(1);
      expect(tries).toBe(n);
    }
    expect(only.ends).toMatchObject([{ code: "ERR_STORE_UNAVAILABLE" }]);
    await world.advance(storeLossesForgottenMs);
    expect([tries, only.hosts.length, world.timers]).toEqual([8, 0, 0]);
  });

  test("D07 on purpose is heard of by the next leader before it opens anything, though the lock is quicker than the word", async () => {
    const world = new TabWorld();
    world.ring = 10;
    const [first, second] = [await join(world), await join(world)];
    first.host.lose(new StorageError("ERR_STORE_CLOSED", "destroyed", { details: { reason: "deleted" } }));
    await world.settle();
    expect([second.hosts.length, second.ends]).toMatchObject([0, [{ code: "ERR_STORE_CLOSED" }]]);
  });

  test("D07 long after the last time it is a first time", async () => {
    const world = new TabWorld();
    const only = await join(world);
    for (let n = 0; n < leaderOpenAttemptsMax + 3; n++) {
      only.host.lose(evicted);
      await world.settle();
      expect([only.hosts.length, only.ends]).toEqual([n + 2, []]);
      await world.advance(storeLossesForgottenMs + 1);
    }
  });

  test.each([
    { error: new StorageError("ERR_STORE_CLOSED", "gone", { details: { reason: "deleted" } }) },
    { error: new StorageError("ERR_STORE_CONTRACT", "broken") },
    { error: new StorageError("ERR_STORE_FENCED", "taken over by a client that knows nothing of tabs") },
  ])("D07 D10 D20 that was deleted on purpose, cannot be trusted, or is somebody else's now is not opened anew by any tab: $error.code", async ({ error }) => {
    const world = new TabWorld();
    const members = [await join(world), await join(world)];
    const loser = leaderOf(world, members);
    for (const member of members) member.ask(1);
    await world.settle();
    loser.host.lose(error);
    await world.advance(leaderLossHeardMs - 1);
    expect(leaderOf(world, members)).toBe(loser); // locks overtake messages
    await world.advance(1);
    expect(members.map(({ hosts }) => hosts.length)).toEqual([1, 0]);
    expect(members.map(({ ends }) => ends)).toMatchObject(members.map(() => [{ code: error.code }]));
    expect(world.timers).toBe(0);
  });

  test("D07 D10 on purpose keeps its lock until the others have heard, also if the application closes that tab at the news", async () => {
    const world = new TabWorld();
    const members = [await join(world), await join(world)];
    const loser = leaderOf(world, members);
    for (const member of members) member.ask(1);
    await world.settle();
    loser.host.lose(new StorageError("ERR_STORE_CLOSED", "destroyed", { details: { reason: "deleted" } }));
    await world.settle();
    let isClosed = false;
    const closed = loser.hub.close().then(() => { isClosed = true; });
    await world.advance(leaderLossHeardMs - 1);
    expect([leaderOf(world, members), isClosed]).toEqual([loser, false]);
    await world.advance(1);
    await closed;
    expect([members.map(({ hosts }) => hosts.length), world.holder(names.account), world.timers]).toEqual([[1, 0], undefined, 0]);
  });

  test("D07 D08 on purpose while the next leader opens it is opened by no other tab either, and all have the reason", async () => {
    const world = new TabWorld();
    let fail: (error: StorageError) => void = () => undefined;
    const first = await join(world);
    const second = await join(world, { opening: () => new Promise((_resolve, reject) => { fail = reject; }) });
    const third = await join(world);
    await first.hub.close(); // as who signs out does, before it destroys the store
    await world.settle();
    third.ask(1);
    await world.settle();
    fail(new StorageError("ERR_STORE_CLOSED", "destroyed", { details: { reason: "deleted" } }));
    await world.advance(leaderLossHeardMs - 1);
    expect([world.holder(names.account), third.ends]).toEqual([second.tab, []]); // locks overtake messages
    await world.advance(1);
    expect([second, third].map(({ hosts, ends }) => [hosts.length, ends])).toMatchObject([[0, [{ code: "ERR_STORE_CLOSED" }]], [0, [{ code: "ERR_STORE_CLOSED" }]]]);
    expect([world.holder(names.account), world.timers]).toEqual([undefined, 0]);
  });

  test("D07 on purpose keeps a tab that is opened at that moment waiting for no longer than the others are given to hear of it", async () => {
    const world = new TabWorld();
    const members = [await join(world), await join(world)];
    for (const member of members) member.ask(1);
    await world.settle();
    let told = 0;
    world.lose = (message) => {
      if ((message as { readonly kind: string }).kind === "lost") told += 1;
      return false;
    };
    leaderOf(world, members).host.lose(new StorageError("ERR_STORE_CLOSED", "destroyed", { details: { reason: "deleted" } }));
    await world.settle();
    const next = await join(world);
    next.hub.waiting(true);
    await world.advance(leaderLossHeardMs);
    expect([leaderOf(world, [next]), next.hosts.length, next.ends]).toEqual([next, 1, []]);
    expect(told).toBe(1); // who has heard it tells it to nobody
    expect(members.map(({ hosts }) => hosts.length)).toEqual([1, 0]);
  });

  test("D07 while the tab is being closed changes nothing", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    const closed = first.hub.close();
    first.host.lose(evicted);
    await closed;
    await world.settle();
    expect([first.hosts.length, second.hosts.length, first.ends]).toEqual([1, 1, []]);
  });

  test("D10 because another tab took the lock and the store: it follows that one", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    world.stolen = []; // the news of the lock come after those of the store
    first.tab.freeze();
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax);
    expect(leaderOf(world, [first, second])).toBe(second);
    first.tab.thaw();
    first.host.lose(new StorageError("ERR_STORE_FENCED", "taken over"));
    await world.settle();
    expect([first.hosts.length, second.hosts.length, first.ends, second.ends]).toEqual([1, 1, [], []]);
    first.ask(5);
    for (const tell of world.stolen) tell();
    await world.settle();
    expect([first.answers.at(-1), first.ends, leaderOf(world, [first, second])]).toEqual([5, [], second]);
    second.tab.kill();
    await world.settle();
    expect([first.hosts.length, first.ends]).toEqual([2, []]); // it was no loss
  });

  test("D10 because another tab took the lock and the store: what its own client says of that is kept from its application", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    world.stolen = [];
    first.tab.freeze();
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax);
    first.host.take(first.hub.id, { kind: "next", id: 1 }); // told in the turn in which the store has ended
    first.host.lose(new StorageError("ERR_STORE_FENCED", "taken over"));
    await world.settle();
    first.host.take(first.hub.id, { kind: "next", id: 2 });
    first.tab.thaw();
    await world.settle();
    for (const tell of world.stolen) tell();
    await world.settle();
    first.ask(3);
    await world.settle();
    expect([first.answers, first.ends, leaderOf(world, [first, second])]).toEqual([[3], [], second]);
  });

  test("D10 because it was taken over by a leader that sees other locks: that one does not count it as a loss of its own", async () => {
    const [old, young] = [new TabWorld(), new TabWorld()]; // Chromium after "clear all data": channels are shared, locks are not
    const leader = await join(young);
    const lost = { kind: "lost", from: "somebody", times: 99, error: toWire(new StorageError("ERR_STORE_FENCED", "taken over")) };
    old.open().platform.channel(names.account, () => undefined).postMessage(lost);
    young.open().platform.channel(names.account, () => undefined).postMessage(lost);
    await young.settle();
    leader.host.lose(evicted);
    await young.settle();
    expect([leader.hosts.length, leader.ends]).toEqual([2, []]);
  });
});

describe("a leader whose lock nobody sees, as Chromium has them after all data were cleared", () => {
  test("D10 is not followed, and does not make the other one outbid it", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    const heard: unknown[] = [];
    const stranger = world.open().platform.channel(names.account, (message) => { heard.push(message); });
    for (const kind of ["lead", "past"] as const) stranger.postMessage({ kind, from: "stranger", epoch: 99, wishes: {} });
    await world.settle();
    expect([first.epochs, second.epochs, heard]).toEqual([[1], [1], []]);
    second.ask(3);
    await world.settle();
    expect([second.answers, first.host.numbers(second.hub.id)]).toEqual([[3], [3]]);
  });
});

describe("the store of a leader that opens it", () => {
  const fenced = new StorageError("ERR_STORE_FENCED", "taken over");

  test("D10 is not for a tab that is thawed with the lock's grant after another one took the lock", async () => {
    const world = new TabWorld();
    const [first, frozen, third] = [await join(world), await join(world), await join(world)];
    frozen.tab.freeze();
    first.tab.kill(); // the lock becomes the frozen one's, which does not learn it
    third.hub.waiting(true);
    await world.advance(2 * leaderAnswerMsMax);
    expect([world.holder(names.account) === third.tab, third.hosts.length]).toEqual([true, 1]);
    frozen.tab.thaw();
    const held = await Promise.all([third.host.holds(), ...frozen.hosts.map(({ holds }) => holds())]);
    await world.settle();
    expect(held.filter((holds) => holds)).toEqual([true]);
    expect([frozen.ends, third.ends, leaderOf(world, [frozen, third])]).toEqual([[], [], third]);
    frozen.ask(3);
    await world.settle();
    expect(frozen.answers).toEqual([3]);
  });

  test("is not opened before the former host of the same tab is closed", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world)];
    let end = (): void => undefined;
    first.host.goodbye = new Promise((resolve) => { end = resolve; });
    first.tab.freeze();
    second.hub.waiting(true);
    await world.advance(2 * leaderAnswerMsMax);
    first.tab.thaw();
    second.tab.kill();
    await world.settle();
    expect([world.holder(names.account) === first.tab, first.hosts.length]).toEqual([true, 1]);
    end();
    await world.settle();
    expect(first.hosts.length).toBe(2);
  });

  test("D10 taken over by the tab that took the lock: it follows that one; by somebody else: it ends with the reason", async () => {
    const world = new TabWorld();
    let refuse = (): void => undefined;
    const refused = new Promise<void>((_resolve, reject) => { refuse = (): void => { reject(fenced); }; });
    const [first, second] = [await join(world, { opening: () => refused }), await join(world)];
    world.stolen = []; // the news of the lock come after those of the store
    first.tab.freeze();
    second.hub.waiting(true);
    await world.advance(2 * leaderAnswerMsMax);
    expect(leaderOf(world, [first, second])).toBe(second);
    first.tab.thaw();
    refuse();
    await world.settle();
    expect([first.ends, second.ends]).toEqual([[], []]);
    for (const tell of world.stolen) tell();
    await world.settle();
    first.ask(4);
    await world.settle();
    expect([first.ends, first.answers]).toEqual([[], [4]]);
    const alone = await join(new TabWorld(), { opening: () => Promise.reject(fenced) });
    expect(alone.ends).toMatchObject([{ code: "ERR_STORE_FENCED" }]);
  });
});
