/** A body without a text: no message, for we send none either, and a program that sends back what it got would end with ERR_INVALID_TEXT. */
import { expect, test } from "vitest";
import { xml } from "../../../src/base/xml.js";
import { receiptRequest } from "../../../src/transport/xep/xep0184.js";
import { juliet, romeo } from "../../support/omemo-world.js";
import { plainLetter, sealedLetter } from "../../support/reception.js";
import { scene } from "../../support/reception-scene.js";

const orchard = `${romeo}/orchard`;

test("P17 an empty body, in clear text or encrypted, is no message; what comes behind it is one", async () => {
  const { a, b, live } = await scene();
  await b.take(plainLetter(orchard, juliet, "1", "", receiptRequest()), live);
  await b.take(sealedLetter(orchard, juliet, "2", await a.sendContent(juliet, xml("jabber:client", "body", {}))), live);
  await b.take(plainLetter(orchard, juliet, "3", "hello"), live);
  expect(await b.texts()).toEqual(["hello"]);
  expect(b.events.filter(({ kind }) => kind === "message")).toHaveLength(1);
});
