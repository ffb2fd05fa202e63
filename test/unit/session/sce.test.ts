/** SCE envelopes against the vectors, and threats E01 to E04. @module */
import { expect, test } from "vitest";
import { utf8, type Bytes } from "../../../src/base/bytes.js";
import { bareJid, parseBareJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { textOf, xml } from "../../../src/base/xml.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { readEnvelope, writeEnvelope, type EnvelopeContext } from "../../../src/session/sce.js";
import { sceEnvelopeCodec } from "../../../src/transport/xep/xep0420.js";
import { body, conversation, FakeClock, juliet, mercutio, romeo, World } from "../../support/omemo-world.js";
import vectors from "../../vectors/stanzas.json" with { type: "json" };

interface VectorContext {
  readonly type: string;
  readonly stanzaFrom: string;
  readonly stanzaTo: string;
  readonly roomJid?: string;
  readonly senderRealBareJid?: string;
  readonly sentAt: string;
}

function contextOf(context: VectorContext): EnvelopeContext {
  const room = context.type === "groupchat";
  const bare = (text: string | undefined): ReturnType<typeof bareJid> => parseBareJid(text ?? "") ?? bareJid("nobody.example");
  return {
    sender: bare(room ? context.senderRealBareJid : context.stanzaFrom),
    expectedTo: bare(room ? context.roomJid : context.stanzaTo),
    toRequired: room,
    stanzaTime: Date.parse(context.sentAt),
  };
}

for (const vector of vectors.envelopes) {
  test(`envelope vector: ${vector.what}`, () => {
    const outcome = readEnvelope(sceEnvelopeCodec, utf8(vector.xml), contextOf(vector.context));
    if (vector.expect === "reject") expect(outcome.kind).toBe("refused");
    else if (vector.expect === "accept") {
      expect(outcome).toMatchObject({ kind: "content", timeSuspicious: false });
      const content = outcome.kind === "content" ? outcome.content : [];
      const expected = (vector as { readonly content?: readonly { name: string; ns: string; text?: string }[] }).content ?? [];
      expect(content.map(({ name, ns }) => ({ name, ns }))).toEqual(expected.map(({ name, ns }) => ({ name, ns })));
      for (const [i, { text }] of expected.entries()) {
        const element = content[i];
        if (text !== undefined) expect(element === undefined ? undefined : textOf(element)).toBe(text);
      }
    } else expect(outcome).toMatchObject({ kind: "content", timeSuspicious: true });
  });
}

const clock = new FakeClock();
const sender = {
  account: romeo, provider: nobleProvider, rng: systemRng(), clock, profile: omemo2Profile,
  keys: new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2"), emit: () => undefined,
};
const around: EnvelopeContext = { sender: romeo, expectedTo: juliet, toRequired: false, stanzaTime: clock.now() };

test("E01 E02 E03 E04 from, to, time and padding are always sent", () => {
  const lengths = new Set<number>();
  const characters = new Set<string>();
  for (let i = 0; i < 200; i++) {
    const envelope = sceEnvelopeCodec.decode(writeEnvelope(sender, sceEnvelopeCodec, [body("hi")], juliet));
    expect(envelope).toMatchObject({ from: romeo, to: juliet, time: "2026-01-02T03:04:05.000Z" });
    expect(envelope?.rpad).toMatch(/^[A-Za-z0-9_-]{0,200}$/);
    lengths.add(envelope?.rpad?.length ?? 0);
    for (const character of envelope?.rpad ?? "") characters.add(character);
  }
  expect(lengths.size).toBeGreaterThan(60);
  expect(Math.min(...lengths)).toBeLessThan(50);
  expect(Math.max(...lengths)).toBeGreaterThan(150);
  expect(characters.size).toBe(64);
});

test.each([[0, 0], [200, 200], [201, 0]])("E01 the padding has 0 to 200 characters, each length as likely: the number %i is a length of %i", (drawn, length) => {
  let first = true;
  const rng = (count: number): Bytes => {
    const bytes = new Uint8Array(count);
    if (first) bytes[3] = drawn;
    first = false;
    return bytes;
  };
  expect(sceEnvelopeCodec.decode(writeEnvelope({ ...sender, rng }, sceEnvelopeCodec, [body("hi")], juliet))?.rpad).toHaveLength(length);
});

test("E01 a from that differs from the sender is refused with its own code", () => {
  const plaintext = writeEnvelope(sender, sceEnvelopeCodec, [body("hi")], juliet);
  expect(readEnvelope(sceEnvelopeCodec, plaintext, around).kind).toBe("content");
  expect(readEnvelope(sceEnvelopeCodec, plaintext, { ...around, sender: juliet })).toEqual({ kind: "refused", code: "ERR_ENVELOPE_FROM" });
});

test("E02 a to that differs from us is refused in one-to-one chats too, and a missing one in rooms", () => {
  const plaintext = writeEnvelope(sender, sceEnvelopeCodec, [body("hi")], juliet);
  expect(readEnvelope(sceEnvelopeCodec, plaintext, { ...around, expectedTo: romeo })).toEqual({ kind: "refused", code: "ERR_ENVELOPE_TO" });
  const without = sceEnvelopeCodec.encode({ content: [body("hi")], from: romeo });
  expect(readEnvelope(sceEnvelopeCodec, without, around).kind).toBe("content");
  expect(readEnvelope(sceEnvelopeCodec, without, { ...around, toRequired: true })).toEqual({ kind: "refused", code: "ERR_ENVELOPE_TO" });
});

test("E01 E02 F21 addresses inside the envelope are compared as prepared ones, and what is no address is nobody's", () => {
  const read = (from: string, to: string): ReturnType<typeof readEnvelope> =>
    readEnvelope(sceEnvelopeCodec, sceEnvelopeCodec.encode({ content: [body("hi")], from, to }), around);
  expect(read("Romeo@EXAMPLE.org", "JULIET@example.ORG").kind).toBe("content");
  for (const none of ["", "@", "romeo@", `${romeo}/`]) {
    expect(read(none, juliet)).toEqual({ kind: "refused", code: "ERR_ENVELOPE_FROM" });
    expect(read(romeo, none)).toEqual({ kind: "refused", code: "ERR_ENVELOPE_TO" });
  }
});

test("E05 what only servers act on, and what has no namespace of its own, leaves no envelope", () => {
  const outside = ["urn:xmpp:hints", "urn:xmpp:sid:0", "http://jabber.org/protocol/address", "urn:xmpp:eme:0", "urn:xmpp:sce:1", ""];
  const content = [...outside.map((ns) => xml(ns, "anything")), body("hi")];
  const plaintext = sceEnvelopeCodec.encode({ content, from: romeo, to: juliet });
  expect(sceEnvelopeCodec.decode(plaintext)?.content.map(({ ns }) => ns)).toEqual([...outside, "jabber:client"]);
  expect(readEnvelope(sceEnvelopeCodec, plaintext, around)).toMatchObject({ kind: "content", content: [{ name: "body" }] });
});

test("E03 a live message more than ten minutes off is flagged, an archived one is compared with its own time", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const [one, two, three] = [await a.send(juliet, "1"), await a.send(juliet, "2"), await a.send(juliet, "3")];
  const sentAt = world.clock.now();
  world.clock.time += 10 * 60 * 1000;
  expect(await b.open(romeo, one)).toMatchObject({ sentAt, timeSuspicious: false });
  world.clock.time += 1;
  expect(await b.open(romeo, two)).toMatchObject({ sentAt, timeSuspicious: true });
  expect(await b.open(romeo, three, { stanzaTime: sentAt })).toMatchObject({ timeSuspicious: false });
});

test("E03 a message from more than ten minutes ahead is flagged as one from the past is", () => {
  const plaintext = writeEnvelope(sender, sceEnvelopeCodec, [body("hi")], juliet);
  const flagged = (offset: number): unknown => readEnvelope(sceEnvelopeCodec, plaintext, { ...around, stanzaTime: clock.now() + offset });
  for (const offset of [-600_000, 600_000]) expect(flagged(offset)).toMatchObject({ timeSuspicious: false });
  for (const offset of [-600_001, 600_001]) expect(flagged(offset)).toMatchObject({ timeSuspicious: true });
});

test("E02 a carbon of our own message names the contact, not us", async () => {
  const world = new World();
  const [r1, r2] = [await world.device(romeo), await world.device(romeo)];
  await world.device(juliet);
  const [one, two] = [await r1.send(juliet, "1"), await r1.send(juliet, "2")];
  expect(await r2.open(romeo, one, { to: juliet })).toMatchObject({ kind: "content" });
  expect(await r2.open(romeo, two, { to: romeo })).toMatchObject({ kind: "failed", code: "ERR_ENVELOPE_TO", stepKept: true });
});

test("E02 what a contact wrote to somebody else is refused, whomever the stanza around it names", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const plan = await a.omemo.prepare([juliet]);
  const redirected = await a.ledger.run((tx) => a.omemo.seal(tx, plan, [body("to mercutio")], { to: mercutio }));
  if (redirected.kind !== "sealed") throw new RangeError("not sealed");
  expect(await b.open(romeo, redirected.message, { to: mercutio })).toMatchObject({ kind: "failed", code: "ERR_ENVELOPE_TO" });
  expect(await b.open(romeo, await a.send(juliet, "to juliet"), { to: mercutio })).toMatchObject({ kind: "content" });
});

test("E01 R06 in a session that goes on, a message that names another sender inside is refused, and its key is spent", async () => {
  const world = new World();
  let from: string = romeo;
  const a = await world.device(romeo, { codec: { ...sceEnvelopeCodec, encode: (envelope) => sceEnvelopeCodec.encode({ ...envelope, from }) } });
  const b = await world.device(juliet);
  expect((await b.open(romeo, await a.send(juliet, "first"))).kind).toBe("content");
  from = mercutio;
  const forged = await a.send(juliet, "by mercutio");
  expect(await b.open(romeo, forged)).toMatchObject({ kind: "failed", code: "ERR_ENVELOPE_FROM", stepKept: true });
  expect((await b.open(romeo, forged)).kind).toBe("duplicate");
});

test("E01 R26 an envelope that does not say who wrote it is read, and ties no key to the address", async () => {
  const world = new World();
  const a = await world.device(romeo, { codec: { ...sceEnvelopeCodec, encode: ({ content, to }) => sceEnvelopeCodec.encode({ content, ...(to === undefined ? {} : { to }) }) } });
  const b = await world.device(juliet);
  expect(await b.open(romeo, await a.send(juliet, "who am I?"))).toMatchObject({ kind: "content", trust: "undecided" });
  expect(b.events.filter(({ kind }) => kind === "key-seen")).toEqual([]);
  expect([...b.disk.rows.keys()].filter((key) => key.startsWith("omemo/trust/romeo"))).toEqual([]);
});
