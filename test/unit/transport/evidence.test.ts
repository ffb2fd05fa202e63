/** When the server is asked for evidence, and that a link on which it stays away is found, whatever else goes on: threats N19, Q10. */
import { describe, expect, test } from "vitest";
import { ackAnswerMs, ackDelayMsMax, linkProbeMs } from "../../../src/base/limits.js";
import { a, begin, managed, ManualClock, MemoryChannel, message, settle, stanza, unmanaged } from "../../support/memory-channel.js";

const questions = (channel: MemoryChannel): number => channel.written.filter(({ name }) => name === "r" || name === "iq").length;
const silent = { code: "ERR_STREAM_CLOSED", retryable: true, details: { reason: "silent" } };

describe("a link on which nothing is answered", () => {
  test("N19 is found in time however much is sent over it, and asked about, meanwhile", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    for (let ms = 0; ms < ackAnswerMs + 2_000 && channel.isOpen; ms += 500) {
      void stream.send(message(String(ms)));
      await settle();
      clock.advance(500);
    }
    expect(questions(channel)).toBeGreaterThan(10);
    expect(channel.failure).toMatchObject(silent);
  });

  test("N19 is found when the question before was answered, and nothing more is sent", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    void stream.send(message("1"));
    await settle();
    for (let i = 2; i <= 11; i++) void stream.send(message(String(i)));
    expect(questions(channel)).toBe(2);
    channel.receive(a(1));
    clock.advance(ackAnswerMs - 1);
    expect(channel.isOpen).toBe(true);
    clock.advance(1_000); // what lies before the question has its time
    expect(channel.failure).toMatchObject(silent);
  });

  test.each(["behind a message", "when nothing was heard for long"])("N19 leaves no timer where it ends while it is asked about, %s", async (when) => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    channel.onWrite = ({ name }) => { if (name === "r") channel.end({}); };
    if (when === "behind a message") void stream.send(message("1"));
    else clock.advance(linkProbeMs);
    await settle();
    expect([channel.isOpen, clock.pending]).toEqual([false, 0]);
  });
});

describe("what is asked", () => {
  test("Q10 behind anything else than a message is asked within a second and not at once, also when something was answered", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    void stream.send(message("1"));
    await settle();
    void stream.send(stanza("presence"));
    channel.receive(a(1));
    await settle();
    expect(channel.said()).toEqual(["message 1", "r", "presence"]);
    clock.advance(ackDelayMsMax);
    expect(channel.said()).toEqual(["message 1", "r", "presence", "r"]);
  });

  test("Q10 N19 without stream management is one ping at a time, for a second one would hide the answer to the first", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await unmanaged(clock);
    void stream.send(message("1"));
    await settle();
    void stream.send(message("2"));
    await settle();
    clock.advance(ackDelayMsMax);
    expect(questions(channel)).toBe(1);
    channel.receive(stanza("iq", { type: "result", id: channel.last("iq").attrs["id"] ?? "" }));
    expect(questions(channel)).toBe(2);
  });

  test("N19 is not asked again while a long stanza arrives ahead of the answer", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    const arriving = Object.assign(channel, { progressAt: 0 });
    void stream.send(message("1"));
    await settle();
    while (clock.time < 3 * linkProbeMs) {
      clock.advance(5_000);
      arriving.progressAt = clock.time;
    }
    expect([channel.isOpen, questions(channel)]).toEqual([true, 1]);
  });
});

describe("nothing is left", () => {
  test("N19 of a clean close: no timer", async () => {
    const clock = new ManualClock();
    const { stream } = await managed(clock);
    await stream.close();
    expect(clock.pending).toBe(0);
  });

  test("N19 of a caller's signal that had fired before: nothing is said to the server", async () => {
    const clock = new ManualClock();
    const channel = new MemoryChannel();
    const starting = begin(channel, clock, { signal: AbortSignal.abort() }).catch((error: unknown) => error);
    await settle();
    channel.end({});
    expect(await starting).toMatchObject({ code: "ERR_ABORTED" });
    expect([channel.written, channel.isOpen, clock.pending]).toEqual([[], false, 0]);
  });

  test("N19 on a caller's signal once the session is there", async () => {
    const controller = new AbortController();
    const kept = new Set<unknown>();
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (type: string, listener: EventListener, options?: AddEventListenerOptions) => { kept.add(listener); add(type, listener, options); };
    signal.removeEventListener = (type: string, listener: EventListener) => { kept.delete(listener); remove(type, listener); };
    const { stream } = await managed(new ManualClock(), { signal });
    expect([kept.size, stream.isOpen]).toEqual([0, true]);
    controller.abort();
    expect(stream.isOpen).toBe(true);
  });
});
