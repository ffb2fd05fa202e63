/** The store goes away under all tabs of an account: none of them says that it is online meanwhile, and the next leader begins anew (D07, D08, D10). */
import { IDBKeyRange as FakeKeyRange } from "fake-indexeddb";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { leaderAnswerMsMax, leaderLossHeardMs, leaderQuestionGapMs } from "../../../src/base/limits.js";
import type { ClientEvent } from "../../../src/client/events.js";
import type { ClientStatus } from "../../../src/client/status.js";
import type { Client } from "../../../src/client/surface.js";
import { calm, juliet, when } from "../../support/facade-world.js";
import { names } from "../../support/hub-stage.js";
import { LostWorld } from "../../support/lost-world.js";
import type { Tab } from "../../support/tab-world.js";

beforeAll(() => { vi.stubGlobal("IDBKeyRange", FakeKeyRange); });
afterAll(() => { vi.unstubAllGlobals(); });
const worlds: LostWorld[] = [];
afterEach(async () => { for (const each of worlds.splice(0)) await each.end(); });

/** A client in each of so many tabs, online, and what its application sees from then on. */
async function tabs(count: number): Promise<{ readonly there: LostWorld; readonly seen: readonly Seen[] }> {
  const there = new LostWorld();
  worlds.push(there);
  const seen: Seen[] = [];
  for (let n = 0; n < count; n++) {
    const { client, tab } = await there.tab();
    await client.ready();
    const each: Seen = { client, tab, statuses: [], events: [] };
    client.status.subscribe(() => each.statuses.push(client.status.getSnapshot()));
    client.onEvent((event) => each.events.push(event));
    seen.push(each);
  }
  await calm();
  return { there, seen };
}

interface Seen {
  readonly client: Client;
  readonly tab: Tab;
  readonly statuses: ClientStatus[];
  readonly events: ClientEvent[];
}

const evicted = { code: "ERR_STORE_UNAVAILABLE", details: { reason: "evicted" } };
const codeOf = (error: unknown): string => (error as { readonly code: string }).code;
const kindOf = ({ client }: Seen): string => client.status.getSnapshot().kind;
/** While time goes by: a leader keeps the lock until the others have heard that nothing is to be opened. */
async function statusInTime({ tabs: world }: LostWorld, { client }: Seen): Promise<ClientStatus> {
  await world.advance(leaderLossHeardMs);
  return client.status.getSnapshot();
}
const losses = ({ events }: Seen): number => events.filter(({ kind }) => kind === "storage-lost").length;

test.each([{ witness: false }, { witness: true }])(
  "D07 after an eviction under the leader every tab stops with the reason, and goes on as a new device under the next; the witness gone: $witness",
  async ({ witness }) => {
    const { there, seen } = await tabs(3);
    await there.people.other(juliet);
    const [{ client: { device } }, second] = seen as [Seen, Seen, Seen];
    await second.client.conversation(juliet).send({ text: "before" }).reached("delivered");
    const leader = there.tabs.holder(names.account);
    await there.evict({ witness });
    for (const each of seen) await when(each.client.status, () => each.statuses.length > 0 && kindOf(each) === "online");
    await calm();
    for (const each of seen) {
      expect(each.statuses[0]).toMatchObject({ kind: "stopped", error: evicted });
      expect(losses(each)).toBe(1);
      expect(each.client.device.deviceId).not.toBe(device.deviceId);
      expect(each.client.storage.lost).toBe(!witness);
      await each.client.conversation(juliet).send({ text: "after" }).reached("delivered");
    }
    expect(new Set(seen.map(({ client }) => client.device.fingerprint)).size).toBe(1);
    expect(there.tabs.holder(names.account)).not.toBe(leader);
    expect(there.opened).toBe(2);
    expect(there.streams.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    expect((await second.client.history()).map(({ text }) => text).filter((text) => text === "before" || text === "after")).toEqual(["after", "after", "after"]);
    expect(there.people.server.breaches).toEqual([]);
  },
);

test("D07 a reader in any tab goes on with what the new store gets, though its numbers begin anew", async () => {
  const { there, seen } = await tabs(2);
  const friend = await there.people.other(juliet);
  const read: string[] = [];
  const reading = seen.map(async ({ client }) => { for await (const { text } of client.messages()) read.push(text); });
  const say = async (text: string): Promise<void> => {
    await friend.conversation((seen[0] as Seen).client.device.jid).send({ text }).reached("delivered");
    await expect.poll(() => read.filter((each) => each === text)).toHaveLength(2);
  };
  for (const text of ["one", "two", "three"]) await say(text);
  await there.evict();
  for (const each of seen) await when(each.client.status, () => each.statuses.length > 0 && kindOf(each) === "online");
  await say("four");
  expect(read.filter((text) => text === "four")).toHaveLength(2);
  for (const { client } of seen) await client.close();
  await Promise.all(reading);
});

test("D07 what is asked while the store is gone is answered with the reason or by the next leader, and nothing hangs", async () => {
  const { there, seen } = await tabs(2);
  const evicting = there.evict();
  const outcomes = Promise.all(seen.flatMap(({ client }) => [
    client.history().then(() => "answered", codeOf),
    client.deleteHistory({ before: 0 }).then(() => "answered", codeOf),
    client.conversation(juliet).send({ text: "now" }).reached("stored").then(() => "answered", codeOf),
  ]));
  await evicting;
  for (const outcome of await outcomes) expect(["answered", "ERR_STORE_UNAVAILABLE", "ERR_LEADER_LOST"]).toContain(outcome);
});

test("D08 a store that was destroyed on purpose is not made anew: every tab is stopped with the reason, one that is opened then begins", async () => {
  const { there, seen } = await tabs(2);
  const opened = there.opened;
  await there.store().destroy();
  const deleted = { kind: "stopped", error: { code: "ERR_STORE_CLOSED", details: { reason: "deleted" } } };
  for (const each of seen) {
    await expect.poll(() => statusInTime(there, each)).toMatchObject(deleted);
    await expect(each.client.conversation(juliet).send({ text: "gone" }).reached("stored")).rejects.toMatchObject(deleted.error);
  }
  await calm();
  expect(there.opened).toBe(opened + 1);
  expect(await there.factory.databases()).toEqual([]);
  expect(seen.map(losses)).toEqual([0, 0]);
  const { client } = await there.tab();
  await client.ready();
  expect(client.storage.lost).toBe(false);
});

test("D10 a store that somebody outside of the tabs has taken over is left to him: every tab is stopped with the reason, and none opens it again", async () => {
  const { there, seen } = await tabs(2);
  await there.store().acquire();
  const { opened } = there;
  const outcome = (seen[1] as Seen).client.conversation(juliet).send({ text: "fenced" }).reached("stored").then(undefined, () => undefined);
  for (const each of seen) {
    await expect.poll(() => statusInTime(there, each)).toMatchObject({ kind: "stopped", error: { code: "ERR_STORE_FENCED" } });
  }
  await outcome;
  await calm();
  expect(there.opened).toBe(opened);
  expect(seen.map(losses)).toEqual([0, 0]);
});

test("D10 a tab that was frozen while another one took the lead says nothing of it when it runs again, and what it was asked is done by that one", async () => {
  const { there, seen } = await tabs(2);
  const [first, second] = seen as [Seen, Seen];
  const friend = await there.people.other(juliet);
  there.tabs.stolen = [];
  first.tab.freeze();
  there.tabs.lose = (message) => (message as { readonly kind: string }).kind === "up"; // nothing is done that is asked of it
  const asked = second.client.history();
  await there.tabs.advance(leaderQuestionGapMs + leaderAnswerMsMax);
  there.tabs.lose = () => false;
  await asked;
  await when(second.client.status, () => second.statuses.length > 0 && kindOf(second) === "online");
  const sent = first.client.conversation(juliet).send({ text: "by the former leader" });
  const read = first.client.history();
  await calm();
  first.tab.thaw();
  await calm();
  for (const tell of there.tabs.stolen) tell();
  await sent.reached("delivered");
  await read;
  await friend.conversation(first.client.device.jid).send({ text: "back" }).reached("delivered");
  expect(first.events.filter(({ kind }) => kind === "error")).toEqual([]);
  expect(first.statuses.filter(({ kind }) => kind === "stopped")).toEqual([]);
  expect(kindOf(first)).toBe("online");
});
