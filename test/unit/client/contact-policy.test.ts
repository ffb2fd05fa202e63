/** The contact policy through the real way in: receiver, session, log, box; and everything automatic that could answer. */
import { expect, test } from "vitest";
import type { BareJid } from "../../../src/base/jid.js";
import { ContactPolicy } from "../../../src/client/contact-policy/contact-policy.js";
import { Strangers } from "../../../src/client/contact-policy/strangers.js";
import type { ContactRules, Standing } from "../../../src/client/contact-policy/types.js";
import { encodeReceipt, receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed, markable } from "../../../src/transport/xep/xep0333.js";
import { body, juliet, mercutio, romeo, withData } from "../../support/omemo-world.js";
import { plainLetter, Reception, type ReceptionOptions, sealedLetter, ServerArchive } from "../../support/reception.js";
import { scene, type Scene } from "../../support/reception-scene.js";
import { received, sent } from "../../support/log-world.js";

const orchard = `${romeo}/orchard`;
const separate: ContactRules = { strangers: { message: "separate" } };

interface RuledScene extends Scene { readonly policy: ContactPolicy; readonly strangers: Strangers; readonly asked: string[] }

/** The scene with a contact policy; `asked`: whose presence was asked for. */
async function ruled(options: ReceptionOptions = {}, rules?: ContactRules): Promise<RuledScene> {
  const begun = await scene(options);
  const { world, b } = begun;
  const policy = await ContactPolicy.open(b.gate, b.ledger);
  if (rules !== undefined) await policy.set(rules);
  const asked: string[] = [];
  const strangers = new Strangers(await b.gate.engine(), async (jid) => { asked.push(jid); });
  b.events.length = 0;
  world.server.log.length = 0;
  return { ...begun, policy, strangers, asked };
}

const asking = [receiptRequest(), markable()];
const both: Standing = { subscription: "both", groups: [] };
/** What would leave at once because of what came. */
const automatic = (b: Reception): readonly unknown[] => [...b.notified, ...b.followUps.filter((each) => each.kind === "send-empty" || each.unhurried !== true)];
const writeTo = (b: Reception, jid: BareJid): Promise<unknown> => b.ledger.run((tx) => { b.log.append(tx, sent("mine", jid)); });

test("without a policy a stranger's message is delivered like every other and says what it is; one of a contact does not", async () => {
  const { a, b, live } = await ruled({ contact: (jid) => (jid === mercutio ? both : undefined) });
  await b.take(sealedLetter(orchard, juliet, "1", await a.send(juliet, "who am I")), live);
  await b.take(plainLetter(mercutio, juliet, "2", "you know me"), live);
  expect(await b.messages()).toMatchObject([{ text: "who am I", stranger: true, attention: "notify" }, { text: "you know me", attention: "notify" }]);
  expect((await b.messages())[1]).not.toHaveProperty("stranger");
  await writeTo(b, romeo);
  await b.take(sealedLetter(orchard, juliet, "3", await a.send(juliet, "again")), live);
  expect((await b.messages()).at(-1)).not.toHaveProperty("stranger");
});

test("V03 with a box a stranger's message is decrypted and stored with its session in one commit, and is in no log, no feed and no answer", async () => {
  const commits: string[][] = [];
  const { a, b, live, strangers } = await ruled({ store: (inner) => {
    const commit = inner.commit.bind(inner);
    inner.commit = (changes, fence) => { commits.push(changes.map(({ key }) => key)); return commit(changes, fence); };
    return inner;
  } }, separate);
  commits.length = 0;
  await b.take(sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("first"), ...asking)), live);
  const holding = commits.filter((keys) => keys.some((key) => key.startsWith("client/strangers/message/")));
  expect(holding).toHaveLength(1);
  expect(holding[0]?.some((key) => key.startsWith("omemo/2/device/"))).toBe(true);
  expect(holding[0]).toContain("test/inbound");
  await b.take(sealedLetter(orchard, juliet, "2", await a.sendContent(juliet, body("second"), ...asking)), live);
  expect(await b.messages()).toEqual([]);
  expect(await strangers.messages(romeo)).toMatchObject([{ text: "first", from: romeo, security: { level: "trusted" } }, { text: "second", place: 2 }]);
  expect(strangers.getSnapshot()).toEqual([{ jid: romeo, messages: 2, latest: b.clock.now() }]);
  expect(b.events.map(({ kind }) => kind)).toEqual(["stranger-message", "stranger-message"]);
  expect(automatic(b)).toEqual([]);
  expect(b.released).toEqual([1, 2]);
});

test("V03 what cannot be read, and what comes in clear text, goes to the box as well", async () => {
  const { a, b, live, strangers } = await ruled({}, separate);
  const damaged = withData(await a.send(juliet, "lost"), b.omemo.self.address, new Uint8Array(20));
  await b.take(sealedLetter(orchard, juliet, "1", damaged), live);
  await b.take(plainLetter(orchard, juliet, "2", "plain"), live);
  expect(await strangers.messages(romeo)).toMatchObject([{ unreadable: "ERR_SESSION_MALFORMED", text: "" }, { text: "plain", security: { level: "none" } }]);
  expect(await b.messages()).toEqual([]);
  expect(b.events.filter(({ kind }) => kind === "message" || kind === "unreadable")).toEqual([]);
});

test("D13 V03 a stranger's message that our own store makes fail goes to the box too", async () => {
  const { a, b, live, strangers } = await ruled({}, separate);
  await b.take(sealedLetter(orchard, juliet, "1", await a.send(juliet, "before")), live);
  const row = [...b.disk.rows.keys()].find((key) => key.startsWith("omemo/2/device/"));
  b.disk.rows.set(row as never, new Uint8Array([1, 2, 3]));
  await b.take(sealedLetter(orchard, juliet, "2", await a.send(juliet, "damaged")), live);
  expect(await b.messages()).toEqual([]);
  expect(await strangers.messages(romeo)).toMatchObject([{ text: "before" }, { unreadable: expect.stringMatching(/^ERR_/) as string }]);
});

test("Q16 what is in the box is not taken in again from the archive, and what comes from the archive goes into the box", async () => {
  const { a, b, archive, live, strangers, world } = await ruled({}, separate);
  b.receiver.trustStanzaIds(true);
  await b.take(archive.store(sealedLetter(orchard, juliet, "1", await a.send(juliet, "live"))), live);
  archive.store(plainLetter(mercutio, juliet, "2", "missed", ...asking));
  world.clock.time += 1_000;
  await b.catchUp.run(b.connect(archive));
  expect(strangers.getSnapshot().map(({ jid, messages }) => `${jid} ${String(messages)}`)).toEqual([`${mercutio} 1`, `${romeo} 1`]);
  expect(await b.messages()).toEqual([]);
  expect(automatic(b)).toEqual([]);
});

test("accepting moves the messages to the end of the conversation in order, quietly, and later ones go there at once; nothing is told to him", async () => {
  const { a, b, live, strangers, asked, policy } = await ruled({}, separate);
  await b.take(sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("one"), ...asking)), live);
  await b.take(plainLetter(mercutio, juliet, "x", "elsewhere"), live);
  await b.take(sealedLetter(orchard, juliet, "2", await a.sendContent(juliet, body("two"), ...asking)), live);
  await b.ledger.run((tx) => { b.log.append(tx, received("in between", juliet)); });
  const added: string[] = [];
  b.log.onChange(({ message }) => { added.push(message.text); });
  expect(await strangers.accept(romeo, { subscribe: true })).toMatchObject([{ text: "one", attention: "quiet", stranger: true }, { text: "two", position: 3 }]);
  await b.take(sealedLetter(orchard, juliet, "3", await a.sendContent(juliet, body("three"), ...asking)), live);
  expect(added).toEqual(["one", "two", "three"]);
  expect((await b.messages()).at(-1)).toMatchObject({ text: "three", attention: "notify" });
  expect((await b.messages()).at(-1)).not.toHaveProperty("stranger");
  expect(strangers.getSnapshot().map(({ jid }) => jid)).toEqual([mercutio]);
  expect(asked).toEqual([romeo]);
  expect(await policy.reach(romeo)).toMatchObject({ relation: "known" });
  expect(automatic(b)).toEqual([]); // he is accepted, and still knows nothing of it
});

test("F22 accepting asks for nothing and grants nothing unless the user says so", async () => {
  const { b, live, strangers, asked } = await ruled({}, separate);
  await b.take(plainLetter(orchard, juliet, "1", "hello"), live);
  await strangers.accept(romeo);
  expect(asked).toEqual([]);
  await expect(strangers.accept("romeo@example.org/orchard")).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
});

test("writing to somebody in the box is accepting him, and so is adding him to the roster: what he wrote stands before what follows", async () => {
  const roster = new Map<BareJid, Standing>();
  const { b, live, strangers } = await ruled({ contact: (jid) => roster.get(jid) }, separate);
  await b.take(plainLetter(orchard, juliet, "1", "first"), live);
  await b.take(plainLetter(mercutio, juliet, "2", "also"), live);
  await writeTo(b, romeo);
  await b.ledger.run(() => undefined);
  roster.set(mercutio, { subscription: "none", groups: [] });
  await b.take(plainLetter(mercutio, juliet, "3", "then"), live); // before anybody was told of the change
  expect(strangers.getSnapshot()).toEqual([]);
  expect(await b.texts()).toEqual(["mine", "first", "also", "then"]);
  b.gate.met();
});

test("a contact that the roster tells of leaves the box without another message", async () => {
  const roster = new Map<BareJid, Standing>();
  const { b, live, strangers } = await ruled({ contact: (jid) => roster.get(jid) }, separate);
  await b.take(plainLetter(orchard, juliet, "1", "first"), live);
  await b.take(plainLetter(mercutio, juliet, "2", "second"), live);
  b.gate.met();
  await b.ledger.run(() => undefined);
  expect(strangers.getSnapshot()).toHaveLength(2);
  roster.set(romeo, both);
  b.gate.met(romeo);
  await b.ledger.run(() => undefined);
  expect(await b.texts()).toEqual(["first"]);
  expect(strangers.getSnapshot().map(({ jid }) => jid)).toEqual([mercutio]);
});

test("V04 a blocked contact changes nothing: not opened, not logged, not told, no evidence taken, nothing answered, and acknowledged all the same", async () => {
  const blocked = new Set<BareJid>();
  const { a, b, live, archive } = await ruled({ isContact: () => true, isBlocked: (jid) => blocked.has(jid) });
  await writeTo(b, romeo);
  await b.take(sealedLetter(orchard, juliet, "0", await a.sendContent(juliet, body("before"), ...asking)), live);
  expect(automatic(b)).not.toEqual([]);
  b.events.length = b.notified.length = b.followUps.length = 0;
  blocked.add(romeo);
  // The private halves of used prekeys go with each catch-up, whoever wrote.
  const keyMaterial = (): readonly string[] => [...b.disk.rows].filter(([key]) => /^omemo\/(?!2\/prekey)/.test(key)).map(([key, value]) => `${key} ${value.join()}`);
  const keys = keyMaterial();
  await b.take(sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("let me in"), ...asking)), live);
  await b.take(plainLetter(orchard, juliet, "2", "please", ...asking), live);
  await b.take(plainLetter(orchard, juliet, "3", "", encodeReceipt("mine")), live);
  await b.take(plainLetter(orchard, juliet, "4", "", encodeDisplayed("mine")), live);
  archive.store(plainLetter(orchard, juliet, "5", "by the archive", ...asking));
  await b.catchUp.run(b.connect(archive));
  expect(await b.texts()).toEqual(["mine", "before"]);
  expect((await b.messages())[0]?.delivery?.state).toBe("sent");
  expect(b.events.filter(({ kind }) => kind !== "catch-up")).toEqual([]);
  expect(automatic(b)).toEqual([]);
  expect(keyMaterial()).toEqual(keys);
  expect(b.released).toEqual([1, 2, 3, 4, 5]);
});

test("V03 V04 only who sees our presence by the user's will counts as somebody who knows that we are here", async () => {
  const standing = { subscription: "none" as Standing["subscription"], blocked: false, hidden: false };
  const { b } = await ruled({
    contact: (jid) => (jid === romeo ? { subscription: standing.subscription, groups: [] } : undefined), isBlocked: () => standing.blocked, isHidden: () => standing.hidden,
  });
  const sees = (change: Partial<typeof standing>): boolean => {
    Object.assign(standing, { blocked: false, hidden: false }, change);
    return b.gate.seesPresence(romeo);
  };
  expect((["none", "to", "from", "both"] as const).map((subscription) => sees({ subscription }))).toEqual([false, false, true, true]);
  expect([sees({ blocked: true }), sees({ hidden: true }), b.gate.seesPresence(mercutio), b.gate.seesPresence(juliet)]).toEqual([false, false, false, true]);
});

test("V04 a blocked contact's damaged message is no unreadable one", async () => {
  const { b, live } = await ruled({ isBlocked: () => true });
  const letter = plainLetter(orchard, juliet, "1", "");
  await b.take({ ...letter, children: [...letter.children, { name: "encrypted", ns: "urn:xmpp:omemo:2", attrs: {}, children: [] }] }, live);
  expect(await b.messages()).toEqual([]);
  expect(b.events).toEqual([]);
});

test("V03 a contact who does not see our presence gets no receipt, one who does gets it, and the policy can take it away", async () => {
  let subscription: Standing["subscription"] = "to";
  const { a, b, live, policy } = await ruled({ contact: (jid) => (jid === romeo ? { subscription, groups: ["Loud"] } : undefined) });
  const ask = async (id: string): Promise<readonly unknown[]> => {
    b.notified.length = b.followUps.length = 0;
    await b.take(sealedLetter(orchard, juliet, id, await a.sendContent(juliet, body(id), ...asking)), live);
    return b.notified.map((each) => each.split(":")[0]);
  };
  expect(await ask("1")).toEqual([]);
  expect(automatic(b)).toEqual([]); // nor does an empty message complete the key exchange
  subscription = "none";
  expect(await ask("2")).toEqual([]);
  subscription = "both";
  expect(await ask("3")).toEqual([`omemo receipt ${romeo}`]);
  await policy.set({ groups: { Loud: { receipts: false } } });
  expect(await ask("4")).toEqual([]);
});

test("V03 empty messages: a key exchange of a stranger is completed by nothing, and no bundle follows in the same hour; a contact's is both", async () => {
  for (const known of [false, true]) {
    const { a, b, live } = await ruled({ isContact: () => known }, separate);
    await b.take(sealedLetter(orchard, juliet, "1", await a.send(juliet, "hello")), live);
    expect(b.followUps).toEqual(known
      ? [{ kind: "republish-bundle" }, { kind: "send-empty", device: a.address, reason: "key-exchange-accepted", needsPlan: false }]
      : [{ kind: "republish-bundle", unhurried: true }]);
  }
});

test("V03 a stranger whose session we lost causes no request and no message, and no fresh bundle for now; a contact causes a new session", async () => {
  for (const known of [false, true]) {
    const { world, a, b, live } = await ruled({ isContact: () => known });
    await b.take(sealedLetter(orchard, juliet, "0", await a.send(juliet, "hello")), live);
    for (const key of [...b.disk.rows.keys()]) if (/^omemo\/2\/(device|prekey)\//.test(key)) b.disk.rows.delete(key);
    b.followUps.length = world.server.log.length = 0;
    await b.take(sealedLetter(orchard, juliet, "1", await a.send(juliet, "lost")), live);
    expect(b.followUps.map((each) => (each.kind === "send-empty" ? each.reason : { later: each.unhurried === true }))).toEqual(known ? [{ later: false }, "no-session"] : [{ later: true }]);
    expect(world.server.log.filter((line) => line.includes(romeo))).toEqual([]);
  }
});

test("V03 fifty-three messages of a stranger without an answer call for no heartbeat; those of a contact do", async () => {
  for (const known of [false, true]) {
    const { a, b, live } = await ruled({ isContact: () => known }, separate);
    for (let i = 0; i <= 53; i++) await b.take(sealedLetter(orchard, juliet, String(i), await a.send(juliet, String(i))), live);
    expect(b.followUps.filter((each) => each.kind === "send-empty").map(({ reason }) => reason)).toEqual(known ? ["key-exchange-accepted", "heartbeat"] : []);
  }
});

test("V01 V03 a contact to whom the user is hidden gets no receipt, no empty message and no fresh bundle at once, though he was written to", async () => {
  let hidden = true;
  const { a, b, live } = await ruled({ isContact: () => true, isHidden: (jid) => hidden && jid === romeo });
  await writeTo(b, romeo);
  const plan = await b.omemo.prepare([romeo]);
  await b.ledger.run((tx) => b.omemo.seal(tx, plan, [body("written to")], { to: romeo }));
  await b.take(sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("are you there"), ...asking)), live);
  await b.take(plainLetter(orchard, juliet, "2", "hello", ...asking), live);
  expect((await b.messages()).map(({ text }) => text)).toEqual(["mine", "are you there", "hello"]);
  expect(automatic(b)).toEqual([]);
  expect(b.followUps).toEqual([{ kind: "republish-bundle", unhurried: true }]);
  hidden = false;
  await b.take(sealedLetter(orchard, juliet, "3", await a.sendContent(juliet, body("and now"), ...asking)), live);
  expect(b.notified).toHaveLength(1);
});

test("somebody whom the policy ignores is opened, so that the session goes on, and neither shown nor answered", async () => {
  const { a, b, live, policy } = await ruled({ isContact: () => true }, { people: { [romeo]: { message: "ignore" } } });
  for (const id of ["1", "2"]) await b.take(sealedLetter(orchard, juliet, id, await a.sendContent(juliet, body(id), ...asking)), live);
  await b.take(plainLetter(orchard, juliet, "3", "plain", ...asking), live);
  expect(await b.messages()).toEqual([]);
  expect(automatic(b)).toEqual([]);
  await policy.set(undefined);
  await b.take(sealedLetter(orchard, juliet, "4", await a.send(juliet, "heard")), live);
  expect(await b.texts()).toEqual(["heard"]);
});

test("who may disturb when: attention follows the clock at the moment a message comes, also for what waited in the archive", async () => {
  const { world, b, archive, live, policy } = await ruled({ contact: (jid) => ({ subscription: "both", groups: jid === romeo ? ["Family"] : [] }) });
  await policy.set({
    contacts: { message: [{ between: { from: "22:00", until: "07:00", timeZone: "Europe/Rome" }, then: "quiet" }, { then: "notify" }] },
    groups: { Family: { message: "notify" } },
  });
  const tell = async (time: string, from: BareJid, id: string): Promise<void> => {
    world.clock.time = Date.parse(time);
    await b.take(plainLetter(from, juliet, id, id), live);
  };
  await tell("2026-01-05T21:30:00Z", mercutio, "night");
  await tell("2026-01-05T21:31:00Z", romeo, "sister");
  await tell("2026-01-06T06:00:00Z", mercutio, "morning");
  world.clock.time = Date.parse("2026-01-06T22:30:00Z");
  archive.store(plainLetter(mercutio, juliet, "late", "late"));
  world.clock.time = Date.parse("2026-01-07T09:00:00Z");
  await b.catchUp.run(b.connect(archive));
  expect((await b.messages()).map(({ text, attention }) => `${text} ${String(attention)}`)).toEqual(["night quiet", "sister notify", "morning notify", "late notify"]);
});

test("the policy and the box outlive the process: they hold from the first message of the next run on", async () => {
  const { world, a, b, live, strangers } = await ruled({}, { ...separate, contacts: { receipts: false } });
  await b.take(plainLetter(mercutio, juliet, "1", "before"), live);
  const again = await Reception.open(world, juliet, { disk: b.disk });
  const next = again.connect(new ServerArchive(juliet, world.clock), true);
  await again.take(sealedLetter(orchard, juliet, "2", await a.send(juliet, "after")), next);
  expect(await again.messages()).toEqual([]);
  const box = new Strangers(await again.gate.engine(), async () => undefined);
  expect(box.getSnapshot().map(({ jid }) => jid)).toEqual([romeo, mercutio]);
  expect((await ContactPolicy.open(again.gate, again.ledger)).getSnapshot()).toEqual({ ...separate, contacts: { receipts: false } });
  expect(await box.discard(romeo)).toBe(1);
  expect(await box.discard()).toBe(1);
  expect([...b.disk.rows.keys()].filter((key) => key.startsWith("client/strangers/"))).toEqual([]);
  expect(strangers.getSnapshot()).toHaveLength(1); // the former run's view
});

test("D13 rules that cannot be read are told, and closed ones hold until others are set", async () => {
  const { world, b } = await ruled({}, separate);
  b.disk.rows.set("client/contact-policy" as never, new TextEncoder().encode('{"v":1,"rules":{"strangers":{"message":"shout"}}}'));
  const again = await Reception.open(world, juliet, { disk: b.disk, isContact: (jid) => jid === mercutio });
  expect(again.events).toMatchObject([{ kind: "error", error: { code: "ERR_RECORD_INVALID" } }]);
  const next = again.connect(new ServerArchive(juliet, world.clock), true);
  await again.take(plainLetter(orchard, juliet, "1", "stranger"), next);
  await again.take(plainLetter(mercutio, juliet, "2", "contact", ...asking), next);
  expect(await again.texts()).toEqual(["contact"]);
  expect(again.notified).toEqual([]);
  const policy = await ContactPolicy.open(again.gate, again.ledger);
  await policy.set(undefined);
  await again.take(plainLetter(mercutio, juliet, "3", "contact", ...asking), next);
  expect(again.notified).toHaveLength(1);
});

test("rules that cannot hold change nothing, and a change is told", async () => {
  const { policy } = await ruled({}, separate);
  let told = 0;
  policy.subscribe(() => { told += 1; });
  await expect(policy.set({ strangers: { message: "shout" } } as never)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  expect(policy.getSnapshot()).toEqual(separate);
  await policy.set(undefined);
  expect([policy.getSnapshot(), told]).toEqual([undefined, 1]);
});

test("snapshot and subscription are functions that can be handed on, and no call throws before its promise", async () => {
  const { policy, strangers } = await ruled({}, separate);
  const readers = [policy, strangers].map(({ getSnapshot, subscribe }) => { subscribe(() => undefined)(); return getSnapshot(); });
  expect(readers).toEqual([separate, []]);
  for (const call of [policy.reach("@"), strangers.messages("@"), strangers.discard("@"), strangers.accept("@")]) await expect(call).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
});
