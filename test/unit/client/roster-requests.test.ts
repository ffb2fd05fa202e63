/** Requests to see presence and their answers: nothing is granted by itself (threats F22), nobody claims anything for others. */
import { describe, expect, test } from "vitest";
import { iqTimeoutMs } from "../../../src/base/limits.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { memoryDisk } from "../../../src/storage/memory.js";
import { faultyStore } from "../../../src/testing/faulty-store.js";
import { account, item, juliet, nurse, ownJid, presence, push, query, result, RosterWorld, settle } from "../../support/roster-world.js";

const status = (text: string): XmlElement => xml("jabber:client", "status", {}, text);
const nick = (text: string): XmlElement => xml("http://jabber.org/protocol/nick", "nick", {}, text);
const presences = (world: RosterWorld): readonly string[] => world.sent.filter((text) => text.startsWith("<presence"));
const asking = (world: RosterWorld): readonly string[] => world.roster.getSnapshot().requests.map(({ jid }) => jid);

async function ready(...items: XmlElement[]): Promise<RosterWorld> {
  const world = await RosterWorld.open();
  await world.online(query("v1", ...items));
  world.changes.length = 0;
  return world;
}

/** The server has dealt with what was sent. */
async function handled(world: RosterWorld, ...before: XmlElement[]): Promise<void> {
  await settle();
  world.stream.arrive(...before, result(world.stream.asked("ping")));
}

describe("requests that come in", () => {
  test("F22 are data and get no answer, whatever the roster says", async () => {
    const world = await ready(item(juliet, { subscription: "to" }));
    world.stream.arrive(presence("subscribe", `${nurse}/kitchen`, status("let me in"), nick("Nurse")), presence("subscribe", juliet));
    await settle();
    expect(world.roster.getSnapshot().requests).toEqual([{ jid: nurse, name: "Nurse", confusable: false, text: "let me in", receivedAt: 0 }, { jid: juliet, confusable: false, receivedAt: 0 }]);
    expect(world.events).toEqual([{ kind: "subscription-request", jid: nurse, name: "Nurse", confusable: false, text: "let me in" }, { kind: "subscription-request", jid: juliet, confusable: false }]);
    expect(world.view).toEqual(["juliet - [] to in"]);
    expect(world.roster.confirmed(juliet)?.pendingIn).toBe(true);
    expect(world.roster.confirmedContacts().map(({ pendingIn }) => pendingIn)).toEqual([true]);
    expect(presences(world)).toEqual([]);
  });

  test("F20 what the asker wrote is cleaned", async () => {
    const world = await ready();
    world.stream.arrive(presence("subscribe", nurse, status("\u202eabc\u0000".replace("\u0000", "")), nick("\u200bN\u2066urse")));
    expect(world.roster.getSnapshot().requests).toMatchObject([{ name: "Nurse", text: "abc" }]);
  });

  test("F20 a name that looks like another one is marked, in the request, the event, and after a restart; the newest name counts", async () => {
    const disk = memoryDisk();
    const world = await RosterWorld.open({ disk });
    (await world.online(query("v1"))).arrive(presence("subscribe", nurse, nick("Jul\u0456et")), presence("subscribe", juliet, nick("Juliet")));
    await settle();
    const marks = (of: RosterWorld): unknown => of.roster.getSnapshot().requests.map(({ name, confusable }) => [name, confusable]);
    expect(marks(world)).toEqual([["Jul\u0456et", true], ["Juliet", false]]);
    expect(world.events).toMatchObject([{ name: "Jul\u0456et", confusable: true }, { name: "Juliet", confusable: false }]);
    const again = await RosterWorld.open({ disk });
    expect(marks(again)).toEqual(expect.arrayContaining([["Jul\u0456et", true], ["Juliet", false]]));
    (await again.online(query("v1"))).arrive(presence("subscribe", nurse, nick("Nurse")));
    await settle();
    expect(marks(again)).toEqual(expect.arrayContaining([["Nurse", false], ["Juliet", false]]));
  });

  test("F21 are one request whatever the spelling, told once; the newest words count", async () => {
    const world = await ready();
    world.clock.advance(5);
    world.stream.arrive(presence("subscribe", "NURSE@capulet.example", status("a")));
    await settle();
    world.clock.advance(5);
    world.stream.arrive(presence("subscribe", nurse, status("b")));
    await settle();
    expect(world.roster.getSnapshot().requests).toEqual([{ jid: nurse, confusable: false, text: "b", receivedAt: 5 }]);
    expect(world.events).toHaveLength(1);
  });

  test("F22 nobody asks in our own name, and who sees us already asks for nothing", async () => {
    const world = await ready(item(juliet, { subscription: "from" }), item(nurse, { subscription: "both" }));
    world.stream.arrive(...[account, ownJid, `${account}/other`, juliet, nurse].map((from) => presence("subscribe", from)));
    await settle();
    expect([world.roster.getSnapshot().requests, world.events]).toEqual([[], []]);
  });

  test("an approval in advance is the server's to use: a request that comes nevertheless is shown", async () => {
    const world = await ready(item(juliet, { approved: "true" }));
    world.stream.arrive(presence("subscribe", juliet));
    expect(asking(world)).toEqual([juliet]);
    expect(presences(world)).toEqual([]);
  });

  test("are gone when they are taken back, granted by another client, or granted in a list", async () => {
    const world = await ready();
    world.stream.arrive(...[juliet, nurse, "tybalt@capulet.example"].map((from) => presence("subscribe", from)));
    await settle();
    world.stream.arrive(presence("unsubscribe", juliet), push("v2", item(nurse, { subscription: "from" })));
    expect(asking(world)).toEqual(["tybalt@capulet.example"]);
    await world.cut();
    await world.online(query("v3", item("tybalt@capulet.example", { subscription: "both" })));
    expect(asking(world)).toEqual([]);
  });

  test("H06 wait in a bounded number; the oldest leaves", async () => {
    const world = await ready();
    world.stream.arrive(...Array.from({ length: 1_001 }, (_, i) => presence("subscribe", `s${String(i)}@e.example`)));
    await settle();
    expect([asking(world).length, asking(world)[0]]).toEqual([1_000, "s1@e.example"]);
  });

  test("may be acknowledged once they are durable, and not before", async () => {
    const world = await ready();
    world.stream.arrive(presence("subscribe", nurse));
    expect([world.stream.held.length, world.stream.released]).toEqual([1, []]);
    await settle();
    expect(world.stream.released).toEqual(world.stream.held);
    const broken = await RosterWorld.open({ store: (inner) => faultyStore(inner, { at: 2, kind: "die-before" }) });
    (await broken.online(query("v1"))).arrive(presence("subscribe", nurse));
    await settle();
    expect([broken.stream.held.length, broken.stream.released.length, broken.events]).toEqual([1, 0, []]);
    expect(asking(broken)).toEqual([nurse]);
  });

  test("what the server does not repeat once we are available was answered elsewhere", async () => {
    const disk = memoryDisk();
    const first = await RosterWorld.open({ disk });
    (await first.online(query("v1"))).arrive(presence("subscribe", nurse), presence("subscribe", juliet));
    await settle();
    const world = await RosterWorld.open({ disk });
    const stream = await world.online(query("v1"));
    expect(asking(world)).toHaveLength(2);
    stream.arrive(presence("subscribe", juliet), presence(undefined, `${account}/other`));
    await settle();
    expect(() => stream.asked("ping")).toThrow(); // another resource says nothing about what we were told
    stream.arrive(presence(undefined, ownJid), presence("subscribe", "tybalt@capulet.example"));
    await settle();
    stream.arrive(result(stream.asked("ping")), presence(undefined, ownJid));
    await settle();
    expect(asking(world)).toEqual([juliet, "tybalt@capulet.example"]);
    expect(world.events).toEqual([{ kind: "subscription-request", jid: "tybalt@capulet.example", confusable: false }]);
    await world.cut();
    await world.online(undefined, { continued: true }); // nothing is repeated in a session that goes on
    world.stream.arrive(presence(undefined, ownJid));
    await settle();
    expect(world.stream.sent).toEqual([]);
    expect(asking(world)).toHaveLength(2);
  });
});

describe("answers", () => {
  async function asked(): Promise<RosterWorld> {
    const world = await ready(item(juliet, { subscription: "to" }));
    world.stream.arrive(presence("subscribe", juliet), presence("subscribe", nurse));
    await settle();
    return world;
  }

  test("a grant is shown at once, marked, and holds when the server has dealt with it", async () => {
    const world = await asked();
    const done = world.roster.approve(juliet);
    expect([world.view, asking(world)]).toEqual([["juliet - [] both ?"], [nurse]]);
    expect(world.roster.confirmed(juliet)).toMatchObject({ subscription: "to", pendingIn: true });
    await handled(world, push("v2", item(juliet, { subscription: "both" })));
    await done;
    await settle();
    expect([world.view, presences(world)]).toEqual([["juliet - [] both"], ['<presence to="juliet@capulet.example" type="subscribed"/>']]);
    expect(world.changes).toMatchObject([{ jid: juliet, by: "here" }]);
    expect(world.events.filter(({ kind }) => kind === "subscription-changed")).toEqual([]); // the user knows
  });

  test.each(["approve", "preApprove"] as const)("F22 a grant (%s) that the server kept back is not taken for one, and the request waits on", async (call) => {
    const world = await asked();
    const done = expect(world.roster[call](nurse)).rejects.toMatchObject({ code: "ERR_SUBSCRIPTION_IGNORED" });
    await handled(world);
    await handled(world);
    await done;
    expect([world.view, asking(world)]).toEqual([["juliet - [] to in"], [juliet, nurse]]);
  });

  test("a refusal takes the request away", async () => {
    const world = await asked();
    const done = world.roster.deny(nurse);
    expect(asking(world)).toEqual([juliet]);
    await handled(world);
    await done;
    expect([asking(world), presences(world)]).toEqual([[juliet], ['<presence to="nurse@capulet.example" type="unsubscribed"/>']]);
  });

  test.each([
    ["no answer in time", (world: RosterWorld): void => { world.clock.advance(iqTimeoutMs + 1); }, "ERR_IQ_TIMEOUT"],
    ["the end of the stream", (world: RosterWorld): void => { world.stream.end(); }, "ERR_STREAM_CLOSED"],
    ["presence that comes back", (world: RosterWorld): void => {
      const sent = world.stream.sent.findLast(({ name }) => name === "presence");
      const error = xml("jabber:client", "error", { type: "cancel" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "remote-server-not-found"));
      world.stream.arrive(
        xml("jabber:client", "presence", { type: "error", from: "mallory@evil.example", id: sent?.attrs["id"] }, error),
        xml("jabber:client", "presence", { type: "error", from: nurse, id: sent?.attrs["id"] }, error), result(world.stream.asked("ping")));
    }, "ERR_STANZA_ERROR"],
  ] as const)("V05 %s takes an answer back", async (_title, fail, code) => {
    const world = await asked();
    const done = expect(world.roster.approve(nurse)).rejects.toMatchObject({ code });
    expect(world.view).toEqual(["juliet - [] to in", "nurse - [] from ?"]);
    await settle();
    fail(world);
    await done;
    expect([world.view, asking(world)]).toEqual([["juliet - [] to in"], [juliet, nurse]]);
  });

  test("somebody else's error about our presence changes nothing", async () => {
    const world = await asked();
    const done = world.roster.approve(nurse);
    await settle();
    const id = world.stream.sent.findLast(({ name }) => name === "presence")?.attrs["id"];
    const error = xml("jabber:client", "presence", { type: "error", from: "mallory@evil.example", id });
    world.stream.arrive(error, push("v2", item(nurse, { subscription: "from" })), result(world.stream.asked("ping")));
    await done;
  });

  test("a ping that the server refuses shows as much as one that it answers", async () => {
    const world = await asked();
    const done = world.roster.deny(nurse);
    await settle();
    world.stream.arrive(xml("jabber:client", "iq", { type: "error", id: world.stream.asked("ping").attrs["id"] }));
    await done;
    expect(asking(world)).toEqual([juliet]);
  });

  test("F22 what nobody asks for any more is neither granted for the future nor refused", async () => {
    const world = await asked();
    world.stream.arrive(presence("unsubscribe", nurse));
    for (const call of [world.roster.approve(nurse), world.roster.deny(nurse)]) await expect(call).rejects.toMatchObject({ code: "ERR_NO_REQUEST" });
    expect(presences(world)).toEqual([]);
  });

  test("granting what was granted, and taking back what nobody has, send nothing", async () => {
    const world = await ready(item(juliet, { subscription: "both" }));
    await world.roster.approve(juliet);
    await world.roster.preApprove(juliet);
    await world.roster.revoke(nurse);
    expect(presences(world)).toEqual([]);
  });

  test("approval in advance needs a server that takes it", async () => {
    const world = await ready();
    const done = world.roster.preApprove(nurse);
    expect(world.view).toEqual(["nurse - [] none approved ?"]);
    await handled(world, push("v2", item(nurse, { approved: "true" })));
    await done;
    expect([world.view, presences(world)]).toEqual([["nurse - [] none approved"], ['<presence to="nurse@capulet.example" type="subscribed"/>']]);
    const plain = await RosterWorld.open();
    await plain.online(query("v1"), { features: ["ver"] });
    await expect(plain.roster.preApprove(nurse)).rejects.toMatchObject({ code: "ERR_NOT_SUPPORTED" });
    expect(presences(plain)).toEqual([]);
  });
});

describe("requests of ours", () => {
  test("a request with words, and its withdrawal", async () => {
    const world = await ready();
    const asked = world.roster.subscribeTo(nurse, { text: "it is me" });
    expect(world.view).toEqual(["nurse - [] none out ?"]);
    await handled(world, push("v2", item(nurse, { ask: "subscribe" })));
    await asked;
    expect(world.view).toEqual(["nurse - [] none out"]);
    const cancelled = world.roster.cancel(nurse);
    await handled(world, push("v3", item(nurse)));
    await cancelled;
    expect(world.view).toEqual(["nurse - [] none"]);
    expect(presences(world)).toEqual([
      '<presence to="nurse@capulet.example" type="subscribe"><status>it is me</status></presence>', '<presence to="nurse@capulet.example" type="unsubscribe"/>']);
  });

  test("what the server makes of a request counts, and if that is nothing, it is nothing", async () => {
    const world = await ready();
    const asked = world.roster.subscribeTo(nurse);
    await handled(world);
    await asked;
    expect(world.view).toEqual([]);
  });

  test("the contact's answers are told as the server's pushes have them", async () => {
    const world = await ready(item(nurse, { ask: "subscribe" }), item(juliet, { ask: "subscribe" }));
    world.stream.arrive(
      presence("subscribed", nurse), push("v2", item(nurse, { subscription: "to" })), presence("unsubscribed", juliet), push("v3", item(juliet)));
    await settle();
    expect(world.events).toEqual([{ kind: "subscription-changed", jid: nurse, subscription: "to" }, { kind: "subscription-changed", jid: juliet, subscription: "none" }]);
  });

  test("F22 an announcement alone grants nothing, and nobody takes anything away but what was theirs", async () => {
    const world = await ready(item(nurse, { ask: "subscribe" }), item(juliet, { subscription: "from" }));
    for (const [type, from] of [["subscribed", nurse], ["subscribed", account], ["unsubscribed", juliet], ["unsubscribed", account], ["unsubscribed", "x@e.example"], ["unsubscribe", nurse]]) world.stream.arrive(presence(type, from!));
    await settle();
    expect([world.view, world.events, world.changes]).toEqual([["juliet - [] from", "nurse - [] none out"], [], []]);
  });

  test("V05 a refusal holds without a push, which ejabberd does not send if a request of theirs is left; the version does not", async () => {
    const disk = memoryDisk();
    const world = await RosterWorld.open({ disk });
    const stream = await world.online(query("v1", item(nurse, { ask: "subscribe" }), item(juliet, { subscription: "both" })));
    stream.arrive(presence("unsubscribed", nurse), presence("unsubscribed", juliet));
    await settle();
    expect(world.view).toEqual(["juliet - [] from", "nurse - [] none"]);
    expect(world.events).toEqual([{ kind: "subscription-changed", jid: nurse, subscription: "none" }, { kind: "subscription-changed", jid: juliet, subscription: "from" }]);
    const later = await RosterWorld.open({ disk });
    await later.online(query("v2"));
    expect((later.stream.asked().children[0] as XmlElement).attrs["ver"]).toBe("");
  });

  test("revoking takes our presence away from who sees it", async () => {
    const world = await ready(item(juliet, { subscription: "both" }));
    const done = world.roster.revoke(juliet);
    expect(world.view).toEqual(["juliet - [] to ?"]);
    await handled(world, push("v2", item(juliet, { subscription: "to" })));
    await done;
    expect(presences(world)).toEqual(['<presence to="juliet@capulet.example" type="unsubscribed"/>']);
  });

  test("V01 a revocation that the server kept back is not taken for one", async () => {
    const world = await ready(item(juliet, { subscription: "both" }));
    const done = expect(world.roster.revoke(juliet)).rejects.toMatchObject({ code: "ERR_SUBSCRIPTION_IGNORED" });
    await handled(world);
    await handled(world);
    await done;
    expect(world.view).toEqual(["juliet - [] both"]);
  });
});

describe("XEP-0144 proposals", () => {
  const rosterx = "http://jabber.org/protocol/rosterx";
  const proposal = xml(rosterx, "x", {},
    xml(rosterx, "item", { action: "add", jid: "TYBALT@capulet.example", name: "\u202eTybalt" }, xml(rosterx, "group", {}, "Cats")),
    xml(rosterx, "item", { jid: "a@b@c" }), xml(rosterx, "item", { jid: `${nurse}/kitchen` }), xml(rosterx, "item", { action: "delete", jid: juliet }), xml(rosterx, "item", { action: "burn", jid: "paris@e.example" }));
  const items = [
    { action: "add", jid: "tybalt@capulet.example", name: "Tybalt", confusable: false, groups: ["Cats"] }, { action: "delete", jid: juliet, confusable: false, groups: [] },
    { action: "add", jid: "paris@e.example", confusable: false, groups: [] }];
  const message = (from: string | undefined, type?: string): XmlElement => xml("jabber:client", "message", { from, type }, proposal);
  const request = (from: string | undefined, type = "set"): XmlElement => xml("jabber:client", "iq", { type, id: "x", from }, proposal);

  test("F25 are told and never acted upon, whoever sends them", async () => {
    const world = await ready(item(juliet, { subscription: "both" }));
    const before = world.stream.sent.length;
    world.stream.arrive(message(juliet), message(undefined), message("montague.example"));
    await settle();
    expect(world.events).toEqual([juliet, account, "montague.example"].map((from) => ({ kind: "contacts-suggested", from, items })));
    expect([world.stream.sent.length, world.view]).toEqual([before, ["juliet - [] both"]]);
  });

  test("F20 names that look like others are marked", async () => {
    const world = await ready(item(juliet, { subscription: "both" }));
    const named = (name: string): XmlElement => xml(rosterx, "item", { jid: nurse, name });
    world.stream.arrive(xml("jabber:client", "message", { from: juliet }, xml(rosterx, "x", {}, named("Jul\u0456et"), named("\u202eN\u2066urse"), named("раураl"))));
    expect(world.events).toMatchObject([{ kind: "contacts-suggested", items: [{ name: "Jul\u0456et", confusable: true }, { name: "Nurse", confusable: false }, { confusable: true }] }]);
  });

  test("those of strangers, errors, and empty ones are not even told", async () => {
    const world = await ready(item(juliet));
    world.stream.arrive(message(nurse), message(juliet, "error"), message("capulet.example"), xml("jabber:client", "message", { from: juliet }, xml(rosterx, "x")), xml("jabber:client", "message", { from: juliet }));
    expect(world.events).toEqual([]);
  });

  test("F24 a request is answered only to those who may see that we are there", async () => {
    const world = await ready(item(juliet, { subscription: "from" }), item(nurse, { subscription: "to" }));
    const answers: (string | undefined)[] = [];
    for (const each of [request(`${juliet}/b`), request(undefined), request(nurse), request("mallory@evil.example"), request(juliet, "get")]) {
      world.stream.arrive(each);
      answers.push(world.stream.sent.at(-1)?.attrs["type"]);
    }
    expect(answers).toEqual(["result", "result", "error", "error", "error"]);
    expect(world.events).toHaveLength(2);
  });

  test("at most 200 items of one proposal are looked at", async () => {
    const world = await ready(item(juliet));
    world.stream.arrive(xml("jabber:client", "message", { from: juliet }, xml(rosterx, "x", {}, ...Array.from({ length: 300 }, (_, i) => xml(rosterx, "item", { jid: `c${String(i)}@e.example` })))));
    expect(world.events).toMatchObject([{ items: { length: 200 } }]);
  });
});

test("F22 a call that is aborted before it is sent sends nothing: what was granted could not be waited for", async () => {
  const world = await ready(item(juliet, { subscription: "both" }));
  world.stream.arrive(presence("subscribe", nurse));
  await settle();
  const signal = AbortSignal.abort();
  const { roster } = world;
  for (const call of [roster.approve(nurse, { signal }), roster.deny(nurse, { signal }), roster.revoke(juliet, { signal }), roster.cancel(juliet, { signal }), roster.subscribeTo(nurse, { signal }), roster.remove(juliet, { signal })]) {
    await expect(call).rejects.toMatchObject({ code: "ERR_ABORTED" });
  }
  expect([presences(world), asking(world), world.view]).toEqual([[], [nurse], ["juliet - [] both"]]);
  const taken = new AbortController();
  const first = roster.rename(juliet, "Sun");
  const second = roster.revoke(juliet, { signal: taken.signal }); // waits for its turn
  await settle();
  taken.abort();
  world.stream.arrive(result(world.stream.asked()));
  await first;
  await expect(second).rejects.toMatchObject({ code: "ERR_ABORTED" });
  expect(presences(world)).toEqual([]);
});

test("the text of a request is a text that XML can carry; nothing is shown or sent otherwise", async () => {
  const world = await ready();
  for (const [text, code] of [[5, "ERR_INVALID_ARGUMENT"], ["\u0000", "ERR_INVALID_TEXT"]] as const) {
    await expect(world.roster.subscribeTo(nurse, { text: text as string })).rejects.toMatchObject({ code });
  }
  expect([presences(world), world.view]).toEqual([[], []]);
});
