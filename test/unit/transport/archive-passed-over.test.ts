/** A page that the server passes over: it says nothing of it, and answers what was asked later (docs/decisions/0015-spoilt-stanzas.md). */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import type { XmlElement } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import { Archive, isPassedOver } from "../../../src/transport/features/archive.js";
import type { IqQuestion } from "../../../src/transport/features/iq-requester.js";
import { stanzaError } from "../../../src/transport/stream/stanza-error.js";
import { ManualClock } from "../../support/memory-channel.js";
import { element } from "../../support/xml.js";

const me = bareJid("romeo@example.org");
const quietMs = 3_000;
const fin = element("<fin xmlns='urn:xmpp:mam:2' complete='true'/>");
const refusal = stanzaError(element("<iq xmlns='jabber:client' type='error'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"));

class Scene {
  readonly clock = new ManualClock();
  readonly asked: { readonly iq: IqQuestion; answer(result: XmlElement | undefined | TransportError): void }[] = [];
  readonly archive = new Archive({
    account: me, rng: systemRng(), clock: this.clock,
    iq: { request: (iq) => new Promise((resolve, reject) => { this.asked.push({ iq, answer: (result) => { (result instanceof TransportError ? reject : resolve)(result as never); } }); }) },
  });
  /** How the page ended, if it has. */
  ended: unknown;
  #results = 0;

  constructor(quiet?: "never") {
    this.archive.query({}, undefined, quiet === undefined ? quietMs : undefined).then((page) => { this.ended = page.messages.length; }, (error: unknown) => { this.ended = isPassedOver(error) ? "passed over" : error; });
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }
  async settle(): Promise<void> { for (let i = 0; i < 20; i++) await Promise.resolve(); }
  async answer(index: number, result: XmlElement | undefined | TransportError): Promise<void> {
    this.asked[index]?.answer(result);
    await this.settle();
  }
  result(): void {
    const queryId = this.asked[0]?.iq.payload.attrs["queryid"] ?? "";
    this.archive.handleMessage(element(`<message xmlns='jabber:client' from='${me}'><result xmlns='urn:xmpp:mam:2' queryid='${queryId}' id='a${String(this.#results++)}'>`
      + "<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-01T10:00:00Z'/>"
      + `<message xmlns='jabber:client' from='juliet@example.org/balcony' to='${me}'><body>hi</body></message></forwarded></result></message>`));
  }
}

test("P08 nothing for a while, an answer to something else, and nothing for as long again: passed over", async () => {
  const s = new Scene();
  await s.pass(quietMs - 1);
  expect(s.asked).toHaveLength(1);
  await s.pass(1);
  expect(s.asked[1]?.iq).toMatchObject({ type: "get", to: "example.org", payload: { ns: "urn:xmpp:ping", name: "ping" } });
  await s.answer(1, undefined);
  await s.pass(quietMs - 1);
  expect(s.ended).toBeUndefined();
  await s.pass(1);
  expect([s.ended, s.clock.pending]).toEqual(["passed over", 0]);
});

test("a server that does not know pings has answered too", async () => {
  const s = new Scene();
  await s.pass(quietMs);
  await s.answer(1, refusal);
  await s.pass(quietMs);
  expect(s.ended).toBe("passed over");
});

test("N19 a link that carries no answer at all is no sign: it is asked again later", async () => {
  const s = new Scene();
  await s.pass(quietMs);
  await s.pass(10 * quietMs);
  expect([s.ended, s.asked.length]).toEqual([undefined, 2]);
  await s.answer(1, new TransportError("ERR_IQ_TIMEOUT", "scripted", { retryable: true }));
  await s.pass(quietMs);
  expect([s.ended, s.asked.length]).toEqual([undefined, 3]);
});

test("results that come slowly are no silence, whenever they come", async () => {
  const s = new Scene();
  await s.pass(quietMs - 1);
  s.result();
  await s.pass(1);
  expect(s.asked).toHaveLength(1);
  await s.pass(quietMs);
  s.result(); // behind the question
  await s.answer(1, undefined);
  await s.pass(quietMs - 1);
  s.result(); // and behind its answer
  await s.pass(1);
  expect([s.ended, s.asked.length]).toEqual([undefined, 2]);
  await s.answer(0, fin);
  expect([s.ended, s.clock.pending]).toEqual([3, 0]);
});

test("an answer in time ends the watch, also with the other question open", async () => {
  const s = new Scene();
  await s.pass(quietMs);
  await s.answer(0, fin);
  await s.answer(1, undefined);
  expect([s.ended, s.clock.pending]).toEqual([0, 0]);
});

test("whoever does not ask for it waits for the deadline of the page", async () => {
  const s = new Scene("never");
  await s.pass(10 * quietMs);
  expect([s.asked.length, s.clock.pending, s.ended]).toEqual([1, 0, undefined]);
});

test("an error of the archive is told as it is", async () => {
  const s = new Scene();
  await s.answer(0, refusal);
  expect([s.ended, s.clock.pending]).toEqual([refusal, 0]);
  expect(isPassedOver(refusal)).toBe(false);
});
