/** What may come when, before anybody listens, and how much of it: threats P10, N11, N15. */
import { expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { Arrivals } from "../../../src/transport/connection/arrivals.js";

const word = (n: number): XmlElement => xml("urn:x", `word${String(n)}`);
const message = (n: number): XmlElement => xml("jabber:client", "message", { id: String(n) });

test("P10 N11 during the negotiation four words may come unasked; more are a flood", async () => {
  const arrivals = new Arrivals();
  for (let n = 1; n <= 4; n++) expect(arrivals.accept(word(n))).toBeUndefined();
  expect(arrivals.accept(word(5))).toBe("flood");
  expect((await arrivals.next()).name).toBe("word1");
  expect(arrivals.accept(word(6))).toBeUndefined();
  expect(arrivals.accept(word(7))).toBe("flood");
});

test("P10 N15 behind the success of SASL 2 a thousand stanzas wait for a listener, in order; more are a flood, and before it none may come", () => {
  const arrivals = new Arrivals();
  expect(arrivals.accept(message(0))).toBe("early-stanza");
  expect(arrivals.authenticated()).toBe(false); // nobody has asked for it
  arrivals.expectInline();
  expect(arrivals.authenticated()).toBe(true);
  for (let n = 1; n <= 1_000; n++) expect(arrivals.accept(message(n))).toBeUndefined();
  expect(arrivals.accept(message(1_001))).toBe("flood");
  const seen: (string | undefined)[] = [];
  arrivals.goLive(({ attrs }) => { seen.push(attrs["id"]); });
  expect(arrivals.accept(message(1_002))).toBeUndefined();
  expect(seen).toEqual([...Array.from({ length: 1_000 }, (_, i) => String(i + 1)), "1002"]);
});
