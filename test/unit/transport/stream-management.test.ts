/** Stream management over a channel in memory: threats Q05-Q08, Q10, Q11, N15, N19. */
import { describe, expect, test } from "vitest";
import { ackAnswerBusyMs, ackAnswerMs, linkProbeMs, slowLinkBytesPerSecond, unreadStanzasMax } from "../../../src/base/limits.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import type { Delivery } from "../../../src/transport/connection/stream.js";
import { setClientActive } from "../../../src/transport/features/csi.js";
import { StreamSession } from "../../../src/transport/stream/stream-session.js";
import { a, begin, boundJid, enabled, featuresWith, listen, managed, ManualClock, MemoryChannel, message, r, settle, sm, stanza, unmanaged } from "../../support/memory-channel.js";

const failed = (h?: number): XmlElement => xml(sm, "failed", { h }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "item-not-found"));
const resumed = (h: number | string): XmlElement => xml(sm, "resumed", { h, previd: "secret-id" });

describe("the beginning", () => {
  test("Q08 nothing of the application can leave before stream management is settled", async () => {
    const channel = new MemoryChannel();
    const starting = begin(channel, new ManualClock(), { stream: { maxSeconds: 300 } });
    let settled = false;
    void starting.then(() => { settled = true; });
    await settle();
    expect(channel.said()).toEqual([expect.stringMatching(/^iq /)]);
    channel.receive(channel.bound());
    await settle();
    expect([channel.last("enable").attrs, settled]).toEqual([{ resume: "true", max: "300" }, false]);
    channel.receive(enabled({ resume: "1", id: "x", max: "600", location: "other.example:5223" }));
    const stream = await starting;
    expect(stream.start).toEqual({ kind: "new", resumable: true });
    expect(stream.session?.state).toEqual({ id: "x", jid: boundJid, inbound: 0, acknowledged: 0, maxSeconds: 600, location: "other.example:5223" });
  });

  test("P10 N15 what comes before the session is settled is kept up to a bound", async () => {
    for (const inline of [undefined, { jid: boundJid }]) {
      const channel = new MemoryChannel(inline === undefined ? undefined : featuresWith());
      const starting = begin(channel, new ManualClock(), {}, inline).catch((error: unknown) => error);
      await settle();
      if (inline === undefined) channel.receive(channel.bound());
      for (let i = 0; i < unreadStanzasMax; i++) channel.receive(message(String(i)));
      expect(channel.isOpen).toBe(true);
      channel.receive(message("one more"));
      expect(await starting).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "early-stanza" } });
      expect(channel.isOpen).toBe(false);
    }
  });

  test("P10 what nobody listens to yet is kept up to a bound", async () => {
    const { channel } = await managed(new ManualClock());
    for (let i = 0; i < unreadStanzasMax; i++) channel.receive(message(String(i)));
    expect(channel.failure).toBeUndefined();
    channel.receive(message("one more"));
    expect(channel.failure).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "flood" } });
  });

  test("Q07 the inbound counter begins exactly behind <enabled/>, whatever comes in the same piece of input", async () => {
    const channel = new MemoryChannel();
    const starting = begin(channel, new ManualClock());
    await settle();
    channel.receive(channel.bound(), message("early"), enabled(), message("1"), message("2"), r);
    const stream = await starting;
    // Nobody has seen them yet: they are received, and not handled.
    expect(channel.last("a").attrs["h"]).toBe("0");
    const seen = listen(stream, true);
    await settle();
    expect(seen.ids).toEqual(["early", "1", "2"]);
    expect(seen.deliveries.map((delivery) => delivery.number)).toEqual([0, 1, 2]);
    for (const release of seen.releases.slice(1)) release(); // who still holds what came before the count holds nothing of it back
    channel.receive(r);
    expect(channel.last("a").attrs["h"]).toBe("2");
  });

  test.each([[{ id: "x" }], [{ resume: "true" }], [{ resume: "false", id: "x" }], [{ resume: "true", id: "" }], [{ resume: "true", id: "x".repeat(4_001) }]])("Q11 <enabled/> with %j is a session that is not resumed", async (attrs) => {
    const { stream } = await managed(new ManualClock(), {}, attrs);
    expect([stream.start, stream.session]).toEqual([{ kind: "new", resumable: false }, undefined]);
  });

  test.each(["-1", "0", "1.5", "x", "99999999999"])("Q11 max=%j is no time", async (max) => {
    const { stream } = await managed(new ManualClock(), {}, { resume: "true", id: "x", max });
    expect(stream.session?.state).not.toHaveProperty("maxSeconds");
  });

  test("Q11 a place of its own is a wish of up to 300 characters; a longer one is none", async () => {
    const places = await Promise.all([300, 301].map(async (length) => (await managed(new ManualClock(), {}, { resume: "true", id: "x", location: "y".repeat(length) })).stream.session?.state.location?.length));
    expect(places).toEqual([300, undefined]);
  });

  test("a server without stream management, one that refuses it, and an application that does not want it", async () => {
    for (const [features, options, refused] of [[featuresWith("bind"), {}, false], [featuresWith("bind", "sm"), {}, true], [featuresWith("bind", "sm"), { stream: { enable: false } }, false]] as const) {
      const channel = new MemoryChannel(features);
      const starting = begin(channel, new ManualClock(), options);
      await settle();
      channel.receive(channel.bound());
      if (refused) channel.receive(failed());
      expect((await starting).start).toEqual({ kind: "unmanaged" });
    }
  });

  test.each([["a message", message("x")], ["another iq", stanza("iq", { type: "result", id: "guess" })]])("N15 %s before binding ends the connection", async (_, element) => {
    const channel = new MemoryChannel();
    const starting = begin(channel, new ManualClock());
    await settle();
    channel.receive(element);
    await expect(starting).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "early-stanza" } });
    expect(channel.isOpen).toBe(false);
  });

  test("N19 each step has a deadline, and nothing is left of it", async () => {
    for (const answers of [0, 1]) {
      const clock = new ManualClock();
      const channel = new MemoryChannel();
      const starting = begin(channel, clock, { phaseTimeoutMs: 5_000 });
      await settle();
      if (answers === 1) channel.receive(channel.bound());
      clock.advance(4_999);
      expect(channel.isOpen).toBe(true);
      clock.advance(1);
      await expect(starting).rejects.toMatchObject({ code: "ERR_CONNECT_TIMEOUT", details: { phase: ["binding", "session"][answers] } });
      expect([clock.pending, channel.isOpen]).toEqual([0, false]);
    }
  });

  test("N19 a quiet end of everything: after the stream no timer is left", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    void stream.send(message("1"));
    await settle();
    expect(clock.pending).toBeGreaterThan(0);
    channel.receive(a(1));
    void stream.send(message("2")); // its question is due behind this turn, when there is nobody to be asked
    channel.end({});
    await settle();
    expect(clock.pending).toBe(0);
    expect(() => stream.sendTracked(message("2"))).toThrow(expect.objectContaining({ code: "ERR_STREAM_CLOSED" }) as Error);
  });
});

describe("acknowledging what was received", () => {
  test("Q06 h counts only what nobody holds, and says so again when the hold is gone", async () => {
    const { channel, stream } = await managed(new ManualClock());
    const seen = listen(stream, true);
    await settle();
    channel.receive(message("1"), message("2"), message("3"), r);
    expect(channel.said()).toEqual(["a 0"]);
    seen.releases[1]?.();
    channel.receive(r);
    expect(channel.said()).toEqual(["a 0", "a 0"]);
    seen.releases[0]?.();
    seen.releases[0]?.();
    channel.receive(r);
    expect(channel.said(2)).toEqual(["a 2"]);
    seen.releases[2]?.();
    expect(channel.said(3)).toEqual(["a 3"]);
  });

  test("Q06 several holds of one stanza all count; a late hold is a mistake", async () => {
    const { channel, stream } = await managed(new ManualClock());
    const releases: (() => void)[] = [];
    let late: Delivery | undefined;
    stream.onStanza((_, delivery) => { releases.push(delivery.hold(), delivery.hold()); late = delivery; });
    await settle();
    channel.receive(message("1"));
    for (const first of [releases[0], releases[0]]) first?.(); // twice is once
    channel.receive(r);
    releases[1]?.();
    expect(channel.said()).toEqual(["a 0", "a 1"]);
    expect(() => late?.hold()).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
  });

  test("Q06 h is made durable before it is said, once for all who ask meanwhile, and the close waits for it", async () => {
    const saves: { readonly h: number; readonly done: () => void }[] = [];
    const { channel, stream } = await managed(new ManualClock(), { saveInbound: (_, h) => new Promise((resolve) => { saves.push({ h, done: resolve }); }) });
    listen(stream);
    await settle();
    channel.receive(message("1"), r, message("2"), r, r);
    expect([saves.map(({ h }) => h), channel.said()]).toEqual([[1], []]);
    saves[0]?.done();
    await settle();
    expect([saves.map(({ h }) => h), channel.said()]).toEqual([[1, 2], ["a 1"]]);
    saves[1]?.done();
    await settle();
    channel.receive(r); // nothing new: nothing to save
    expect([saves.length, channel.said(), stream.session?.state.inbound]).toEqual([2, ["a 1", "a 2", "a 2"], 2]);
    channel.receive(message("3"));
    const closing = stream.close();
    expect(stream.close()).toBe(closing); // Q21: twice is once
    await settle();
    expect([saves.length, channel.isOpen]).toEqual([3, true]);
    saves[2]?.done();
    await closing;
    expect(channel.said().at(-1)).toBe("a 3");
  });

  test("Q06 what cannot be saved is not acknowledged, and the application is told", async () => {
    const errors: unknown[] = [];
    const broken = new TypeError("disk full");
    const { channel, stream } = await managed(new ManualClock(), { saveInbound: () => Promise.reject(broken), onListenerError: (error) => { errors.push(error); } });
    listen(stream);
    await settle();
    channel.receive(message("1"), r);
    await settle();
    expect([channel.said(), errors]).toEqual([[], [broken]]);
  });

  test("P16 F26 a stanza with a malformed address is nobody's, and counts", async () => {
    const { channel, stream } = await managed(new ManualClock());
    const seen = listen(stream);
    await settle();
    channel.receive(stanza("message", { from: "@", id: "1" }), message("2"), r);
    expect([seen.ids, channel.said()]).toEqual([["2"], ["a 2"]]);
  });

  test("Q05 the inbound counter wraps at 2^32", async () => {
    const clock = new ManualClock();
    const session = StreamSession.restore({ id: "secret-id", jid: boundJid, inbound: 2 ** 32 - 1, acknowledged: 2 ** 32 - 2 });
    const channel = new MemoryChannel();
    const starting = begin(channel, clock, { resume: session });
    await settle();
    expect(channel.last("resume").attrs).toEqual({ h: String(2 ** 32 - 1), previd: "secret-id" });
    channel.receive(resumed(1));
    const stream = await starting;
    expect(stream.start).toEqual({ kind: "resumed", handled: 2 ** 32 + 1 });
    const seen = listen(stream);
    await settle();
    channel.receive(message("1"), message("2"), r);
    expect(channel.last("a").attrs["h"]).toBe("1");
    expect(seen.deliveries.map((delivery) => delivery.number)).toEqual([2 ** 32, 2 ** 32 + 1]);
    const sent = stream.sendTracked(message("x")).sequence;
    channel.receive(a(2));
    expect([sent, stream.session?.acknowledged]).toEqual([2 ** 32 + 2, 2 ** 32 + 2]);
    expect(session.state.inbound).toBe(2 ** 32 + 1);
  });
});

describe("evidence for what was sent", () => {
  test("Q10 the server is asked at once behind a message, then after 10 stanzas, whatever else is open", async () => {
    const { channel, stream } = await managed(new ManualClock());
    const upTo: number[] = [];
    stream.onAcknowledged((value) => { upTo.push(value); });
    for (let i = 1; i <= 3; i++) expect(stream.sendTracked(message(String(i))).sequence).toBe(i);
    await settle();
    expect(channel.said()).toEqual(["message 1", "message 2", "message 3", "r"]);
    for (let i = 4; i <= 23; i++) stream.sendTracked(message(String(i)));
    await settle();
    expect(channel.said().flatMap((what, i) => (what === "r" ? [i] : []))).toEqual([3, 14, 25]);
    channel.receive(a(2), a(2), a(23));
    expect(upTo).toEqual([2, 23]);
    expect(stream.session?.acknowledged).toBe(23);
  });

  test("Q10 steady traffic that nobody answers is still asked about within a second", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    void stream.send(message("1"));
    await settle();
    for (let i = 0; i < 40; i++) {
      clock.advance(100);
      if (i % 3 === 0) void stream.send(stanza("presence"));
      await settle();
    }
    expect(channel.said().filter((what) => what === "r")).toHaveLength(4);
  });

  test.each<[string, string | undefined, string]>([
    ["above what was sent", "3", "handled-count-too-high"], ["far above", "4000000", "handled-count-too-high"], ["below what it was", "0", "count-went-back"],
    ["negative", "-1", "no-count"], ["missing", undefined, "no-count"], ["no number", "two", "no-count"], ["beyond 32 bits", "4294967296", "no-count"], ["a fraction", "1.5", "no-count"],
  ])("Q05 h that is %s ends the stream and leaves the queue alone", async (_, h, reason) => {
    const { channel, stream } = await managed(new ManualClock());
    stream.sendTracked(message("1"));
    stream.sendTracked(message("2"));
    channel.receive(a(1), xml(sm, "a", { h }));
    expect(channel.failure).toMatchObject({ code: "ERR_STREAM_PROTOCOL", retryable: true, details: { condition: "undefined-condition", reason } });
    expect([stream.session?.acknowledged, stream.session?.outbound]).toEqual([1, 2]);
    // Its counts are worth nothing any more: the next connection begins anew.
    const next = new MemoryChannel();
    const starting = begin(next, new ManualClock(), { resume: stream.session as StreamSession });
    await settle();
    next.receive(next.bound(), enabled({ resume: "true", id: "other" }));
    expect((await starting).start).toEqual({ kind: "new", resumable: true, former: {} });
  });

  test("N19 a question that stays open ends the link in bounded time; what lies before it gets its time", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    void stream.send(stanza("message", {}, xml("jabber:client", "body", {}, "x".repeat(10 * slowLinkBytesPerSecond))));
    await settle();
    clock.advance(ackAnswerMs + 10_000 - 1_000);
    expect(channel.isOpen).toBe(true);
    clock.advance(3_000);
    expect(channel.failure).toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true, details: { reason: "silent" } });
    expect(clock.pending).toBe(0);
  });

  test("N19 an answer may queue behind what the server sends meanwhile, but not for ever", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    const seen = listen(stream);
    void stream.send(stanza("message"));
    await settle();
    let n = 0;
    const busy = (ms: number): void => {
      for (const end = clock.monotonic() + ms; clock.monotonic() < end && channel.isOpen;) {
        channel.receive(message(String(++n)));
        clock.advance(500);
      }
    };
    busy(3 * ackAnswerMs);
    expect(channel.isOpen).toBe(true);
    channel.receive(a(1));
    expect(seen.ids).toHaveLength(n);
    void stream.send(stanza("message"));
    await settle();
    busy(ackAnswerBusyMs - ackAnswerMs);
    expect(channel.isOpen).toBe(true);
    busy(3 * ackAnswerMs);
    expect(channel.failure).toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true, details: { reason: "silent" } });
  });

  test("N19 a quiet link is probed; any sign of life puts it off", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock);
    listen(stream);
    clock.advance(linkProbeMs - 1);
    channel.receive(message("1"));
    clock.advance(linkProbeMs - 1);
    expect(channel.said()).toEqual([]);
    clock.advance(1);
    expect(channel.said()).toEqual(["r"]);
    channel.receive(a(0));
    clock.advance(linkProbeMs);
    expect(channel.said()).toEqual(["r", "r"]);
    clock.advance(ackAnswerMs);
    expect(channel.isOpen).toBe(false);
  });
});

describe("without stream management", () => {
  async function acknowledging() {
    const { channel, stream } = await unmanaged(new ManualClock());
    const upTo: number[] = [];
    stream.onAcknowledged((value) => { upTo.push(value); });
    return { channel, stream, upTo };
  }
  const pong = (channel: MemoryChannel, from?: string, type = "result"): XmlElement => stanza("iq", { type, id: channel.last("iq").attrs["id"] ?? "", ...(from === undefined ? {} : { from }) });

  test("the answer to one ping is evidence for all messages before it; only one is open at a time", async () => {
    const { channel, stream, upTo } = await acknowledging();
    const seen = listen(stream);
    for (let i = 1; i <= 25; i++) stream.sendTracked(message(String(i)));
    await settle();
    expect(channel.said().map((what) => what.split(" ")[0]).indexOf("iq")).toBe(10);
    expect(channel.said().filter((what) => what.startsWith("iq"))).toHaveLength(1);
    channel.receive(pong(channel, "verona.example"));
    await settle();
    expect(upTo).toEqual([10]);
    channel.receive(pong(channel, undefined, "error"));
    expect([upTo, seen.ids]).toEqual([[10, 25], []]);
  });

  test("F01 an answer to the ping from somebody else is none", async () => {
    const { channel, stream, upTo } = await acknowledging();
    listen(stream);
    stream.sendTracked(message("1"));
    await settle();
    channel.receive(pong(channel, "mallory@verona.example"), stanza("iq", { type: "get", id: channel.last("iq").attrs["id"] ?? "" }), stanza("iq", { type: "result", id: "guess" }));
    expect(upTo).toEqual([]);
    channel.receive(a(1), r);
    expect([upTo, channel.said().includes("a 0")]).toEqual([[], false]);
  });

  test("N19 a ping that stays open ends the link; presence alone asks for nothing", async () => {
    const clock = new ManualClock();
    const { channel, stream } = await unmanaged(clock);
    void stream.send(stanza("presence"));
    clock.advance(5_000);
    expect(channel.said()).toEqual(["presence"]);
    clock.advance(linkProbeMs + ackAnswerMs);
    expect(channel.failure).toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true });
  });
});

describe("client state", () => {
  test("it is told where the server listens, and counts for nobody", async () => {
    const channel = new MemoryChannel(featuresWith("bind", "sm", "csi"));
    const starting = begin(channel, new ManualClock());
    await settle();
    channel.receive(channel.bound(), enabled());
    const stream = await starting;
    await setClientActive(stream, false);
    await setClientActive(stream, true);
    expect([channel.said().slice(-4), stream.session?.outbound]).toEqual([["inactive", "r", "active", "r"], 0]);
    const { channel: deaf, stream: other } = await managed(new ManualClock());
    await setClientActive(other, false);
    expect(deaf.said()).toEqual([]);
  });

});
