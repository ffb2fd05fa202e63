/** People who are no contacts cannot keep a policy from seeing who comes. Threats V01, V06. @module */
import { expect, test } from "vitest";
import { bareJid, type BareJid } from "../../../src/base/jid.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { NewsReader } from "../../../src/client/presence-policy/news.js";
import type { PolicyRules } from "../../../src/client/presence-policy/rules.js";
import { account, PolicyWorld, sister, team } from "../../support/policy-world.js";

const sentence: PolicyRules = { groups: { Family: "busy", Friends: "offline", Team: "available" }, others: "offline" };
const show = (from: string, type?: string): XmlElement => xml("jabber:client", "presence", { from, type });

async function flooded(): Promise<PolicyWorld> {
  const world = new PolicyWorld();
  await world.open();
  await world.policy.set(sentence);
  await world.connect();
  for (let i = 0; i < 10_000; i++) world.arrive(show(`s${String(i)}@spam.example/x`));
  await world.quiet();
  world.said();
  return world;
}

test("V01 who comes between retraction and switch is told that we are gone, also behind a flood of strangers", async () => {
  const world = await flooded();
  const changing = world.policy.set({ groups: { Team: "available" }, others: "offline" });
  while (!world.sent.some(({ attrs }) => attrs["to"] === sister)) await new Promise<void>((resolve) => { queueMicrotask(resolve); });
  world.arrive(show(`${sister}/phone`)); // and the server has answered her with the broadcast
  await changing;
  const said = world.said();
  expect(said.slice(said.indexOf("sister: gone") + 1)).toContain("sister: gone");
  expect(world.reached()).toEqual(["team"]);
});

test("V06 whoever may see more is shown it when he comes, also behind a flood of strangers", async () => {
  const world = await flooded();
  await world.comes(team);
  expect(world.said()).toEqual(["team: available (at my desk)"]);
});

test("V06 presence of strangers is no news, nothing of it is kept, and it counts neither before nor after they were contacts", () => {
  const eve = bareJid("eve@spam.example");
  const contacts = new Set<BareJid>([team]);
  const asked: BareJid[] = [];
  const reader = new NewsReader(account, (jid) => {
    asked.push(jid);
    return contacts.has(jid);
  });
  expect([reader.read(show(`${eve}/x`)), reader.read(show(`${eve}/x`, "unavailable"))]).toEqual([[], []]);
  contacts.add(eve);
  expect(reader.read(show(`${eve}/x`))).toEqual([{ kind: "came", jid: eve }]);
  contacts.delete(eve);
  expect([reader.read(show(`${eve}/y`)), reader.read(show(`${eve}/y`))]).toEqual([[{ kind: "left", jid: eve }], []]);
  contacts.add(eve);
  expect(reader.read(show(`${eve}/x`))).toEqual([{ kind: "came", jid: eve }]);
  expect(reader.read(show(`${team}/phone`))).toEqual([{ kind: "came", jid: team }]);
  expect(asked).toHaveLength(7);
});

test("V06 who shows himself before the roster says that he may see us is shown what he may as soon as it does", async () => {
  const world = await flooded();
  const nurse = bareJid("nurse@verona.example");
  world.arrive(show(`${nurse}/phone`));
  world.here = [[nurse, "phone"]]; // kept until the roster says whose it is
  world.contact(nurse, "both", "Team");
  await world.quiet();
  expect(world.said()).toContain("nurse: available (at my desk)");
  const friendless = bareJid("friendless@verona.example");
  world.contact(friendless, "both", "Team");
  await world.quiet();
  expect(world.said()).not.toContain("friendless: available (at my desk)"); // he is not there, and gets the broadcast when he comes
});
