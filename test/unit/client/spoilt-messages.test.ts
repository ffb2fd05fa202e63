/** Messages that break a limit of the parser, taken in (docs/decisions/0015-spoilt-stanzas.md): threats P09, P12, F03, F10, Q16, V04. */
import { expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { spoiltStanza } from "../../../src/transport/xml/spoilt.js";
import { juliet, mercutio, romeo, World } from "../../support/omemo-world.js";
import { carbon, plainLetter, Reception, type ReceptionOptions, ServerArchive, withStanzaId } from "../../support/reception.js";
import type { Connection } from "../../../src/client/link.js";

const street = `${mercutio}/street`;
const odd = (id: string, from: string | undefined = street, to: string = juliet): XmlElement =>
  plainLetter(from, to, id, "hi", receiptRequest(), xml("urn:xmpp:chat-markers:0", "markable"), xml("urn:x", "x"));

async function scene(options: ReceptionOptions = {}): Promise<{ readonly b: Reception; readonly archive: ServerArchive; readonly live: Connection }> {
  const world = new World();
  const b = await Reception.open(world, juliet, options);
  const archive = new ServerArchive(juliet, world.clock);
  const live = b.connect(archive);
  await b.catchUp.run(live);
  return { b, archive, live };
}

test("P12 Q16 it is a place in the log that says why, asks for nothing and is acknowledged; the next message is read", async () => {
  const { b, archive, live } = await scene({ isContact: () => true });
  await b.take(spoiltStanza(archive.store(odd("1"))), live);
  await b.take(archive.store(plainLetter(street, juliet, "2", "next")), live);
  expect(await b.texts()).toEqual(["ERR_STANZA_INVALID", "next"]);
  expect((await b.messages())[0]).toMatchObject({ from: mercutio, id: "1", text: "", direction: "received", security: { level: "unknown" } });
  expect(b.events.filter(({ kind }) => kind === "unreadable")).toEqual([{ kind: "unreadable", from: mercutio, id: "1", reason: "ERR_STANZA_INVALID" }]);
  expect([b.notified, b.released]).toEqual([[], [1, 2]]);
});

test("P12 F10 the archive tells it again under the id that it came with: one place", async () => {
  const { b, archive, live } = await scene();
  const stored = archive.store(odd("1"));
  archive.messages[0] = { ...archive.messages[0] as (typeof archive.messages)[number], stanza: spoiltStanza(odd("1")) };
  await b.take(spoiltStanza(stored), live);
  const later = b.connect(archive);
  await b.catchUp.run(later);
  expect(await b.texts()).toEqual(["ERR_STANZA_INVALID"]);
});

test("P12 from the archive it takes its place, and the cursor passes it", async () => {
  const { b, archive } = await scene();
  for (const id of ["1", "2"]) archive.store(plainLetter(street, juliet, id, id));
  archive.messages[0] = { ...archive.messages[0] as (typeof archive.messages)[number], stanza: spoiltStanza(odd("1")) };
  await b.catchUp.run(b.connect(archive));
  expect([await b.texts(), b.cursor.place?.id]).toEqual([["ERR_STANZA_INVALID", "2"], archive.messages[1]?.id]);
});

test("P12 F03 a copy of one is one in the conversation that it belongs to; who forges a copy gets nothing", async () => {
  const { b, live } = await scene();
  await b.take(spoiltStanza(carbon("sent", juliet, `${juliet}/balcony`, odd("1", `${juliet}/phone`, romeo))), live);
  await b.take(spoiltStanza(carbon("sent", street, `${juliet}/balcony`, odd("2", `${juliet}/phone`, romeo))), live);
  expect((await b.messages()).map(({ conversation, direction, unreadable }) => [conversation, direction, unreadable])).toEqual([[romeo, "sent", "ERR_STANZA_INVALID"]]);
});

test("P12 V04 from somebody who is blocked, and as a headline, it leaves nothing but its acknowledgement", async () => {
  const { b, live } = await scene({ isBlocked: (jid) => jid === mercutio });
  await b.take(spoiltStanza(withStanzaId(odd("1"), juliet, "a1")), live);
  const headline = odd("2", `${romeo}/orchard`);
  await b.take(spoiltStanza({ ...headline, attrs: { ...headline.attrs, type: "headline" } }), live);
  expect([await b.texts(), b.events.filter(({ kind }) => kind === "unreadable"), b.released]).toEqual([[], [], [1, 2]]);
});
