/** Every phase on the way to a session has 15 seconds where the application names no other time, and an application that does not settle ends none (threats N19). */
import { expect, test } from "vitest";
import { connectPhaseTimeoutMs } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import { connectOver } from "../../../src/transport/connection/connect.js";
import type { Link, LinkHandlers } from "../../../src/transport/connection/sockets.js";
import { createStreamMachine } from "../../../src/transport/connection/stream-machine-browser.js";
import { account, begin, managed, ManualClock, MemoryChannel, message, settle } from "../../support/memory-channel.js";

const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='verona.example' version='1.0'>";
const features = (content: string): string => `<stream:features>${content}</stream:features>`;
const plain = features("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>");
const session = features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>");
const success = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/** Waits until a millisecond before the deadline, and then past it. */
async function outcome(clock: ManualClock, work: Promise<unknown>): Promise<readonly unknown[]> {
  const seen: unknown[] = [];
  work.then(() => seen.push("done"), (error: unknown) => seen.push(error));
  for (let i = 0; i < 8; i++) await settle(); // up to the phase that is silent
  clock.advance(connectPhaseTimeoutMs - 1);
  await settle();
  expect(seen).toEqual([]);
  clock.advance(1);
  await settle();
  return seen;
}

test.each<[string, readonly (string | undefined)[]]>([
  ["socket", []], ["header", [""]], ["features", [header]], ["authentication", [header + plain, ""]], ["header", [header + plain, success, ""]],
  ["binding", [header + plain, success, header + session, ""]],
])("N19 silence in the phase %s ends after fifteen seconds, not before: %j", async (phase, answers) => {
  const clock = new ManualClock();
  const left = [...answers];
  let handlers: LinkHandlers | undefined;
  const link: Link = {
    secure: true, end: () => { handlers?.closed(undefined); }, destroy: () => undefined,
    async write() {
      await Promise.resolve();
      const answer = left.shift() ?? "";
      if (answer !== "") handlers?.data(answer);
    },
  };
  const connecting = connectOver(createStreamMachine, { account, service: "xmpps://verona.example", clock, rng: systemRng(), password: () => "pencil", mechanismFloor: "PLAIN" }, {
    webSocket: () => Promise.reject(new TypeError("TCP only")),
    tcp: (_, given) => { handlers = given; return answers.length === 0 ? new Promise(() => undefined) : Promise.resolve(link); },
  });
  expect(await outcome(clock, connecting)).toMatchObject([{ code: "ERR_CONNECT_TIMEOUT", retryable: true, details: { phase } }]);
  expect(clock.pending).toBe(0);
});

test("N19 a former session that its keeper does not let go of ends the attempt after fifteen seconds", async () => {
  const clock = new ManualClock();
  const { channel, stream } = await managed(clock);
  channel.end({});
  const resuming = begin(new MemoryChannel(), clock, { ...(stream.session === undefined ? {} : { resume: stream.session }), beforeResume: () => new Promise(() => undefined) });
  expect(await outcome(clock, resuming)).toMatchObject([{ code: "ERR_CONNECT_TIMEOUT", details: { phase: "session" } }]);
  expect(clock.pending).toBe(0);
});

test("N19 Q06 what was handled and cannot be made durable keeps a session for fifteen seconds, and then comes again", async () => {
  const clock = new ManualClock();
  const { channel, stream } = await managed(clock);
  stream.onStanza(() => undefined);
  await settle();
  channel.receive(message("1"));
  channel.end({});
  const told: unknown[] = [];
  const next = new MemoryChannel();
  const resuming = begin(next, clock, {
    ...(stream.session === undefined ? {} : { resume: stream.session }), saveInbound: () => new Promise(() => undefined), onListenerError: (error) => { told.push(error); },
  });
  expect(await outcome(clock, resuming.catch(() => undefined))).toEqual([]);
  expect(told).toMatchObject([{ code: "ERR_CONNECT_TIMEOUT", details: { phase: "session" } }]);
  expect(next.last("resume").attrs["h"]).toBe("0");
  next.end({});
  await resuming.catch(() => undefined);
});
