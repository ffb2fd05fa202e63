/** What is inside the encryption, what stands beside it, and what came without any: none is taken for another. */
import { expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import { markable } from "../../../src/transport/xep/xep0333.js";
import { receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { body, juliet, mercutio, romeo } from "../../support/omemo-world.js";
import { plainLetter, sealedLetter } from "../../support/reception.js";
import { scene, type Scene } from "../../support/reception-scene.js";

const orchard = `${romeo}/orchard`;

test("E03 the time inside is held against when our server got the message, or against now, whatever others stamp on it; the log has the flag", async () => {
  const { world, a, b, archive, live } = await scene();
  const written = new Date(world.clock.now()).toISOString();
  const letter = async (id: string): Promise<XmlElement> => sealedLetter(orchard, juliet, id, await a.sendContent(juliet, body(id)));
  const stamped = (stanza: XmlElement, from: string): XmlElement =>
    ({ ...stanza, children: [...stanza.children, xml("urn:xmpp:delay", "delay", { from, stamp: written })] });
  const [inTime, replayed, live1, live2, live3] = [await letter("archived in time"), await letter("archived late"), await letter("live"), await letter("stored by our server"), await letter("stamped by the sender")];
  archive.store(inTime);
  world.clock.time += 11 * 60_000;
  archive.store(replayed);
  await b.catchUp.run(b.connect(archive));
  await b.take(live1, live);
  await b.take(stamped(live2, "example.org"), live);
  await b.take(stamped(live3, romeo), live);
  expect((await b.messages()).map(({ text, security }) => [text, "timeSuspicious" in security && security.timeSuspicious])).toEqual([
    ["archived in time", false], ["archived late", true], ["live", true], ["stored by our server", false], ["stamped by the sender", true],
  ]);
});

test("E05 what servers decide is ignored inside the encryption: ids, delays, copies, errors and further encryption", async () => {
  const { a, b, live } = await scene({ isContact: () => true });
  const inner = [
    xml("urn:xmpp:sid:0", "stanza-id", { id: "planted", by: juliet }), xml("urn:xmpp:sid:0", "origin-id", { id: "planted" }),
    xml("urn:xmpp:delay", "delay", { from: juliet, stamp: "2001-01-01T00:00:00Z" }), xml("jabber:client", "error", { type: "cancel" }),
    xml("urn:xmpp:carbons:2", "received", {}, xml("urn:xmpp:forward:0", "forwarded", {}, plainLetter(mercutio, juliet, "copied", "never written"))),
    xml("urn:xmpp:omemo:2", "encrypted", {}), xml("urn:xmpp:hints", "no-store", {}),
    xml("urn:example:other", "body", {}, "of another kind"), xml("urn:example:other", "wrapped", {}, body("never written"), receiptRequest(), markable()),
  ];
  await b.take(sealedLetter(orchard, juliet, "outer", await a.sendContent(juliet, ...inner, body("what was written"))), live);
  const [message, ...others] = await b.log.page();
  expect(others).toEqual([]);
  expect(message).toMatchObject({ id: "outer", from: romeo, conversation: romeo, text: "what was written", security: { level: "trusted" } });
  expect(message).not.toHaveProperty("archivedAt");
  expect(b.notified).toEqual([]);
});

test("E06 what stands in clear beside a payload is nothing: neither its text, nor what it asks for", async () => {
  const { a, b, live } = await scene({ isContact: () => true });
  const letter = sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("what was written")));
  const beside = [body("what the server says"), receiptRequest(), markable()];
  await b.take({ ...letter, children: [...beside, ...letter.children.filter((child) => typeof child === "string" || child.name !== "body")] }, live);
  expect(await b.texts()).toEqual(["what was written"]);
  expect(b.notified).toEqual([]);
  await b.take(sealedLetter(orchard, juliet, "2", await a.sendContent(juliet, body("asks for a marker"), markable())), live);
  const asks = (await b.messages()).map(async ({ position }) => (await b.ledger.read((tx) => b.log.record(tx, position)))?.extras.markable);
  expect(await Promise.all(asks)).toEqual([undefined, true]);
});

const namespace = "urn:xmpp:omemo:2";

test.each<readonly [what: string, spoil: (message: EncryptedMessage, scene: Scene) => EncryptedMessage | Promise<EncryptedMessage>, from: string, shown: readonly string[]]>([
  ["belongs to other keys", (message) => ({ ...message, payload: new Uint8Array(32) }), orchard, ["ERR_PAYLOAD_INVALID"]],
  ["is for other devices", (message) => ({ ...message, keys: [] }), orchard, ["not-for-this-device"]],
  ["was read before", async (message, { b, live }) => {
    await b.take(sealedLetter(orchard, juliet, "0", message), live);
    return message;
  }, orchard, ["what was written"]],
  ["is none", (_, { a, b }) => a.sendEmpty(b.omemo.self.address), orchard, []],
  ["bears the name of this device", (message, { b }) => ({ ...message, sid: b.omemo.self.address.deviceId }), `${juliet}/elsewhere`, []],
])("E06 a body in clear beside a payload that %s is not shown, and what it asks for is not done", async (_, spoil, from, shown) => {
  const stage = await scene({ isContact: () => true });
  const { a, b, live } = stage;
  const letter = sealedLetter(from, from === orchard ? juliet : romeo, "1", await spoil(await a.sendContent(juliet, body("what was written")), stage));
  await b.take({ ...letter, children: [body("what the server says"), receiptRequest(), markable(), ...letter.children] }, live);
  expect(await b.texts()).toEqual(shown);
  expect(b.notified).toEqual([]);
});

test.each([
  ["without a header", xml(namespace, "encrypted")], ["of an older version, without a header", xml("eu.siacs.conversations.axolotl", "encrypted")],
  ["of an older version", xml("eu.siacs.conversations.axolotl", "encrypted", {}, xml("eu.siacs.conversations.axolotl", "header", { sid: 1 }), xml("eu.siacs.conversations.axolotl", "payload", {}, "AAAA"))],
])("E06 T18 a body in clear beside an encrypted element %s is a fallback, and not shown", async (_, encrypted) => {
  const { b, live } = await scene({ isContact: () => true });
  await b.take(plainLetter(orchard, juliet, "1", "what the server says", encrypted, receiptRequest()), live);
  expect((await b.messages()).map(({ text, security, unreadable }) => [text, security.level, unreadable === undefined])).toEqual([["", "unknown", false]]);
  expect(b.notified).toEqual([]);
});

test("what the hint about the encryption says makes nothing encrypted, and nothing clear", async () => {
  const { a, b, live } = await scene();
  const hint = (of: string): XmlElement => xml("urn:xmpp:eme:0", "encryption", { namespace: of, name: "OMEMO" });
  await b.take(plainLetter(orchard, juliet, "1", "in clear", hint(namespace)), live);
  const sealed = sealedLetter(orchard, juliet, "2", await a.sendContent(juliet, body("encrypted")));
  await b.take({ ...sealed, children: sealed.children.map((child) => (typeof child !== "string" && child.ns === "urn:xmpp:eme:0" ? hint("urn:xmpp:openpgp:0") : child)) }, live);
  expect((await b.messages()).map(({ text, security: { level } }) => [text, level])).toEqual([["in clear", "none"], ["encrypted", "trusted"]]);
});

test("T15 F17 a message of type groupchat is no message here, encrypted or not: nothing is shown, answered or decrypted", async () => {
  const { a, b, live } = await scene({ isContact: () => true });
  const room = (stanza: XmlElement): XmlElement => ({ ...stanza, attrs: { ...stanza.attrs, type: "groupchat" } });
  const sealed = sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("what was written"), receiptRequest()));
  await b.take(room(sealed), live);
  await b.take(room(plainLetter(orchard, juliet, "2", "in clear", receiptRequest())), live);
  expect([await b.texts(), b.notified, b.followUps]).toEqual([[], [], []]);
  await b.take(sealed, live);
  expect(await b.texts()).toEqual(["what was written"]);
});

test("T06 a message in clear text between encrypted ones is marked as such, and takes nothing of their trust", async () => {
  const { a, b, live } = await scene({ isContact: () => true });
  await b.take(sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("before"))), live);
  await b.take(plainLetter(orchard, juliet, "clear", "meet me at the tomb"), live);
  await b.take(sealedLetter(orchard, juliet, "3", await a.sendContent(juliet, body("after"))), live);
  const messages = await b.log.page();
  expect(messages.map(({ text, security: { level } }) => [text, level])).toEqual([["before", "trusted"], ["meet me at the tomb", "none"], ["after", "trusted"]]);
  expect(messages[1]?.security).toEqual({ level: "none" });
});
