/** What may come when, before anybody listens, and how much of it: threats P10, N11, N15. */
import { expect, test } from "vitest";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { Arrivals } from "../../../src/transport/connection/arrivals.js";
import { Chassis } from "../../../src/transport/connection/chassis.js";
import type { LinkHandlers } from "../../../src/transport/connection/sockets.js";
import { createStreamMachine } from "../../../src/transport/connection/stream-machine-browser.js";
import { TransportError } from "../../../src/transport/errors.js";
import { defaultXmlLimits } from "../../../src/transport/xml/refusal.js";
import { isSpoilt } from "../../../src/transport/xml/spoilt.js";
import { ManualClock } from "../../support/memory-channel.js";

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

test.each([
  ["TCP", false, "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", "<message>"],
  ["a WebSocket", true, "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", "<message xmlns='jabber:client'>"],
])("P10 over %s a stanza behind the success of SASL 2 may have 1 MiB, on the same stream on which it had 64 KiB before", async (_, framed, header, start) => {
  let handlers: LinkHandlers | undefined;
  const chassis = new Chassis({
    domain: "example.org", framed, clock: new ManualClock(),
    openLink: (given) => { handlers = given; return Promise.resolve({ secure: true, write: () => Promise.resolve(), end: () => undefined, destroy: () => undefined }); },
  }, createStreamMachine);
  await chassis.connectSocket();
  const opening = chassis.openStream({ ...defaultXmlLimits, bytesMax: 64 * 1024 });
  handlers?.data(header);
  await opening;
  chassis.expectInline();
  handlers?.data("<success xmlns='urn:xmpp:sasl:2'/>");
  expect((await chassis.next()).name).toBe("success");
  const spoilt: boolean[] = [];
  chassis.goLive((element) => { spoilt.push(isSpoilt(element)); });
  for (const bytes of [1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1]) handlers?.data(`${start}${"x".repeat(bytes - `${start}</message>`.length)}</message>`);
  expect(spoilt).toEqual([false, false, true]);
  chassis.fail(new TransportError("ERR_STREAM_CLOSED", "the test is over"));
});

test("N11 a success of SASL 2 that is said again changes nothing: what comes goes to the listener", () => {
  const arrivals = new Arrivals();
  arrivals.expectInline();
  expect([arrivals.authenticated(), arrivals.authenticated()]).toEqual([true, false]);
  const seen: string[] = [];
  arrivals.goLive(({ name }) => { seen.push(name); });
  expect([arrivals.authenticated(), arrivals.isLive]).toEqual([false, true]);
  arrivals.accept(word(1));
  expect(seen).toEqual(["word1"]);
});
