/** What was said holds under a tab that is opened beside a frozen leader, with the locks and channels of an origin around it. Threats V01. */
import { IDBKeyRange as FakeKeyRange } from "fake-indexeddb";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { leaderAnswerMsMax } from "../../../src/base/limits.js";
import { calm, when } from "../../support/facade-world.js";
import { names } from "../../support/hub-stage.js";
import { LostWorld } from "../../support/lost-world.js";

beforeAll(() => { vi.stubGlobal("IDBKeyRange", FakeKeyRange); });
afterAll(() => { vi.unstubAllGlobals(); });
const worlds: LostWorld[] = [];
afterEach(async () => { for (const each of worlds.splice(0)) await each.end(); });

/** A tab whose user is not to be seen and wants no connection, and what the one that is opened after `what` happened to it shows. */
async function successor(what: "freeze" | "kill"): Promise<readonly string[]> {
  const there = new LostWorld();
  worlds.push(there);
  const { tab, client } = await there.tab();
  await client.ready();
  await client.presence.set("unavailable");
  await client.disconnect();
  tab[what]();
  const opening = there.tab();
  for (let n = 0; n < 20; n++) {
    await calm();
    await there.tabs.advance(leaderAnswerMsMax);
  }
  const { tab: later, client: next } = await opening;
  expect(there.tabs.holder(names.account)).toBe(later);
  if (what === "kill") await when(next.status, () => next.status.getSnapshot().kind === "online");
  await calm();
  tab.thaw();
  return [next.presence.own.getSnapshot().kind, next.status.getSnapshot().kind];
}

test("V01 beside a frozen leader the next tab shows no more than that one did", async () => {
  expect(await successor("freeze")).toEqual(["unavailable", "offline"]);
});

test("after the last tab was closed the next one begins as its options say", async () => {
  expect(await successor("kill")).toEqual(["available", "online"]);
});
