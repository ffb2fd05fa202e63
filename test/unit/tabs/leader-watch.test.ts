/** A tab that follows notices when its leader is gone, also when the next in the queue is frozen and this tab has asked for nothing (D10). */
import { describe, expect, test } from "vitest";
import { leaderAnswerMsMax } from "../../../src/base/limits.js";
import { StorageError } from "../../../src/storage/errors.js";
import { Election } from "../../../src/tabs/election.js";
import type { HubMessage } from "../../../src/tabs/hub-messages.js";
import { holdLock, whenFree } from "../../../src/tabs/tab-locks.js";
import { join, leaderOf, type Member, names } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";

const evicted = new StorageError("ERR_STORE_UNAVAILABLE", "gone", { details: { reason: "evicted" } });

/** One that leads, a hidden one that is frozen and next in the queue, and one that somebody looks at and that asks for nothing. */
async function threeTabs(world: TabWorld, firstVisible: boolean = true): Promise<readonly [Member, Member, Member]> {
  const members = [await join(world, { visible: firstVisible }), await join(world, { visible: false }), await join(world)] as const;
  members[1].tab.freeze();
  return members;
}

describe("a tab that only reads, beside a frozen one that is next in the queue", () => {
  test.each<readonly [string, (first: Member) => unknown]>([
    ["crashes", (first) => { first.tab.kill(); }],
    ["is closed", (first) => first.hub.close()],
  ])("D10 leads after a leader that %s: the frozen one has the time for two answers", async (_how, end) => {
    const world = new TabWorld();
    const [first, second, third] = await threeTabs(world);
    await end(first);
    await world.advance(leaderAnswerMsMax * 2 - 1);
    expect(leaderOf(world, [first, second, third])).toBe(second);
    await world.advance(1);
    expect([leaderOf(world, [first, second, third]), third.epochs]).toEqual([third, [1, 2]]);
    second.tab.thaw();
    await world.settle();
    second.ask(1);
    await world.settle();
    expect([second.answers, second.hosts.map(({ closed }) => closed), third.hosts.length]).toEqual([[1], [true], 1]);
    expect(world.timers).toBe(0);
  });

  test("D07 D10 leads after a leader that gave the lock up with its store, though that one lives on", async () => {
    const world = new TabWorld();
    const [first, second, third] = await threeTabs(world, false);
    first.host.lose(evicted);
    await world.advance(leaderAnswerMsMax * 2);
    expect([leaderOf(world, [first, second, third]), third.hosts.length]).toEqual([third, 1]);
    first.ask(1);
    await world.settle();
    expect(first.answers).toEqual([1]);
    expect(world.timers).toBe(0);
  });

  test("D07 D10 leads again after it gave the lock up with its store", async () => {
    const world = new TabWorld();
    const [first, second] = [await join(world), await join(world, { visible: false })];
    second.tab.freeze();
    first.host.lose(evicted);
    await world.advance(leaderAnswerMsMax);
    expect([leaderOf(world, [first, second]), first.hosts.length]).toEqual([first, 2]);
    expect(world.timers).toBe(0);
  });

  test("D10 does not take the last answer of the one who is gone for one of the next", async () => {
    const world = new TabWorld();
    const [first, second, third] = await threeTabs(world);
    third.tab.show(true);
    await world.advance(1);
    first.tab.kill();
    await world.advance(leaderAnswerMsMax * 2);
    expect(leaderOf(world, [first, second, third])).toBe(third);
  });

  test("waits as long as it is hidden itself, and leads once it is seen", async () => {
    const world = new TabWorld();
    const [first, second, third] = await threeTabs(world);
    third.tab.show(false);
    first.tab.kill();
    await world.advance(24 * 3_600_000);
    expect([leaderOf(world, [first, second, third]), world.timers]).toEqual([second, 0]);
    third.tab.show(true);
    await world.advance(leaderAnswerMsMax * 2);
    expect(leaderOf(world, [first, second, third])).toBe(third);
  });

  test("D10 does not take the lock from another such tab that was quicker, though it has not heard of it yet", async () => {
    const world = new TabWorld();
    const members = [...await threeTabs(world), await join(world)];
    const [first, , third, fourth] = members as [Member, Member, Member, Member];
    first.tab.kill();
    await world.advance(leaderAnswerMsMax * 2 - 1);
    let asked = false;
    world.lose = (message) => {
      const { kind } = message as HubMessage;
      asked ||= kind === "who";
      return kind === "lead" && !asked;
    };
    await world.advance(1);
    expect([leaderOf(world, members), third.hosts.length, fourth.hosts.length]).toEqual([third, 1, 0]);
    expect(fourth.epochs).toEqual([1, 2]);
  });

  test("that is closed meanwhile leaves nothing behind", async () => {
    const world = new TabWorld();
    const [first, , third] = await threeTabs(world);
    first.tab.kill();
    await world.settle();
    expect(world.timers).toBe(1);
    await third.hub.close();
    expect(world.timers).toBe(0);
    await world.advance(leaderAnswerMsMax * 2);
    expect(third.hosts.length).toBe(0);
  });
});

test.each<readonly [string, (leader: Member) => unknown]>([
  ["crashes", (leader) => { leader.tab.kill(); }],
  ["is closed", (leader) => leader.hub.close()],
])("among tabs that run nobody asks when the leader %s: the next one says that it leads, and that is all", async (_how, end) => {
  const world = new TabWorld();
  const members = [await join(world), await join(world), await join(world), await join(world)];
  const said = new Set<string>();
  world.lose = (message) => { said.add((message as HubMessage).kind); return false; };
  await end(leaderOf(world, members));
  await world.settle();
  expect(members.map(({ hosts }) => hosts.length)).toEqual([1, 1, 0, 0]);
  expect([[...said], world.timers]).toEqual([["lead"], 0]);
});

describe("a tab that is frozen while it waits for the end of another", () => {
  test("D10 keeps the news from nobody: the next leader takes leave of a tab that has died", async () => {
    const world = new TabWorld();
    const [first, second, third] = [await join(world), await join(world), await join(world)];
    third.ask(1);
    await world.settle();
    first.tab.freeze();
    second.hub.waiting(true);
    await world.advance(leaderAnswerMsMax);
    second.hub.waiting(false);
    expect(leaderOf(world, [first, second, third])).toBe(second);
    third.ask(2);
    await world.settle();
    expect([second.host.numbers(third.hub.id), second.host.left]).toEqual([[2], []]);
    third.tab.kill();
    await world.settle();
    expect(second.host.left).toEqual([third.hub.id]);
  });

  test("D10 does not make it live on", async () => {
    const world = new TabWorld();
    const [living, frozen, asking] = [world.open(), world.open(), world.open()];
    const election = new Election({ locks: asking.platform.locks, names, id: "asking", won: () => undefined, lost: () => undefined });
    const heard: string[] = [];
    await holdLock(living.platform.locks, names.alive("living"));
    whenFree(frozen.platform.locks, names.alive("living"), () => { heard.push("frozen"); });
    whenFree(asking.platform.locks, names.alive("living"), () => { heard.push("asking"); });
    await world.settle();
    expect([await election.sees("living"), heard]).toEqual([true, []]);
    frozen.freeze();
    living.kill();
    await world.settle();
    expect([await election.sees("living"), heard]).toEqual([false, ["asking"]]);
    frozen.thaw();
    await world.settle();
    expect(heard).toEqual(["asking", "frozen"]);
  });
});
