/** What is left of a tab that goes. */
import { expect, test } from "vitest";
import { leaderAnswerMsMax } from "../../../src/base/limits.js";
import type { TabLocks } from "../../../src/tabs/platform.js";
import { join, leaderOf, names } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";

/** Calls `then` as soon as a request that `isIt` is on its way. */
function onRequest(locks: TabLocks, isIt: (name: string, options: { readonly steal?: boolean }) => boolean, then: () => void): void {
  const request = locks.request.bind(locks);
  (locks as { request: TabLocks["request"] }).request = (name, options, callback) => {
    const made = request(name, options, callback);
    if (isIt(name, options)) then();
    return made;
  };
}

test("D10 a tab that is closed while it takes the lock from a frozen one does not lead, and the next one does", async () => {
  const world = new TabWorld();
  const leader = await join(world);
  leader.tab.freeze();
  const second = await join(world);
  let closed: Promise<void> | undefined;
  onRequest(second.tab.platform.locks, (name, { steal }) => name === names.account && steal === true, () => { closed = second.hub.close(); });
  second.hub.waiting(true);
  await world.advance(10 * leaderAnswerMsMax);
  expect(closed).toBeDefined();
  await closed;
  await world.settle();
  expect([second.hosts.length, world.holder(names.account)]).toEqual([0, undefined]);
  const third = await join(world);
  expect(leaderOf(world, [third])).toBe(third);
});

test("D10 a tab that is closed while the lock is granted to it does not lead", async () => {
  const world = new TabWorld();
  const [leader, second] = [await join(world), await join(world)];
  leader.tab.kill(); // the lock is the second one's, which has not heard of it yet
  const closed = second.hub.close();
  await closed;
  await world.settle();
  expect([second.hosts.length, world.holder(names.account)]).toEqual([0, undefined]);
});

test("D10 a tab that is closed by what it hears in the moment in which the lock becomes its own does not lead", async () => {
  const world = new TabWorld();
  world.ring = 10; // the lock is quicker than the last word of the leader
  const [first, second, third] = [await join(world), await join(world), await join(world)];
  second.hub.onFrame(() => { void second.hub.close(); });
  second.ask(1);
  for (let turn = 0; turn < 20 && first.host.numbers(second.hub.id).length === 0; turn++) await Promise.resolve();
  await first.hub.close();
  await world.settle();
  expect([second.answers, second.hosts.length, third.hosts.length]).toEqual([[1], 0, 1]);
  expect(world.holder(names.account)).toBe(third.tab);
});

test("Q03 what a tab says in the turn in which it is closed is heard, whether it leads or follows", async () => {
  const world = new TabWorld();
  const [leader, second] = [await join(world), await join(world)];
  for (const [number, member] of [second, leader].entries()) {
    member.ask(number);
    await member.hub.close();
    await world.settle();
    expect(leader.host.numbers(member.hub.id)).toEqual([number]);
  }
});

test("a leader keeps no channel to a tab that has asked and is gone", async () => {
  const world = new TabWorld();
  const leader = await join(world);
  const before = world.channelsOf(leader.tab);
  for (let i = 0; i < 5; i++) {
    const tab = world.open();
    tab.platform.channel(names.account).postMessage({ kind: "who", from: `asks-${i.toString()}` });
    tab.platform.channel(names.account).postMessage({ kind: "lead", from: `leads-${i.toString()}`, epoch: 0, wishes: {} });
    tab.platform.channel(names.tab(leader.hub.id)).postMessage({ kind: "up", from: `late-${i.toString()}`, epoch: 1, session: 1, n: 7, frame: { kind: "bye" } });
    tab.kill();
    await world.settle();
  }
  expect(world.channelsOf(leader.tab)).toEqual(before);
});
