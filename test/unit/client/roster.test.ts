/** The roster over scripted streams: loading, races between pushes and the answer (threats V05), whose pushes count (F07). */
import { describe, expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { account, item, juliet, nurse, ownJid, push, query, refusal, result, RosterWorld, settle } from "../../support/roster-world.js";

const old = item(juliet, { name: "Juliet", subscription: "both" }, "Old");
const isError = (stanza: XmlElement | undefined): boolean => stanza?.attrs["type"] === "error";

describe("loading", () => {
  test("contacts come with names, sorted groups, subscriptions and what waits", async () => {
    const world = await RosterWorld.open();
    await world.online(query("v1",
      item(juliet, { name: "Juliet", subscription: "both" }, "Friends", "Capulet", "Friends"), item(nurse, { subscription: "none", ask: "subscribe", approved: "true" }),
      item("tybalt@capulet.example")));
    expect(world.view).toEqual(["juliet Juliet [Capulet,Friends] both", "nurse - [] none out approved", "tybalt - [] none"]);
    expect(world.roster.getSnapshot().freshness).toBe("synchronized");
    expect(world.roster.get("JULIET@Capulet.Example/balcony")?.name).toBe("Juliet");
    expect(world.roster.get("nobody@capulet.example")).toBeUndefined();
    expect(world.roster.get("not an address")).toBeUndefined();
  });

  test("V01 two who wait for the roster at once ask once, and none goes on before it is there", async () => {
    const world = await RosterWorld.open();
    const stream = world.attach();
    let ready = 0;
    const waiting = [1, 2].map(() => world.roster.prepare(stream.connection).then(() => { ready += 1; }));
    await settle();
    expect([world.sent.length, ready]).toEqual([1, 0]);
    stream.arrive(result(stream.asked(), query("v1", old)));
    await Promise.all(waiting);
    expect([world.sent.length, ready, world.view]).toEqual([1, 2, ["juliet Juliet [Old] both"]]);
    await world.roster.prepare(stream.connection);
    expect(world.sent.length).toBe(1);
  });

  test("the server is asked for versions only if it has them", async () => {
    const world = await RosterWorld.open();
    await world.online(query(undefined), { features: [] });
    expect(world.sent).toEqual(['<iq type="get"><query xmlns="jabber:iq:roster"/></iq>']);
    const versioned = await RosterWorld.open();
    await versioned.online(query("v1"));
    expect(versioned.sent).toEqual(['<iq type="get"><query xmlns="jabber:iq:roster" ver=""/></iq>']);
  });

  test.each([["nothing", undefined], ["something else", xml("jabber:iq:private", "query")]])("an answer that is no roster is an error and no empty roster: %s", async (_title, answer) => {
    const world = await RosterWorld.open();
    await world.online(query("v1", old), { features: [] });
    const stream = world.attach({ features: [] });
    const prepared = world.roster.prepare(stream.connection);
    stream.arrive(result(stream.asked(), answer));
    await expect(prepared).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
    expect(world.view).toEqual(["juliet Juliet [Old] both"]);
    expect(world.roster.getSnapshot().freshness).toBe("cached");
  });

  test("items that cannot be understood are left out one by one, and each is told", async () => {
    const world = await RosterWorld.open();
    await world.online(query("v1", old,
      item("a@b@c"), xml("jabber:iq:roster", "item"), item("mercutio@montague.example/street"), item("x@y.example", { subscription: "everything" }),
      item("y@y.example", { subscription: "remove" }), item("z@y.example", {}, "g".repeat(1_024)),
      item("many@y.example", {}, ...Array.from({ length: 101 }, (_, i) => String(i))), item("fits@y.example", {}, ...Array.from({ length: 100 }, (_, i) => String(i))),
      item(nurse, { ask: "no", approved: "perhaps" }, "")));
    expect([...world.roster.getSnapshot().contacts.keys()]).toEqual([juliet, "fits@y.example", nurse]);
    expect(world.events).toEqual(Array.from({ length: 7 }, () => ({ kind: "malformed", what: "roster-item" })));
  });

  test("F21 addresses are prepared: two spellings of one are one contact, and the first counts", async () => {
    const world = await RosterWorld.open();
    await world.online(query("v1", item("Juliet@CAPULET.example", { name: "one", subscription: "none" }), item(juliet, { name: "two", subscription: "both" })));
    expect(world.view).toEqual(["juliet one [] none"]);
    expect(world.events).toEqual([{ kind: "malformed", what: "roster-item" }]);
    world.stream.arrive(push("v2", item("JULIET@capulet.example", { subscription: "remove" })));
    expect(world.view).toEqual([]);
  });

  test("F20 names are cleaned of what turns or hides text, and shortened; groups stay as they are", async () => {
    const world = await RosterWorld.open();
    await world.online(query("v1",
      item(juliet, { name: "\u202eteiluJ\u200b\u2066  X\u0085" }, "Gr\u200boup"), item(nurse, { name: "n".repeat(1_000) }), item("t@e.example", { name: "\u200f\u200b" })));
    expect(world.roster.get(juliet)).toMatchObject({ name: "teiluJ X", groups: ["Gr\u200boup"] });
    expect(world.roster.get(nurse)?.name).toHaveLength(256);
    expect(world.roster.get("t@e.example")).not.toHaveProperty("name");
  });

  test("H04 addresses and groups with the names of inherited properties are ordinary ones", async () => {
    const world = await RosterWorld.open();
    await world.online(query("v1", item("__proto__@e.example", {}, "__proto__", "constructor"), item("constructor", { subscription: "to" })));
    expect(world.roster.get("__proto__@e.example")?.groups).toEqual(["__proto__", "constructor"]);
    expect(world.roster.get("constructor")?.subscription).toBe("to");
    expect(world.roster.get("tostring")).toBeUndefined();
  });

  test("a stream that goes on asks nothing; a change meanwhile has come as a push", async () => {
    const world = await RosterWorld.open();
    await world.online(query("v1", old));
    await world.cut();
    expect(world.roster.getSnapshot().freshness).toBe("cached");
    const stream = await world.online(undefined, { continued: true });
    expect(stream.sent).toEqual([]);
    expect(world.roster.getSnapshot().freshness).toBe("synchronized");
    stream.arrive(push("v2", item(juliet, { subscription: "to" })));
    expect(world.view).toEqual(["juliet - [] to"]);
  });

  test("a stream that goes on asks if the roster was never there", async () => {
    const world = await RosterWorld.open();
    const stream = world.attach();
    const prepared = world.roster.prepare(stream.connection);
    stream.arrive(refusal(stream.asked(), "internal-server-error", "wait"));
    await expect(prepared).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", retryable: true });
    await world.cut();
    const again = world.attach({ continued: true });
    const asked = world.roster.prepare(again.connection);
    again.arrive(result(again.asked(), query("v1", old)));
    await asked;
    expect(world.view).toHaveLength(1);
  });
});

describe("whose pushes count", () => {
  test.each([
    ["a stranger", "mallory@evil.example"], ["a full address of a stranger", "mallory@evil.example/x"], ["the domain", "montague.example"],
    ["our own full address", ownJid], ["another resource of ours", `${account}/tomb`], ["a contact", juliet], ["an account that looks like ours", "romeo@montague.example.evil.example"],
    ["our local part alone", "romeo"],
  ])("F07 a push from %s changes nothing and is refused", async (_title, from) => {
    const world = await RosterWorld.open();
    const stream = await world.online(query("v1", old));
    stream.arrive(push("v9", item("mallory@evil.example", { subscription: "both" }), from), push("v9", item(juliet, { subscription: "remove" }), from));
    await settle();
    expect(world.view).toEqual(["juliet Juliet [Old] both"]);
    expect(stream.sent.slice(-2).every(isError)).toBe(true);
    expect(world.changes).toHaveLength(1);
  });

  test.each([["no address", undefined], ["our bare address", account], ["our bare address in capitals", account.toUpperCase()]])("F07 a push from %s counts and is answered", async (_title, from) => {
    const world = await RosterWorld.open();
    const stream = await world.online(query("v1", old));
    stream.arrive(push("v2", item(juliet, { subscription: "remove" }), from));
    expect(world.view).toEqual([]);
    expect(stream.sent.at(-1)?.attrs["type"]).toBe("result");
  });

  test("F07 nobody can read the roster from us", async () => {
    const world = await RosterWorld.open();
    const stream = await world.online(query("v1", old));
    stream.arrive(xml("jabber:client", "iq", { type: "get", id: "g" }, query(undefined)));
    expect(isError(stream.sent.at(-1))).toBe(true);
  });

  test("a push with no item, several, or one that cannot be understood is left out, told, and leaves the rest as it is", async () => {
    const world = await RosterWorld.open();
    const stream = await world.online(query("v1", old));
    stream.arrive(push("v2", []), push("v3", [item(juliet, { subscription: "remove" }), item(nurse)]), push("v4", item("a@b@c")), push("v5", item(nurse, { subscription: "all" })));
    await settle();
    expect(world.view).toEqual(["juliet Juliet [Old] both"]);
    expect(world.events).toEqual(Array.from({ length: 4 }, () => ({ kind: "malformed", what: "roster-item" })));
  });

  test("pushes before the roster was asked for say nothing about a state that nobody knows", async () => {
    const world = await RosterWorld.open();
    const stream = world.attach();
    stream.arrive(push("v1", old));
    expect([world.view, stream.sent.at(-1)?.attrs["type"]]).toEqual([[], "result"]);
  });
});

describe("V05 pushes beside the answer to the question for the roster", () => {
  async function asking(): Promise<{ readonly world: RosterWorld; readonly prepared: Promise<void> }> {
    const world = await RosterWorld.open();
    await world.online(query("v1", old));
    await world.cut();
    const stream = world.attach();
    return { world, prepared: world.roster.prepare(stream.connection) };
  }

  test("nothing has changed, and pushes in the same turn make the difference: each counts once, in order", async () => {
    const { world, prepared } = await asking();
    expect(world.sent).toEqual(['<iq type="get"><query xmlns="jabber:iq:roster" ver="v1"/></iq>']);
    world.stream.arrive(result(world.stream.asked()), push("v2", item(nurse, { subscription: "to" })), push("v3", item(juliet, { subscription: "remove" })), push("v4", item(juliet, { subscription: "from" })));
    await prepared;
    expect(world.view).toEqual(["juliet - [] from", "nurse - [] to"]);
  });

  test("a push before the answer that says the same", async () => {
    const { world, prepared } = await asking();
    world.stream.arrive(push("v2", item(juliet, { subscription: "to" })), result(world.stream.asked(), query("v2", item(juliet, { subscription: "to" }))));
    await prepared;
    expect([world.view, world.stream.sent.filter((stanza) => stanza.attrs["type"] === "get").length]).toEqual([["juliet - [] to"], 1]);
  });

  test.each([
    ["an answer that is newer", "to"], ["an answer that is older", "none"],
  ])("a push and %s disagree: the server is asked again, without a version, and has the last word", async (_title, truth) => {
    const { world, prepared } = await asking();
    const first = world.stream.asked();
    world.stream.arrive(push("v3", item(juliet, { subscription: "none" })), result(first, query("v2", item(juliet, { subscription: "to" }))));
    await settle();
    expect(world.view).toEqual(["juliet Juliet [Old] both"]); // nothing is shown that may be wrong
    expect(world.stream.asked()).not.toBe(first);
    expect(world.sent.at(-1)).toBe('<iq type="get"><query xmlns="jabber:iq:roster" ver=""/></iq>');
    world.stream.arrive(result(world.stream.asked(), query("v3", item(juliet, { subscription: truth }))));
    await prepared;
    expect(world.view).toEqual([`juliet - [] ${truth}`]);
  });

  test("an answer and a newer push in one turn: the push is not lost", async () => {
    const { world, prepared } = await asking();
    world.stream.arrive(result(world.stream.asked(), query("v2", old)), push("v3", item(juliet, { subscription: "remove" })));
    await settle();
    world.stream.arrive(result(world.stream.asked(), query("v3")));
    await prepared;
    expect(world.view).toEqual([]);
  });

  test("a push that cannot be understood beside the answer: the server is asked again", async () => {
    const { world, prepared } = await asking();
    const first = world.stream.asked();
    world.stream.arrive(push("v2", item(juliet, { subscription: "all" })), result(first, query("v1", old)));
    await settle();
    expect(world.stream.asked()).not.toBe(first);
    world.stream.arrive(result(world.stream.asked(), query("v2", item(juliet))));
    await prepared;
    expect(world.view).toEqual(["juliet - [] none"]);
  });

  test("removals and additions are compared as well", async () => {
    const { world, prepared } = await asking();
    world.stream.arrive(push("v3", item(nurse)), push("v4", item(nurse, { subscription: "remove" })), result(world.stream.asked(), query("v4", old)));
    await prepared;
    expect(world.view).toEqual(["juliet Juliet [Old] both"]);
  });

  test("a roster that never stands still is taken with the pushes on top and without a version", async () => {
    const { world, prepared } = await asking();
    for (let i = 2; i < 5; i++) {
      world.stream.arrive(push(`p${String(i)}`, item(juliet, { name: `push ${String(i)}` })), result(world.stream.asked(), query(`v${String(i)}`, item(juliet, { name: "list" }))));
      await settle();
    }
    await prepared;
    expect(world.view).toEqual(["juliet push 4 [] none"]);
    world.stream.arrive(push("v9", item(nurse)));
    await settle();
    const later = await RosterWorld.open({ disk: world.disk });
    await later.online(query("v10", old));
    expect(later.sent).toEqual(['<iq type="get"><query xmlns="jabber:iq:roster" ver=""/></iq>']);
  });

  test("an answer for a stream that is gone says nothing about the next one", async () => {
    const { world, prepared } = await asking();
    world.roster.detach();
    world.stream.arrive(result(world.stream.asked(), query("v9", item(nurse))));
    await prepared;
    expect([world.view, world.roster.getSnapshot().freshness]).toEqual([["juliet Juliet [Old] both"], "cached"]);
  });
});
