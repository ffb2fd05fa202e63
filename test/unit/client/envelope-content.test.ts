/** What is inside the encryption, what stands beside it, and what came without any: none is taken for another. */
import { expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import type { Connection } from "../../../src/client/link.js";
import { markable } from "../../../src/transport/xep/xep0333.js";
import { receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { body, juliet, mercutio, romeo, World, type TestDevice } from "../../support/omemo-world.js";
import { plainLetter, Reception, sealedLetter, ServerArchive } from "../../support/reception.js";

interface Scene { readonly a: TestDevice; readonly b: Reception; readonly live: Connection }

/** Romeo writes, Juliet receives, live. */
async function scene(): Promise<Scene> {
  const world = new World();
  const a = await world.device(romeo);
  const b = await Reception.open(world, juliet, { isContact: () => true });
  await b.omemo.announce();
  const live = b.connect(new ServerArchive(juliet, world.clock));
  await b.catchUp.run(live);
  return { a, b, live };
}

async function sealed({ a }: Scene, id: string, ...content: readonly XmlElement[]): Promise<XmlElement> {
  const plan = await a.omemo.prepare([juliet]);
  const outcome = await a.ledger.run((tx) => a.omemo.seal(tx, plan, content, { to: juliet }));
  if (outcome.kind !== "sealed") throw new RangeError("not sealed");
  return sealedLetter(`${romeo}/orchard`, juliet, id, outcome.message);
}

test("E05 what servers decide is ignored inside the encryption: ids, delays, copies, errors and further encryption", async () => {
  const s = await scene();
  const inner = [
    xml("urn:xmpp:sid:0", "stanza-id", { id: "planted", by: juliet }), xml("urn:xmpp:sid:0", "origin-id", { id: "planted" }),
    xml("urn:xmpp:delay", "delay", { from: juliet, stamp: "2001-01-01T00:00:00Z" }), xml("jabber:client", "error", { type: "cancel" }),
    xml("urn:xmpp:carbons:2", "received", {}, xml("urn:xmpp:forward:0", "forwarded", {}, plainLetter(mercutio, juliet, "copied", "never written"))),
    xml("urn:xmpp:omemo:2", "encrypted", {}), xml("urn:xmpp:hints", "no-store", {}),
  ];
  await s.b.take(await sealed(s, "outer", ...inner, body("what was written")), s.live);
  const [message, ...others] = await s.b.log.page();
  expect(others).toEqual([]);
  expect(message).toMatchObject({ id: "outer", from: romeo, conversation: romeo, text: "what was written", security: { level: "trusted" } });
  expect(message).not.toHaveProperty("archivedAt");
});

test("E06 what stands in clear beside a payload is nothing: neither its text, nor what it asks for", async () => {
  const s = await scene();
  const letter = await sealed(s, "1", body("what was written"));
  const beside = [body("what the server says"), receiptRequest(), markable()];
  await s.b.take({ ...letter, children: [...beside, ...letter.children.filter((child) => typeof child === "string" || child.name !== "body")] }, s.live);
  expect(await s.b.texts()).toEqual(["what was written"]);
  expect(s.b.notified).toEqual([]);
});

test("T06 a message in clear text between encrypted ones is marked as such, and takes nothing of their trust", async () => {
  const s = await scene();
  await s.b.take(await sealed(s, "1", body("before")), s.live);
  await s.b.take(plainLetter(`${romeo}/orchard`, juliet, "clear", "meet me at the tomb"), s.live);
  await s.b.take(await sealed(s, "3", body("after")), s.live);
  const messages = await s.b.log.page();
  expect(messages.map(({ text, security: { level } }) => [text, level])).toEqual([["before", "trusted"], ["meet me at the tomb", "none"], ["after", "trusted"]]);
  expect(messages[1]?.security).toEqual({ level: "none" });
});
