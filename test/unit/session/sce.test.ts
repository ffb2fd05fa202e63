/** SCE envelopes against the vectors, and threats E01 to E04. @module */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { bareJid, parseBareJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { textOf } from "../../../src/base/xml.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { readEnvelope, writeEnvelope, type EnvelopeContext } from "../../../src/session/sce.js";
import { sceEnvelopeCodec } from "../../../src/transport/xep/xep0420.js";
import { body, conversation, FakeClock, juliet, romeo, World } from "../../support/omemo-world.js";
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
  for (let i = 0; i < 200; i++) {
    const envelope = sceEnvelopeCodec.decode(writeEnvelope(sender, sceEnvelopeCodec, [body("hi")], juliet));
    expect(envelope).toMatchObject({ from: romeo, to: juliet, time: "2026-01-02T03:04:05.000Z" });
    expect(envelope?.rpad).toMatch(/^[A-Za-z0-9_-]{0,200}$/);
    lengths.add(envelope?.rpad?.length ?? 0);
  }
  expect(lengths.size).toBeGreaterThan(60);
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

test("E03 a live message more than ten minutes off is flagged, an archived one is compared with its own time", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const [one, two, three] = [await a.send(juliet, "1"), await a.send(juliet, "2"), await a.send(juliet, "3")];
  const sentAt = world.clock.now();
  world.clock.time += 10 * 60 * 1000;
  expect(await b.open(romeo, one)).toMatchObject({ sentAt, timeSuspicious: false });
  world.clock.time += 1;
  expect(await b.open(romeo, two)).toMatchObject({ sentAt, timeSuspicious: true });
  expect(await b.open(romeo, three, { stanzaTime: sentAt, live: false })).toMatchObject({ timeSuspicious: false });
});

test("E02 a carbon of our own message names the contact, not us", async () => {
  const world = new World();
  const [r1, r2] = [await world.device(romeo), await world.device(romeo)];
  await world.device(juliet);
  const [one, two] = [await r1.send(juliet, "1"), await r1.send(juliet, "2")];
  expect(await r2.open(romeo, one, { to: juliet })).toMatchObject({ kind: "content" });
  expect(await r2.open(romeo, two, { to: romeo })).toMatchObject({ kind: "failed", code: "ERR_ENVELOPE_TO", stepKept: true });
});
