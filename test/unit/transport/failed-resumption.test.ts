/** A server that resumes a session and does not go on with it: threats Q02, Q13, N19. */
import { describe, expect, test } from "vitest";
import { ackAnswerMs, ackStanzasMax, resumedAnswerMs, slowLinkBytesPerSecond } from "../../../src/base/limits.js";
import { xml } from "../../../src/base/xml.js";
import { ReconnectPolicy } from "../../../src/client/reconnect.js";
import type { StreamEnd } from "../../../src/transport/connection/stream.js";
import { TransportError } from "../../../src/transport/errors.js";
import { bytesOf } from "../../../src/transport/stream/stanza.js";
import type { StreamSession } from "../../../src/transport/stream/stream-session.js";
import { a, begin, managed, ManualClock, MemoryChannel, message, settle, sm } from "../../support/memory-channel.js";

async function resumedStream(unacknowledged = 0) {
  const clock = new ManualClock();
  const { channel: first, stream: former } = await managed(clock);
  const session = former.session as StreamSession;
  for (let i = 0; i < unacknowledged; i++) former.sendTracked(message(String(i)));
  first.end({});
  const channel = new MemoryChannel();
  const starting = begin(channel, clock, { resume: session });
  await settle();
  channel.receive(xml(sm, "resumed", { h: 0, previd: "secret-id" }));
  const stream = await starting;
  const ends: StreamEnd[] = [];
  stream.onEnd((end) => { ends.push(end); });
  return { clock, channel, session, stream, ends };
}

describe("a session that goes on", () => {
  test("Q02 N19 is asked for a sign at once; without one the link ends soon, and the session is not asked for again", async () => {
    const { clock, channel, session, ends } = await resumedStream();
    expect(channel.said(1)).toEqual(["r"]);
    clock.advance(resumedAnswerMs - 1);
    expect([ends.length, session.usable]).toEqual([0, true]);
    clock.advance(1);
    expect([ends[0]?.error, session.usable]).toMatchObject([{ code: "ERR_STREAM_CLOSED", retryable: true, details: { reason: "resumption" } }, false]);
  });

  test("Q02 N19 has as little time for it when so much is sent again that the server is asked in between", async () => {
    for (const unacknowledged of [ackStanzasMax, 3 * ackStanzasMax]) {
      const { clock, session, ends } = await resumedStream(unacknowledged);
      clock.advance(resumedAnswerMs - 1);
      expect(ends).toEqual([]);
      clock.advance(1 + Math.ceil((1000 * unacknowledged * bytesOf(message("00"))) / slowLinkBytesPerSecond));
      expect([ends[0]?.error?.details["reason"], session.usable]).toEqual(["resumption", false]);
    }
  });

  test("N19 what comes from the server meanwhile is no answer, and gives it as long again", async () => {
    const { clock, channel, ends } = await resumedStream();
    clock.advance(resumedAnswerMs - 1);
    channel.receive(message("of another"));
    clock.advance(resumedAnswerMs - 1);
    expect(ends).toEqual([]);
    clock.advance(1);
    expect(ends[0]?.error?.details["reason"]).toBe("resumption");
  });

  test("Q02 N19 that has answered once may be asked for again when the link dies later", async () => {
    const { clock, channel, session, stream, ends } = await resumedStream();
    channel.receive(a(0));
    stream.sendTracked(message("1"));
    await settle();
    clock.advance(2 * resumedAnswerMs);
    expect(ends).toEqual([]);
    clock.advance(ackAnswerMs);
    expect([ends[0]?.error?.details["reason"], session.usable]).toEqual(["silent", true]);
  });

  test("Q13 and ends with an error of the stream has failed itself: no message is blamed, and a new session is right", async () => {
    for (const answered of [false, true]) {
      const { channel, session, ends } = await resumedStream();
      if (answered) channel.receive(a(0)); // Prosody acknowledges once more on its way out
      const error = new TransportError("ERR_STREAM_ERROR", "ended", { details: { condition: "not-well-formed" } });
      channel.end({ error });
      expect([ends[0]?.error, session.usable]).toMatchObject([{ code: "ERR_STREAM_CLOSED", retryable: true, details: { reason: "resumption" }, cause: error }, false]);
    }
  });

  test.each(["system-shutdown", "resource-constraint"])("N18 and ends with %s is over as well, but not alone: the next session waits for its turn", async (condition) => {
    const { channel, session, ends } = await resumedStream();
    const error = new TransportError("ERR_STREAM_ERROR", "ended", { retryable: true, details: { condition } });
    channel.end({ error });
    expect([ends[0]?.error, session.usable]).toMatchObject([{ code: "ERR_STREAM_CLOSED", retryable: true, cause: error }, false]);
    const delays = Array.from({ length: 64 }, (_, i) => new ReconnectPolicy(["wss://a"], () => Uint8Array.of(4 * i, i, i, i)).after(ends[0]?.error as TransportError, 1));
    expect(new Set(delays).size).toBeGreaterThan(32);
  });

  test("Q02 whose link is merely cut, or that another client takes over, ends as ever", async () => {
    for (const error of [new TransportError("ERR_STREAM_CLOSED", "cut", { retryable: true }), new TransportError("ERR_STREAM_CONFLICT", "taken over")]) {
      const { channel, session, ends } = await resumedStream();
      channel.end({ error });
      expect([ends[0]?.error, session.usable]).toEqual([error, true]);
    }
  });
});
