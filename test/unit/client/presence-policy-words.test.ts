/** What goes with a level: our own text and since when nobody has been there go to whom our own level is shown, and to nobody else. Threats V01. */
import { expect, test } from "vitest";
import { findChild, type XmlElement } from "../../../src/base/xml.js";
import type { PolicyRules } from "../../../src/client/presence-policy/rules.js";
import { decodePresence } from "../../../src/transport/xep/rfc6121-presence.js";
import { decodeIdle } from "../../../src/transport/xep/xep0319.js";
import { friend, PolicyWorld, sister, team } from "../../support/policy-world.js";

const since = 1_000_000;
const rules: PolicyRules = { groups: { Family: { level: "busy", status: "working" }, Friends: "away", Team: "available" }, others: "offline" };

const presences = (world: PolicyWorld): readonly XmlElement[] => world.sent.splice(0).filter(({ name, attrs }) => name === "presence" && attrs["type"] === undefined);
const addressee = ({ attrs }: XmlElement): string => attrs["to"] ?? "all";

test("V01 idle-since and our own text are withheld from whom is shown less, also when he comes again and when it changes", async () => {
  const world = new PolicyWorld();
  world.own = { kind: "available", show: "available", statuses: { "": "at my desk", it: "alla scrivania" }, idleSince: since };
  await world.open();
  await world.policy.set(rules);
  await world.connect();
  for (const jid of [team, sister, friend, sister]) await world.comes(jid, world.sent.length.toString());
  const first = presences(world);
  expect([...new Set(first.map(addressee))].sort()).toEqual(["all", sister, team].sort()); // the friend may see the broadcast, and no more
  await world.announcer?.changed({ kind: "available", show: "available", statuses: { "": "back soon" }, idleSince: since + 60_000 });
  const all = [...first, ...presences(world)];
  for (const stanza of all) {
    const isTeam = addressee(stanza) === team;
    const presence = decodePresence({ ...stanza, attrs: { from: "romeo@verona.example/here" } });
    const text = presence?.kind === "available" ? presence.content.statuses?.[""] : undefined;
    expect(decodeIdle(stanza) !== undefined, addressee(stanza)).toBe(isTeam);
    expect(text, addressee(stanza)).toBe(!isTeam ? addressee(stanza) === sister ? "working" : undefined : first.includes(stanza) ? "at my desk" : "back soon");
  }
  expect(all.filter((stanza) => addressee(stanza) === team).map(decodeIdle)).toEqual([since, since + 60_000]);
});

test("V01 presence that the application directs to one whose rule is lower says nothing of idleness, and nothing of our own text", async () => {
  const world = new PolicyWorld();
  await world.open();
  await world.policy.set(rules);
  await world.connect();
  const limit = world.announcer?.limit?.(sister, { show: "available", statuses: { "": "at my desk" }, idleSince: since });
  expect(limit).toEqual({ show: "dnd" });
});

test("V01 who is broadcast to sees no more of us than the least of all", async () => {
  const world = new PolicyWorld();
  world.own = { kind: "available", show: "available", idleSince: since };
  await world.open();
  await world.policy.set({ groups: { Family: "available", Team: "available" }, others: "offline" });
  await world.connect();
  expect(presences(world).map(decodeIdle)).toEqual([since]); // all of them may see it
  await world.policy.set({ groups: { Family: "busy", Team: "available" }, others: "offline" });
  expect(presences(world).filter((stanza) => addressee(stanza) === "all").map((stanza) => findChild(stanza, "urn:xmpp:idle:1", "idle"))).toEqual([undefined]);
});
