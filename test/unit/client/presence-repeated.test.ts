/** Our presence said once more because a server stopped in the middle of the first one (docs/decisions/0015-spoilt-stanzas.md). Threats P08, V01. */
import { expect, test } from "vitest";
import { PlainAnnouncer } from "../../../src/client/presence/plain-announcer.js";
import type { PolicyRules } from "../../../src/client/presence-policy/rules.js";
import { friend, PolicyWorld, sister, team } from "../../support/policy-world.js";
import { begun, presenceWorld } from "../../support/presence-world.js";

const rules: PolicyRules = { groups: { Family: "busy", Friends: "offline", Team: "available" }, others: "offline" };

/** A policy in force, and who is to see more than the broadcast is there. */
async function inForce(lists: boolean): Promise<PolicyWorld> {
  const world = new PolicyWorld({ lists });
  await world.open();
  await world.policy.set(rules, { withoutPrivacyLists: "degrade" });
  await world.connect();
  await world.comes(team);
  world.said();
  return world;
}

async function again(world: PolicyWorld): Promise<readonly string[]> {
  world.announcer?.repeat?.();
  await world.announcer?.changed(world.own);
  await world.quiet();
  return world.said();
}

test("P08 V01 without a policy it is said although nothing has changed, and what was directed behind it: that stands where both are heard", async () => {
  const juliet = "juliet@verona.example";
  const world = presenceWorld({ [juliet]: "both" });
  const fake = await begun(world);
  await world.presence.direct(juliet, { show: "dnd" });
  fake.sent.length = 0;
  await world.presence.renew();
  expect(fake.sent).toEqual(["<presence/>", `<presence to="${juliet}"><show>dnd</show></presence>`]);
});

test("P08 V01 whoever announces it is told before he is asked to say it", async () => {
  const world = presenceWorld();
  await begun(world);
  const told: string[] = [];
  await world.presence.use(Object.assign(new PlainAnnouncer(() => []), {
    repeat: () => { told.push("repeat"); },
    changed: () => Promise.resolve().then(() => { told.push("changed"); }),
  }));
  await world.presence.renew();
  await world.presence.set({ show: "away" });
  expect(told).toEqual(["repeat", "changed", "changed"]);
});

test("P08 V01 under a policy the same broadcast leaves again through the same list, and who may see more is told so behind it", async () => {
  const world = await inForce(true);
  expect(world.reached()).toEqual(["sister", "team"]);
  for (let times = 0; times < 2; times++) {
    expect(await again(world)).toEqual(["all: dnd", "team: available (at my desk)"]);
    expect([world.reached(), world.policy.state.getSnapshot().kind]).toEqual([["sister", "team"], "in-force"]);
    await world.announcer?.changed(world.own);
    expect(world.said()).toEqual([]);
  }
});

test("P08 V01 a policy that shows nobody anything, or has nothing to broadcast, says nothing more", async () => {
  const world = await inForce(true);
  world.own = { kind: "unavailable" };
  await world.announcer?.changed(world.own);
  world.said();
  expect(await again(world)).toEqual([]);
  const degraded = await inForce(false); // all of it is directed
  expect((await again(degraded)).filter((said) => said.startsWith("all:") || said.startsWith(friend.replace(/@.*/, "")))).toEqual([]);
});

test("P08 V01 rules that are tightened meanwhile hold: what is said once more is what is to be said by then", async () => {
  const world = await inForce(true);
  world.disconnect();
  world.announcer?.repeat?.();
  await world.policy.set({ groups: { Family: "busy" }, others: "offline" });
  await world.connect({ continued: true });
  expect(world.said()).toEqual(["stored: sotto-7-2", "all: gone", "in force: sotto-7-2", "all: dnd", "removed: sotto-7-0"]);
  expect(world.reached()).toEqual(["sister"]);
  expect([sister, team].map((jid) => world.policy.effective(jid)?.level)).toEqual(["busy", "offline"]);
});
