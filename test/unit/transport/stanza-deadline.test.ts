/** How long a stanza may take: threats P11, N19. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { slowLinkBytesPerSecond, stanzaTimeoutMs } from "../../../src/base/limits.js";
import { Chassis } from "../../../src/transport/connection/chassis.js";
import type { LinkHandlers } from "../../../src/transport/connection/sockets.js";
import { StanzaDeadline } from "../../../src/transport/connection/stanza-deadline.js";
import { createStreamMachine } from "../../../src/transport/connection/stream-machine-browser.js";
import type { TransportError } from "../../../src/transport/errors.js";
import { defaultXmlLimits } from "../../../src/transport/xml/refusal.js";
import { ManualClock, settle } from "../../support/memory-channel.js";

interface Receiving {
  readonly clock: ManualClock;
  /** Hands over a piece, and lets the time pass that it took. */
  readonly take: (piece: Uint8Array, ms: number) => Promise<void>;
  readonly elements: () => number;
  readonly error: () => TransportError | undefined;
  readonly close: () => Promise<void>;
}

/** A live stream in memory. */
async function receiving(): Promise<Receiving> {
  const clock = new ManualClock();
  let handlers: LinkHandlers | undefined;
  const chassis = new Chassis({
    domain: "example.org", framed: false, clock,
    openLink: (given) => { handlers = given; return Promise.resolve({ secure: true, write: () => Promise.resolve(), end: () => undefined, destroy: () => undefined }); },
  }, createStreamMachine);
  await chassis.connectSocket();
  const opening = chassis.openStream(defaultXmlLimits);
  handlers?.data("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
  await opening;
  let elements = 0;
  let error: TransportError | undefined;
  chassis.onEnd((end) => { error = end.error; });
  chassis.goLive(() => { elements++; });
  return {
    clock, elements: () => elements, error: () => error, close: () => chassis.close(),
    take: async (piece, ms) => { handlers?.data(piece); clock.advance(ms); await settle(); },
  };
}
const sized = (bytes: number): Uint8Array => utf8(`<message><body>${"x".repeat(bytes - "<message><body></body></message>".length)}</body></message>`);

test.each([256 * 1024, 1024 * 1024])("P11 a stanza of %i bytes arrives over the slowest link, and leaves no timer", async (bytes) => {
  const { clock, elements, error, take } = await receiving();
  const stanza = sized(bytes);
  for (let from = 0; from < stanza.length; from += slowLinkBytesPerSecond) await take(stanza.subarray(from, from + slowLinkBytesPerSecond), 1_000);
  expect([elements(), error(), clock.pending]).toEqual([1, undefined, 0]);
});

test("P11 a drip of single bytes gains nothing, however often one comes", async () => {
  for (const pauseMs of [1_000, 100, 59_000]) {
    const { clock, elements, error, take } = await receiving();
    const began = clock.time;
    for (const byte of sized(4_096)) {
      await take(new Uint8Array([byte]), pauseMs);
      if (error() !== undefined) break;
    }
    expect([elements(), error()?.code]).toEqual([0, "ERR_STREAM_LIMIT"]);
    // 60 s, what the bytes bought (a quarter of a millisecond each), and the pause in which it ended.
    expect(clock.time - began).toBeLessThanOrEqual(stanzaTimeoutMs + 1_000 + pauseMs);
  }
});

test("P11 a stanza that comes at half the pace of the slowest link is ended, however long it is", async () => {
  const { clock, elements, error, take } = await receiving();
  const stanza = sized(1024 * 1024);
  for (let from = 0; from < stanza.length && error() === undefined; from += slowLinkBytesPerSecond) await take(stanza.subarray(from, from + slowLinkBytesPerSecond), 2_000);
  expect([elements(), error()?.code, clock.time <= 2 * stanzaTimeoutMs]).toEqual([0, "ERR_STREAM_LIMIT", true]);
});

test("P11 each byte buys the time that the slowest link needs for it, and not a millisecond more", async () => {
  const { error, take } = await receiving();
  await take(utf8("<message>"), 0);
  await take(utf8("x".repeat(8 * slowLinkBytesPerSecond)), stanzaTimeoutMs + 7_999);
  expect(error()).toBeUndefined();
  await take(new Uint8Array(0), 1);
  expect(error()).toMatchObject({ code: "ERR_STREAM_LIMIT" });
});

test("P11 what the stanza before has bought is not left to the next, and a stanza that stops has 60 s", async () => {
  const { clock, error, take } = await receiving();
  const stanza = sized(512 * 1024);
  for (const [from, to] of [[0, 10], [10, 500_000], [500_000, stanza.length]]) await take(stanza.subarray(from, to), 0);
  await take(utf8("<message>"), stanzaTimeoutMs - 1);
  expect([error(), clock.pending]).toEqual([undefined, 1]);
  await take(new Uint8Array(0), 1);
  expect(error()).toMatchObject({ code: "ERR_STREAM_LIMIT", retryable: true });
});

test("P11 a stanza that begins in the piece in which another one ends has 60 s of its own", async () => {
  const { elements, error, take } = await receiving();
  await take(utf8("<message>"), stanzaTimeoutMs - 1);
  await take(utf8("</message><message>"), stanzaTimeoutMs - 1);
  expect([elements(), error()]).toEqual([1, undefined]);
  await take(new Uint8Array(0), 1);
  expect(error()).toMatchObject({ code: "ERR_STREAM_LIMIT" });
});

test("P11 N19 when we have said goodbye nothing that is arriving has a deadline, only the goodbye itself", async () => {
  const { clock, close, take } = await receiving();
  await take(utf8("<message>"), 1);
  void close();
  const pending = [clock.pending];
  await take(utf8("<body>"), 1);
  expect([...pending, clock.pending]).toEqual([1, 1]);
});

test("N19 how far a stanza has come is known while it is arriving, and not afterwards", () => {
  const clock = new ManualClock();
  const deadline = new StanzaDeadline(clock, () => undefined);
  const seen: (number | undefined)[] = [];
  for (const [unfinished, completed] of [[false, true], [true, false], [true, false], [true, true], [false, true], [true, false]] as const) {
    clock.advance(10);
    deadline.watch(1, unfinished, completed);
    seen.push(deadline.progressAt);
  }
  deadline.stop();
  expect([...seen, deadline.progressAt]).toEqual([undefined, 20, 30, 40, undefined, 60, undefined]);
});
