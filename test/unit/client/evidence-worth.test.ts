/** What receipts, markers and stamps are worth by where they come from, and how much of them one message may bring: threats F14, F19, V03, H06. */
import { expect, test } from "vitest";
import { serializeXml, type XmlElement } from "../../../src/base/xml.js";
import { readContent } from "../../../src/client/receive/content.js";
import { takeEvidence } from "../../../src/client/receive/evidence.js";
import { openArchived } from "../../../src/client/receive/letter.js";
import { encodeReceipt, receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed } from "../../../src/transport/xep/xep0333.js";
import { append, openLog, sent } from "../../support/log-world.js";
import { body, juliet, romeo } from "../../support/omemo-world.js";
import { carbon, plainLetter, sealedLetter } from "../../support/reception.js";
import { scene } from "../../support/reception-scene.js";

const orchard = `${romeo}/orchard`;

test.each([
  ["trusted", undefined, { state: "delivered", archived: false, authenticated: true }],
  ["authenticated", "authenticated", { state: "delivered", archived: false, authenticated: true }],
  ["distrusted", "distrusted", { state: "sent", archived: false }],
] as const)("F14 a receipt inside the encryption of a device whose key is %s", async (level, decision, delivery) => {
  const { a, b, live } = await scene({ isContact: () => true });
  await b.take(sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("before"))), live);
  const [device] = await b.omemo.devices(romeo);
  if (decision !== undefined) await b.omemo.setTrust(romeo, device?.identityKey as Uint8Array, decision);
  await append(b, sent("mine"));
  await b.take(sealedLetter(orchard, juliet, "2", await a.sendContent(juliet, encodeReceipt("mine"), body("has it come?"), receiptRequest())), live);
  const messages = await b.messages();
  expect(messages.at(-1)).toMatchObject({ text: "has it come?", security: { level } });
  expect(messages.find(({ id }) => id === "mine")?.delivery).toEqual(delivery);
  expect(b.notified.length).toBe(level === "distrusted" ? 0 : 1); // nor is anything told to it
});

test("F14 E11 a receipt inside the encryption of a device that nobody has decided about proves less, and what that device asks for goes to it encrypted", async () => {
  const { world, a, b, live } = await scene({ isContact: () => true });
  await b.take(sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("before"))), live);
  await b.omemo.setTrust(romeo, a.omemo.self.identityKey, "authenticated");
  const another = await world.device(romeo);
  await append(b, sent("mine"));
  await b.take(sealedLetter(orchard, juliet, "2", await another.sendContent(juliet, encodeReceipt("mine"), body("has it come?"), receiptRequest())), live);
  const messages = await b.messages();
  expect(messages.at(-1)).toMatchObject({ text: "has it come?", security: { level: "undecided" } });
  expect(messages.find(({ id }) => id === "mine")?.delivery).toEqual({ state: "delivered", archived: false, authenticated: false });
  expect(b.notified.map((each) => each.split(":")[0])).toEqual([`omemo receipt ${romeo}`]);
});

test("E11 of a page with messages in clear text and encrypted ones, each receipt travels as its message did", async () => {
  const { a, b, archive } = await scene({ isContact: () => true });
  archive.store(plainLetter(orchard, juliet, "clear 1", "in clear", receiptRequest()));
  archive.store(sealedLetter(orchard, juliet, "sealed", await a.sendContent(juliet, body("encrypted"), receiptRequest())));
  archive.store(plainLetter(orchard, juliet, "clear 2", "in clear", receiptRequest()));
  await b.catchUp.run(b.connect(archive));
  const receipt = (...ids: readonly string[]): string => ids.map((id) => serializeXml(encodeReceipt(id))).join("");
  expect(b.notified).toEqual([`none receipt ${romeo}: ${receipt("clear 1", "clear 2")}`, `omemo receipt ${romeo}: ${receipt("sealed")}`]);
});

test("V03 a headline asks for no receipt: nobody waits for the answer to an event", async () => {
  const { b, live } = await scene({ isContact: () => true });
  const letter = plainLetter(orchard, juliet, "1", "the news", receiptRequest());
  await b.take({ ...letter, attrs: { ...letter.attrs, type: "headline" } }, live);
  expect(b.notified).toEqual([]);
  await b.take({ ...letter, attrs: { ...letter.attrs, id: "2" } }, live);
  expect(b.notified).toHaveLength(1);
});

test("F14 H06 one message brings two hundred receipts at most, and a marker reaches back over a hundred messages", async () => {
  const ids = Array.from({ length: 201 }, (_, i) => `m${String(i)}`);
  expect(readContent(ids.map(encodeReceipt)).received).toEqual(ids.slice(0, 200));
  expect(readContent(ids.map(encodeDisplayed)).displayed).toEqual(ids.slice(0, 200));
  const world = await openLog();
  await append(world, ...ids.map((id) => sent(id)));
  await world.ledger.run((tx) => takeEvidence(tx, world.log, readContent([encodeDisplayed("m200")]), { from: romeo, authenticated: true }));
  const shown = (await world.log.page({ limit: 500 })).filter(({ delivery }) => delivery?.state === "displayed").map(({ id }) => id);
  expect(shown).toEqual(ids.slice(100));
});

test("F14 F15 Q01 a message that came back is corrected by a message of its addressee alone: not by others, own devices, rooms, errors or older history", async () => {
  const { b, archive, live } = await scene({ isContact: () => true });
  const refused = { state: "failed", archived: false, error: { code: "ERR_MESSAGE_REFUSED", retryable: true } } as const;
  await append(b, sent("mine", romeo, "failed", { delivery: refused }));
  const says = (from: string | undefined, type = "chat", to: string = juliet): XmlElement => {
    const letter = plainLetter(from, to, `by ${from ?? ""} ${type}`, "it has come", encodeReceipt("mine"), encodeDisplayed("mine"));
    return { ...letter, attrs: { ...letter.attrs, type } };
  };
  const state = async (): Promise<unknown> => (await b.messages()).find(({ id }) => id === "mine")?.delivery;
  const forged = [
    says("mercutio@example.org/tower"), says(`${juliet}/chamber`), says(undefined), says(`${juliet}/chamber`, "chat", orchard), says("room@muc.example.org/romeo", "groupchat"),
    says(orchard, "groupchat"), says(orchard, "error"), carbon("sent", juliet, `${juliet}/balcony`, says(`${juliet}/chamber`, "chat", orchard)),
    carbon("received", "mercutio@example.org", `${juliet}/balcony`, says(orchard)),
  ];
  for (const stanza of forged) await b.take(stanza, live);
  for (const stanza of forged.slice(0, 6)) archive.store(stanza);
  await b.catchUp.run(b.connect(archive));
  const older = { id: "older", stamp: 1, stanza: says(orchard) };
  await b.receiver.takePage([older], { older: true, commit: () => undefined });
  expect(await state()).toEqual(refused);
  archive.store(says(orchard));
  await b.catchUp.run(b.connect(archive));
  expect(await state()).toEqual({ state: "displayed", archived: false, authenticated: false });
});

test("F19 an archive that stamps a message with a time to come has stored it now", () => {
  const around = { account: juliet, now: 1_000_000, stanzaIdsTrusted: true };
  const stamped = (stamp: number): number | undefined => openArchived({ id: "a1", stamp, stanza: plainLetter(orchard, juliet, "1", "hello") }, around)?.storedAt;
  expect([999_999, 1_000_000, 1_000_001, 9e15].map(stamped)).toEqual([999_999, 1_000_000, 1_000_000, 1_000_000]);
});
