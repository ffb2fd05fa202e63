/** client.presence over a scripted stream. Threats F20, F22, F23, F24, V06, H06. @module */
import { describe, expect, test } from "vitest";
import { directedPresenceMax, presentContactsMax, resourcesPerContactMax, unclaimedPresenceMax } from "../../../src/base/limits.js";
import { type BareJid, parseJid } from "../../../src/base/jid.js";
import type { ContactPresence } from "../../../src/client/presence/contact-presence.js";
import { PresenceBook } from "../../../src/client/presence/presence-book.js";
import { encodeDiscoInfo } from "../../../src/transport/xep/xep0030.js";
import { capsHash } from "../../../src/transport/features/caps.js";
import { begun, fakeConnection, presenceWorld, self } from "../../support/presence-world.js";

const juliet = "juliet@capulet.example";
const from = (jid: string, children = "", type = ""): string => `<presence from='${jid}'${type === "" ? "" : ` type='${type}'`}>${children}</presence>`;
const order = (contact: ContactPresence | undefined): string[] => (contact?.resources ?? []).map(({ jid }) => jid.split("/")[1] ?? "");

describe("the presence of contacts", () => {
  test("resources are merged in one order, whatever order they came in", async () => {
    const stanzas = [
      from(`${juliet}/away`, "<show>away</show><priority>5</priority>"), from(`${juliet}/chat`, "<show>chat</show><priority>5</priority>"),
      from(`${juliet}/dnd`, "<show>dnd</show><priority>5</priority>"), from(`${juliet}/xa`, "<show>xa</show><priority>5</priority>"),
      from(`${juliet}/plain`, "<priority>5</priority>"), from(`${juliet}/low`, "<show>chat</show><priority>-1</priority>"), from(`${juliet}/high`, "<show>xa</show><priority>9</priority>"),
    ];
    for (const said of [stanzas, [...stanzas].reverse()]) {
      const world = presenceWorld({ [juliet]: "to" });
      const { deliver } = await begun(world);
      said.forEach(deliver);
      expect(order(world.presence.contact(juliet))).toEqual(["high", "chat", "plain", "dnd", "away", "xa", "low"]);
      expect(world.presence.contact(juliet)?.best?.jid).toBe(`${juliet}/high`);
    }
    const world = presenceWorld({ [juliet]: "to" });
    const { deliver } = await begun(world);
    for (const resource of ["a", "b", "a"]) deliver(from(`${juliet}/${resource}`));
    expect(order(world.presence.contact(juliet))).toEqual(["a", "b"]); // the newest first
  });

  test("resources come and go; what the last one said stays readable; an error counts as gone", async () => {
    const world = presenceWorld({ [juliet]: "both" });
    const { deliver } = await begun(world);
    const heard: string[] = [];
    world.presence.onAvailable((event) => { heard.push(`${event.fresh ? "new" : "again"} ${event.from} ${event.content.show}`); });
    world.presence.onUnavailable((event) => { heard.push(`gone ${event.from}`); });
    deliver(from(`${juliet}/a`, "<show>dnd</show><status>busy</status>"));
    deliver(from(`${juliet}/b`));
    deliver(from(`${juliet}/a`, "<show>away</show>"));
    expect(world.presence.getSnapshot().get(juliet as BareJid)).toMatchObject({ jid: juliet, available: true, best: { jid: `${juliet}/b`, priority: 0, receivedAt: world.clock.now() } });
    deliver(from(`${juliet}/b`, "", "error"));
    deliver(from(`${juliet}/a`, "<status>good night</status>", "unavailable"));
    expect(world.presence.contact(juliet)).toEqual({ jid: juliet, available: false, resources: [], farewell: { "": "good night" } });
    expect(heard).toEqual([`new ${juliet}/a dnd`, `new ${juliet}/b available`, `again ${juliet}/a away`, `gone ${juliet}/b`, `gone ${juliet}/a`]);
    deliver(from(`${juliet}/a`));
    deliver(from(`${juliet}/b`));
    deliver(from(juliet, "", "unavailable")); // a server that cannot reach the contact's speaks of all resources at once
    expect(world.presence.getSnapshot().size).toBe(0);
  });

  test("V06 only confirmed contacts that we see count, and those we directed presence to; a stranger's presence leaves no trace", async () => {
    const world = presenceWorld({ "to@x": "to", "both@x": "both", "from@x": "from", "none@x": "none" });
    const fake = await begun(world);
    const heard: string[] = [];
    world.presence.onAvailable((event) => { heard.push(event.from); });
    for (const jid of ["to@x/1", "both@x/1", "from@x/1", "none@x/1", "stranger@x/1"]) fake.deliver(from(jid));
    expect([...world.presence.getSnapshot().keys()]).toEqual(["to@x", "both@x"]);
    // Somebody who sees us and shows himself is told to whoever keeps presence up to date, and not kept.
    expect(heard).toEqual(["to@x/1", "both@x/1", "from@x/1"]);
    await world.presence.direct("friend@x/1", { show: "chat" });
    fake.deliver(from("friend@x/2"));
    expect(world.presence.contact("friend@x")?.available).toBe(true);
    await world.presence.undirect("friend@x/1");
    expect(world.presence.contact("friend@x")).toBeUndefined();
  });

  test("a contact that is no contact any more is gone at once; one whose confirmation came a moment late is there", async () => {
    const world = presenceWorld({ [juliet]: "both" });
    const fake = await begun(world);
    const gone: string[] = [];
    world.presence.onUnavailable((event) => { gone.push(event.from); });
    fake.deliver(from(`${juliet}/a`));
    world.contacts.change(juliet, "from");
    expect([world.presence.getSnapshot().size, gone]).toEqual([0, [`${juliet}/a`]]);
    fake.deliver(from("late@x/1"));
    fake.deliver(from("late@x/2"));
    fake.deliver(from("late@x/2", "", "unavailable"));
    world.contacts.change("late@x", "to");
    expect(order(world.presence.contact("late@x"))).toEqual(["1"]);
    for (let i = 0; i <= unclaimedPresenceMax; i++) fake.deliver(from(`s${String(i)}@x/1`));
    for (const jid of ["s0@x", "s1@x"]) world.contacts.change(jid, "to");
    expect([world.presence.contact("s0@x"), order(world.presence.contact("s1@x"))]).toEqual([undefined, ["1"]]);
  });

  test("F22 our own address: other resources are kept apart, what we said comes back and does not count, and nobody else can claim it", async () => {
    const world = presenceWorld({ [juliet]: "both" });
    const fake = await begun(world);
    fake.deliver(from(self, "<show>chat</show>"));
    fake.deliver(from("Romeo@VERONA.example/phone", "<show>away</show>"));
    fake.deliver(from("romeo@verona.example", "<show>xa</show>"));
    fake.deliver(from("romeo@verona.example.evil/phone", "<show>dnd</show>"));
    fake.deliver(from(`${juliet}/romeo@verona.example`, "<show>dnd</show>"));
    expect(world.presence.ownResources().map(({ jid, show }) => `${jid} ${show}`)).toEqual(["romeo@verona.example/phone away"]);
    expect([...world.presence.getSnapshot().keys()]).toEqual([juliet]);
    fake.deliver(from("romeo@verona.example/phone", "", "unavailable"));
    expect(world.presence.ownResources()).toEqual([]);
  });

  test("F22 requests to see our presence are answered by nobody here", async () => {
    const world = presenceWorld({ [juliet]: "both" });
    const fake = await begun(world);
    for (const type of ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"]) fake.deliver(from(`${juliet}/x`, "", type));
    expect([fake.sent, world.presence.getSnapshot().size]).toEqual([[], 0]);
  });

  test("V06 H06 resources of a contact and contacts are bounded; the best resources stay", async () => {
    const world = presenceWorld({ [juliet]: "to" });
    const { deliver } = await begun(world);
    for (let i = 0; i < 2 * resourcesPerContactMax; i++) deliver(from(`${juliet}/r${String(i)}`, `<priority>${String(i)}</priority>`));
    expect(order(world.presence.contact(juliet))).toHaveLength(resourcesPerContactMax);
    deliver(from(`${juliet}/least`, "<priority>-9</priority>"));
    expect(order(world.presence.contact(juliet))).not.toContain("least");
    const book = new PresenceBook();
    const put = (i: number): boolean | undefined => book.put({ jid: parseJid(`c${String(i)}@x/r`)!, show: "away", priority: 0, receivedAt: 0 });
    for (let i = 0; i < presentContactsMax; i++) put(i);
    expect([put(presentContactsMax), put(0), book.snapshot().size]).toEqual([undefined, false, presentContactsMax]);
  });

  test("a presence that nobody can read is told, for contacts only", async () => {
    const world = presenceWorld({ [juliet]: "both" });
    const { deliver } = await begun(world);
    deliver(from(`${juliet}/a`, "", "invisible"));
    deliver(from("stranger@x/a", "", "invisible"));
    expect(world.events).toEqual([{ kind: "malformed", what: "presence", from: juliet }]);
  });

  test("the snapshot is the same object until something changes, and changes are told once per turn", async () => {
    const world = presenceWorld({ [juliet]: "both", "b@x": "to" });
    const { deliver } = await begun(world);
    await Promise.resolve();
    let told = 0;
    world.presence.subscribe(() => { told++; });
    const before = world.presence.getSnapshot();
    expect(world.presence.getSnapshot()).toBe(before);
    deliver(from(`${juliet}/a`));
    deliver(from("b@x/a"));
    await Promise.resolve();
    expect([told, before.size, world.presence.getSnapshot().size]).toEqual([1, 0, 2]);
  });

  test("nothing outlives its stream, unless the stream goes on", async () => {
    const world = presenceWorld({ [juliet]: "both" });
    const { deliver } = await begun(world);
    deliver(from(`${juliet}/a`));
    deliver(from("romeo@verona.example/phone"));
    world.presence.detach();
    const resumed = fakeConnection({ continued: true, start: "resumed" });
    world.presence.attach(resumed.connection);
    expect([world.presence.getSnapshot().size, resumed.sent]).toEqual([1, []]);
    resumed.deliver(from(`${juliet}/b`));
    expect(order(world.presence.contact(juliet))).toEqual(["b", "a"]);
    world.presence.detach();
    world.presence.attach(fakeConnection().connection);
    expect([world.presence.getSnapshot().size, world.presence.ownResources().length]).toEqual([0, 0]);
    const last = await begun(world);
    last.deliver(from(`${juliet}/a`));
    await world.presence.farewell(last.connection);
    expect(world.presence.getSnapshot().size).toBe(0);
  });
});

describe("directed presence", () => {
  test("goes to one address, again when our capabilities change, and is withdrawn before the stream ends", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.direct("room@muc.x/me", { show: "away", statuses: { "": "hi" } });
    await world.presence.direct("friend@x", { show: "chat" });
    await world.presence.undirect("friend@x");
    await world.presence.undirect("nobody@x");
    expect(fake.sent.splice(0)).toEqual([
      '<presence to="room@muc.x/me"><show>away</show><status>hi</status></presence>', '<presence to="friend@x"><show>chat</show></presence>', '<presence to="friend@x" type="unavailable"/>',
    ]);
    expect(fake.stanzas.at(-3)?.children.at(-1)).toMatchObject({ name: "c" });
    world.capabilities.add(["urn:x"]);
    await expect.poll(() => fake.sent).toEqual(["<presence/>", '<presence to="room@muc.x/me"><show>away</show><status>hi</status></presence>']);
    fake.sent.length = 0;
    await world.presence.farewell(fake.connection);
    await world.presence.farewell(fake.connection);
    expect(fake.sent).toEqual(['<presence to="room@muc.x/me" type="unavailable"/>', '<presence type="unavailable"/>']);
  });

  test("needs a stream, an address, possible content, and has a limit", async () => {
    const world = presenceWorld();
    await expect(world.presence.direct("a@x", { show: "chat" })).rejects.toMatchObject({ code: "ERR_OFFLINE", retryable: true });
    await expect(world.presence.direct("@", { show: "chat" })).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
    await begun(world);
    await expect(world.presence.direct("a@x", { show: "gone" as "chat" })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    for (let i = 0; i < directedPresenceMax; i++) await world.presence.direct(`a${String(i)}@x`, { show: "chat" });
    await expect(world.presence.direct("one-more@x", { show: "chat" })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    await world.presence.direct("a0@x", { show: "away" });
  });

  test("V01 under an announcer with limits nobody is shown more, also those who were told before it came", async () => {
    const world = presenceWorld({ "hidden@y": "both", "seen@y": "both" });
    const fake = await begun(world);
    await world.presence.direct("hidden@x", { show: "chat" });
    await world.presence.direct("busy@x", { show: "chat" });
    fake.sent.length = 0;
    const hidden = new Set(["hidden@x", "hidden@y"]);
    await world.presence.use({
      attach: () => undefined, detach: () => undefined, begin: async () => undefined, changed: async () => undefined, farewell: async () => undefined,
      limit: (to) => (hidden.has(to) ? undefined : { show: "dnd" }),
    });
    expect(fake.sent).toEqual(['<presence to="hidden@x" type="unavailable"/>', '<presence to="busy@x"><show>dnd</show></presence>']);
    await expect(world.presence.direct("hidden@x", { show: "chat" })).rejects.toMatchObject({ code: "ERR_PRESENCE_NOT_ALLOWED" });
    const asks = (): boolean[] => ["hidden@x", "busy@x", "hidden@y", "seen@y/1", "y"].map((jid) => world.presence.audience(parseJid(jid)));
    expect(asks()).toEqual([false, true, false, true, true]);
    for (const jid of ["busy@x", "seen@y"]) hidden.add(jid);
    expect(asks()).toEqual([false, false, false, false, false]); // at once, not when the directed ones were told
  });

  test("is gone when the user becomes unavailable, and is not said again on the next stream", async () => {
    const world = presenceWorld();
    const fake = await begun(world);
    await world.presence.direct("a@x", { show: "chat" });
    await world.presence.set("unavailable");
    expect(fake.sent.slice(-2)).toEqual(['<presence to="a@x" type="unavailable"/>', '<presence type="unavailable"/>']);
    world.presence.detach();
    const next = fakeConnection();
    world.presence.attach(next.connection);
    await world.presence.prepare(next.connection);
    await world.presence.farewell(next.connection);
    expect(next.sent).toEqual([]);
  });
});

test("directed presence ends with its stream, and opens nothing on the next one", async () => {
  const world = presenceWorld();
  await begun(world);
  await world.presence.direct("a@x", { show: "chat" });
  world.presence.detach();
  const next = fakeConnection();
  world.presence.attach(next.connection);
  await world.presence.prepare(next.connection);
  expect(world.presence.audience(parseJid("a@x"))).toBe(false);
  await world.presence.farewell(next.connection);
  expect(next.sent).toEqual(["<presence/>", '<presence type="unavailable"/>']);
});

describe("F24 who may learn that this client is there", () => {
  const asks = (world: ReturnType<typeof presenceWorld>, ...jids: (string | undefined)[]): boolean[] =>
    jids.map((jid) => world.presence.audience(jid === undefined ? undefined : parseJid(jid)));

  test("our account and server, contacts that see us and their servers, and those we directed presence to", async () => {
    const world = presenceWorld({ "from@a.x": "from", "both@b.x": "both", "to@c.x": "to", "none@d.x": "none" });
    await begun(world);
    expect(asks(world, undefined, "romeo@verona.example", "romeo@verona.example/phone", "verona.example")).toEqual([true, true, true, true]);
    expect(asks(world, "from@a.x", "from@a.x/1", "both@b.x/1", "a.x", "b.x")).toEqual([true, true, true, true, true]);
    expect(asks(world, "to@c.x/1", "none@d.x/1", "c.x", "d.x", "stranger@a.x/1", "stranger@z.x/1", "a.x/res", "mercutio@verona.example/1")).toEqual(Array.from({ length: 8 }, () => false));
    await world.presence.direct("stranger@z.x/1", { show: "chat" });
    expect(asks(world, "stranger@z.x/1", "stranger@z.x/2")).toEqual([true, false]);
    await world.presence.undirect("stranger@z.x/1");
    expect(asks(world, "stranger@z.x/1")).toEqual([false]);
  });

  test("nobody but ourselves while we show no presence", async () => {
    const world = presenceWorld({ "both@b.x": "both" });
    await begun(world);
    await world.presence.set("unavailable");
    expect(asks(world, "both@b.x/1", "b.x", undefined)).toEqual([false, false, true]);
  });
});

describe("capabilities of a contact", () => {
  const info = { identities: [{ category: "client", type: "pc", name: "Other" }], features: new Set(["urn:a"]) };
  const caps = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='${capsHash(info)}'/>`;

  test("F23 are asked for when somebody wants to know, once for all who show the same hash", async () => {
    const world = presenceWorld({ [juliet]: "both", "b@x": "to" });
    const fake = await begun(world);
    fake.answer = () => encodeDiscoInfo(info);
    fake.deliver(from(`${juliet}/a`, caps));
    fake.deliver(from("b@x/1", caps));
    expect(fake.asked).toHaveLength(0);
    expect((await world.presence.capabilities(`${juliet}/a`))?.features).toEqual(new Set(["urn:a"]));
    expect((await world.presence.capabilities("b@x/1"))?.features).toEqual(new Set(["urn:a"]));
    expect(fake.asked.map(({ to }) => to)).toEqual([`${juliet}/a`]);
    world.presence.detach();
    expect(await world.presence.capabilities("b@x/1")).toBeDefined();
    await expect(world.presence.capabilities("c@x/1")).rejects.toMatchObject({ code: "ERR_OFFLINE" });
    await expect(world.presence.capabilities("c@x")).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
  });
});
