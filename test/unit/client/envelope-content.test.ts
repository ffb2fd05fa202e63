/** What is inside the encryption, what stands beside it, and what came without any: none is taken for another. */
import { expect, test } from "vitest";
import { xml } from "../../../src/base/xml.js";
import { markable } from "../../../src/transport/xep/xep0333.js";
import { receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { body, juliet, mercutio, romeo } from "../../support/omemo-world.js";
import { plainLetter, sealedLetter } from "../../support/reception.js";
import { scene } from "../../support/reception-scene.js";

const orchard = `${romeo}/orchard`;

test("E05 what servers decide is ignored inside the encryption: ids, delays, copies, errors and further encryption", async () => {
  const { a, b, live } = await scene({ isContact: () => true });
  const inner = [
    xml("urn:xmpp:sid:0", "stanza-id", { id: "planted", by: juliet }), xml("urn:xmpp:sid:0", "origin-id", { id: "planted" }),
    xml("urn:xmpp:delay", "delay", { from: juliet, stamp: "2001-01-01T00:00:00Z" }), xml("jabber:client", "error", { type: "cancel" }),
    xml("urn:xmpp:carbons:2", "received", {}, xml("urn:xmpp:forward:0", "forwarded", {}, plainLetter(mercutio, juliet, "copied", "never written"))),
    xml("urn:xmpp:omemo:2", "encrypted", {}), xml("urn:xmpp:hints", "no-store", {}),
  ];
  await b.take(sealedLetter(orchard, juliet, "outer", await a.sendContent(juliet, ...inner, body("what was written"))), live);
  const [message, ...others] = await b.log.page();
  expect(others).toEqual([]);
  expect(message).toMatchObject({ id: "outer", from: romeo, conversation: romeo, text: "what was written", security: { level: "trusted" } });
  expect(message).not.toHaveProperty("archivedAt");
});

test("E06 what stands in clear beside a payload is nothing: neither its text, nor what it asks for", async () => {
  const { a, b, live } = await scene({ isContact: () => true });
  const letter = sealedLetter(orchard, juliet, "1", await a.sendContent(juliet, body("what was written")));
  const beside = [body("what the server says"), receiptRequest(), markable()];
  await b.take({ ...letter, children: [...beside, ...letter.children.filter((child) => typeof child === "string" || child.name !== "body")] }, live);
  expect(await b.texts()).toEqual(["what was written"]);
  expect(b.notified).toEqual([]);
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
