/** What others, and servers that differ from each other, do to a roster: who gets an answer, what is taken for gone, what belongs to other clients. */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { Edits } from "../../../src/client/roster/edits.js";
import { memoryDisk } from "../../../src/storage/memory.js";
import { item, juliet, nurse, ownJid, presence, push, query, result, RosterWorld, settle } from "../../support/roster-world.js";

const client = "jabber:client";
const asking = (world: RosterWorld): readonly string[] => world.roster.getSnapshot().requests.map(({ jid }) => jid);
const ownPresence = (priority?: number): XmlElement => presence(undefined, ownJid, ...(priority === undefined ? [] : [xml(client, "priority", {}, String(priority))]));

test("F24 V01 a contact who may not learn that we are there gets the answer of nobody to a proposal, and nothing is told", async () => {
  const asked: (string | undefined)[] = [];
  const hidden = new Set<string | undefined>([`${juliet}/spy`]);
  const world = await RosterWorld.open({ mayAsk: (from) => { asked.push(from); return !hidden.has(from); } });
  const stream = await world.online(query("1", item(juliet, { subscription: "both" })));
  const rosterx = "http://jabber.org/protocol/rosterx";
  const propose = (from: string): XmlElement | undefined => {
    stream.arrive(xml(client, "iq", { type: "set", id: "x", from }, xml(rosterx, "x", {}, xml(rosterx, "item", { jid: nurse }))));
    return stream.sent.at(-1);
  };
  expect(JSON.stringify(propose(`${juliet}/spy`))).toContain("service-unavailable");
  expect(world.events).toEqual([]);
  expect(propose(`${juliet}/phone`)?.attrs["type"]).toBe("result");
  expect(asked).toEqual([`${juliet}/spy`, `${juliet}/phone`]);
});

test("V05 F21 an address that the server writes in another way is in the roster as the server has it, also after a restart", async () => {
  const disk = memoryDisk();
  const world = await RosterWorld.open({ disk });
  const stream = await world.online(query("1", item(juliet)));
  const done = world.roster.set("νίκος@capulet.example", { name: "Nikos" });
  await settle();
  stream.arrive(result(stream.asked())); // Prosody answers first
  await settle();
  expect(world.view).toEqual(["juliet - [] none", "νίκος Nikos [] none ?"]); // nothing is certain yet
  stream.arrive(push("2", item("νίκοσ@capulet.example", { name: "Nikos" })), result(stream.asked("ping")));
  await done;
  expect(world.view).toEqual(["juliet - [] none", "νίκοσ Nikos [] none"]);
  await settle();
  expect((await RosterWorld.open({ disk })).view).toEqual(["juliet - [] none", "νίκοσ Nikos [] none"]);
});

test("V05 an address that the server writes as we do is there when the call resolves, whatever letters it has", async () => {
  const world = await RosterWorld.open();
  const stream = await world.online(query("1"));
  const added = world.roster.set("zoë@capulet.example", {});
  await settle();
  stream.arrive(push("2", item("zoë@capulet.example")), result(stream.asked()));
  await added;
  const renamed = world.roster.rename("zoë@capulet.example", "Zoë");
  await settle();
  stream.arrive(result(stream.asked())); // the server has said that it has this address: no need to ask again
  await settle();
  expect(() => stream.asked("ping")).toThrow();
  await renamed;
  expect(world.view).toEqual(["zoë Zoë [] none"]);
});

test("a server that repeats no requests to a resource with a negative priority has not answered them", async () => {
  const disk = memoryDisk();
  const first = await RosterWorld.open({ disk });
  (await first.online(query("1"))).arrive(presence("subscribe", nurse), presence("subscribe", juliet));
  await settle();
  const world = await RosterWorld.open({ disk });
  const stream = await world.online(query("1"));
  stream.arrive(ownPresence(-1));
  await settle();
  expect(() => stream.asked("ping")).toThrow();
  expect(asking(world)).toHaveLength(2);
  stream.arrive(ownPresence(0), presence("subscribe", juliet)); // now they are repeated
  await settle();
  stream.arrive(result(stream.asked("ping")));
  await settle();
  expect(asking(world)).toEqual([juliet]);
});

test("H06 of strangers who ask nothing is remembered but their requests, before the requests of earlier sessions are gone through and after", async () => {
  const disk = memoryDisk();
  const before = await RosterWorld.open({ disk });
  (await before.online(query("1"))).arrive(presence("subscribe", nurse));
  await settle();
  const world = await RosterWorld.open({ disk });
  const stream = await world.online(query("1"));
  let largest = 0;
  const add = Reflect.get(Set.prototype, "add") as (this: Set<unknown>, value: unknown) => Set<unknown>;
  Set.prototype.add = function (this: Set<unknown>, value: unknown) {
    add.call(this, value);
    if (typeof value === "string" && value.endsWith("@spam.example")) largest = Math.max(largest, this.size);
    return this;
  };
  try {
    for (let i = 0; i < 1_500; i++) stream.arrive(presence("subscribe", `early${String(i)}@spam.example`));
    stream.arrive(ownPresence());
    await settle();
    stream.arrive(result(stream.asked("ping")));
    await settle();
    for (let i = 0; i < 1_500; i++) stream.arrive(presence("subscribe", `late${String(i)}@spam.example`));
    await settle();
  } finally {
    Set.prototype.add = add;
  }
  expect([asking(world).length, asking(world).includes(nurse)]).toEqual([1_000, false]);
  expect(largest).toBeLessThanOrEqual(1_000);
});

test("F20 a name that is cleaned for display here stays on the server as other clients wrote it, until the user gives another one", async () => {
  const disk = memoryDisk();
  const raw = "\u05d0\u05d1 (IBM)\u200f  \u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}";
  const shown = "\u05d0\u05d1 (IBM) \u{1F3F4}";
  const first = await RosterWorld.open({ disk });
  await first.online(query("1", item(juliet, { name: raw, subscription: "both" }, "A")));
  await settle();
  const world = await RosterWorld.open({ disk });
  const stream = await world.online(undefined);
  expect(world.roster.get(juliet)?.name).toBe(shown);
  const written = async (change: Promise<void>): Promise<string | undefined> => {
    await settle();
    const asked = stream.asked();
    stream.arrive(result(asked));
    await change;
    return ((asked.children[0] as XmlElement).children[0] as XmlElement).attrs["name"];
  };
  expect(await written(world.roster.setGroups(juliet, ["A", "B"]))).toBe(raw);
  expect(await written(world.roster.set(juliet, { name: shown, groups: ["C"] }))).toBe(raw); // as a form gives back what it was given
  expect(await written(world.roster.rename(juliet, "Jules"))).toBe("Jules");
  expect(await written(world.roster.setGroups(juliet, []))).toBe("Jules");
});

test("a request that another server gives back when nobody waits for it any more is an error that is told; what strangers say about it is not, nor what is said again", async () => {
  const world = await RosterWorld.open();
  const stream = await world.online(query("1"));
  const asked = world.roster.subscribeTo(juliet);
  await settle();
  const id = stream.sent.find(({ name }) => name === "presence")?.attrs["id"];
  stream.arrive(push("2", item(juliet, { ask: "subscribe" })), result(stream.asked("ping")));
  await asked;
  const error = xml(client, "error", { type: "cancel" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "remote-server-not-found"));
  for (const from of [nurse, juliet, bareJid("x@e.example"), juliet, juliet]) stream.arrive(xml(client, "presence", { type: "error", from, id }, error));
  await settle();
  expect(world.errors).toMatchObject([{ code: "ERR_STANZA_ERROR", details: { condition: "remote-server-not-found" } }]);
});

test("L03 of presence that the own server has dealt with the last hundred are remembered, and what another server gives back of those is told", async () => {
  for (const [behind, told] of [[98, 1], [99, 1], [100, 0]] as const) {
    const edits = new Edits();
    const end = (id: string): void => { edits.end(edits.begin({ jid: juliet, amend: (contact) => contact, answers: false, id })); };
    end("first");
    for (let i = 0; i < behind; i++) end(`later${String(i)}`);
    expect([edits.byId("first")].filter((found) => found !== undefined)).toHaveLength(told);
    expect(edits.byId(`later${String(behind - 1)}`)).toMatchObject({ jid: juliet });
  }
});

test("L03 ten thousand pushes wait for the answer that they have overtaken; if there were more the roster is asked for again", async () => {
  for (const [pushes, questions] of [[10_000, 1], [10_001, 2]] as const) {
    const world = await RosterWorld.open();
    const stream = world.attach();
    const prepared = world.roster.prepare(stream.connection);
    stream.arrive(...Array.from({ length: pushes }, () => push("2", item(juliet))), result(stream.asked(), query("2", item(juliet))));
    await settle();
    expect(stream.sent.filter(({ attrs }) => attrs["type"] === "get")).toHaveLength(questions);
    if (questions === 2) stream.arrive(result(stream.asked(), query("2", item(juliet))));
    await prepared;
    expect(world.view).toEqual(["juliet - [] none"]);
  }
});

test("L03 V05 a roster that changes faster than it can be asked for is asked for three times, then the pushes count", async () => {
  const world = await RosterWorld.open();
  const stream = world.attach();
  const prepared = world.roster.prepare(stream.connection);
  const questions = (): number => stream.sent.filter(({ attrs }) => attrs["type"] === "get").length;
  for (let n = 1; n <= 3; n++) {
    expect(questions()).toBe(n);
    stream.arrive(push(String(n), item(juliet, { name: `J${String(n)}` })), result(stream.asked(), query(String(n), item(juliet))));
    await settle();
  }
  await prepared;
  expect([questions(), world.view]).toEqual([3, ["juliet J3 [] none"]]);
});

test("H06 a roster of ten thousand contacts takes in no other by a push", async () => {
  const world = await RosterWorld.open();
  const stream = await world.online(query("1", ...Array.from({ length: 9_999 }, (_, i) => item(`c${String(i)}@e.example`))));
  stream.arrive(push("2", item(juliet)), push("3", item(nurse)), push("4", item(juliet, { name: "Jules" })));
  await settle();
  expect([world.view.length, world.roster.get(juliet)?.name, world.roster.get(nurse)]).toEqual([10_000, "Jules", undefined]);
});
