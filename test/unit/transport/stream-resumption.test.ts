/** Resumption, and sessions that are settled together with the authentication: threats Q02, Q03, Q05-Q07, Q12, N14, N15, H03. */
import { describe, expect, test } from "vitest";
import { parseJid, type FullJid } from "../../../src/base/jid.js";
import { systemRng } from "../../../src/base/rng.js";
import { findChild, serializeXml, textOf, xml, type XmlElement } from "../../../src/base/xml.js";
import { StorageError } from "../../../src/storage/errors.js";
import { PrivacyListsService } from "../../../src/transport/features/privacy-lists.js";
import { IqClient } from "../../../src/transport/stream/iq.js";
import { StreamSession } from "../../../src/transport/stream/stream-session.js";
import { a, begin, bindNs, boundJid, enabled, featuresWith, listen, managed, ManualClock, MemoryChannel, message, r, settle, sm } from "../../support/memory-channel.js";

const failed = (h?: number): XmlElement => xml(sm, "failed", { h }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "item-not-found"));
const resumed = (h: number | string, previd = "secret-id"): XmlElement => xml(sm, "resumed", { h, previd });

describe("resumption", () => {
  async function interrupted(options: Parameters<typeof managed>[1] = {}) {
    const clock = new ManualClock();
    const { channel, stream } = await managed(clock, options);
    const seen = listen(stream, true);
    await settle();
    for (let i = 1; i <= 4; i++) stream.sendTracked(message(String(i)));
    channel.receive(a(1), message("in-1"), message("in-2"));
    channel.end({});
    return { clock, session: stream.session as StreamSession, seen };
  }

  test("Q02 what the server has not handled is sent again, in order, with the same numbers, before anything new", async () => {
    const { clock, seen, session } = await interrupted();
    seen.releases[0]?.(); // durable after the link was lost: it still counts
    const channel = new MemoryChannel();
    const starting = begin(channel, clock, { resume: session });
    await settle();
    expect(channel.last("resume").attrs).toEqual({ h: "1", previd: "secret-id" });
    channel.receive(resumed(2), message("in-2"), message("in-3"), r);
    const stream = await starting;
    expect([stream.start, stream.jid, stream.session]).toEqual([{ kind: "resumed", handled: 2 }, boundJid, session]);
    expect(channel.said(1)).toEqual(["message 3", "message 4", "r", "a 1"]);
    const again = listen(stream);
    await settle();
    expect(again.deliveries.map((delivery) => delivery.number)).toEqual([2, 3]);
    expect(stream.sendTracked(message("5")).sequence).toBe(5);
    await settle();
    channel.receive(a(5));
    expect([session.acknowledged, session.queue.unacknowledged.length]).toEqual([5, 0]);
  });

  test("N15 Q03 what lies behind a breach says nothing any more, also if both came before anybody listened", async () => {
    const { clock, session } = await interrupted();
    const channel = new MemoryChannel();
    channel.receive(message("early"), resumed(4));
    await expect(begin(channel, clock, { resume: session })).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "early-stanza" } });
    expect([session.acknowledged, session.queue.unacknowledged.length, clock.pending]).toEqual([1, 3, 0]);
  });

  test("V01 a change of privacy lists that was lost is not made again behind the back of whoever was told so", async () => {
    const clock = new ManualClock();
    const { channel: first, stream: former } = await managed(clock);
    const asked = new PrivacyListsService({ iq: new IqClient(former, { rng: systemRng(), clock }) }).activate("quiet");
    first.end({});
    await expect(asked).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    const channel = new MemoryChannel();
    const starting = begin(channel, clock, { resume: former.session as StreamSession });
    await settle();
    channel.receive(resumed(0));
    await starting;
    expect(channel.said(1)).toEqual(["r"]);
  });

  test("Q02 what its sender keeps is not sent again: its number goes to what comes next, and the sender learns how far the old numbers went", async () => {
    const clock = new ManualClock();
    const { channel: first, stream: former } = await managed(clock);
    for (const [text, resend] of [["1", false], ["2", true], ["3", false], ["4", true]] as const) former.sendTracked(message(text), { resend });
    first.receive(a(1));
    first.end({});
    const session = former.session as StreamSession;
    expect([session.takeRecalled(), session.queue.unacknowledged.length]).toEqual([undefined, 2]);
    const channel = new MemoryChannel();
    const starting = begin(channel, clock, { resume: session });
    await settle();
    channel.receive(resumed(2));
    const stream = await starting;
    expect(channel.said(1).filter((what) => what.startsWith("message"))).toEqual(["message 4"]);
    expect(stream.sendTracked(message("3"), { resend: false }).sequence).toBe(4); // number 3 is message 4 now
    expect([session.takeRecalled(), session.takeRecalled()]).toEqual([2, undefined]);
    await settle();
    channel.receive(a(3)); // message 4 has arrived: on a further connection it is not sent again
    expect([session.acknowledged, session.queue.unacknowledged.length]).toEqual([3, 0]);
    channel.receive(a(4));
    expect([session.acknowledged, session.queue.unacknowledged.length]).toEqual([4, 0]);
  });

  test("Q02 a hold of the former connection that goes later does not disturb the counts of the new one", async () => {
    const { clock, seen, session } = await interrupted();
    const channel = new MemoryChannel();
    const starting = begin(channel, clock, { resume: session });
    await settle();
    expect(channel.last("resume").attrs["h"]).toBe("0");
    for (const release of seen.releases) release();
    channel.receive(resumed(4), message("in-1"), message("in-2"));
    const stream = await starting;
    const again = listen(stream);
    await settle();
    expect(again.deliveries.map((delivery) => delivery.number)).toEqual([1, 2]);
    channel.receive(r);
    expect(channel.last("a").attrs["h"]).toBe("2");
  });

  test("Q06 what became durable is saved before the session is asked for; a save that fails only costs a repetition", async () => {
    const saved: number[] = [];
    for (const works of [true, false]) {
      const { clock, seen, session } = await interrupted();
      for (const release of seen.releases) release();
      const channel = new MemoryChannel();
      void begin(channel, clock, { resume: session, saveInbound: (_, h) => { saved.push(h); return works ? Promise.resolve() : Promise.reject(new TypeError("disk full")); } });
      await settle();
      expect(channel.last("resume").attrs["h"]).toBe(works ? "2" : "0");
    }
    expect(saved).toEqual([2, 2]);
  });

  test("Q17 whoever keeps numbers of a session is told before it is asked for; if he cannot take them back it is not asked for", async () => {
    for (const works of [true, false]) {
      const { clock, session } = await interrupted();
      const channel = new MemoryChannel();
      let done = (): void => undefined;
      const beforeResume = (): Promise<void> => new Promise((resolve, reject) => { done = () => { if (works) resolve(); else reject(new StorageError("ERR_STORE_FULL", "full", { retryable: true })); }; });
      const starting = begin(channel, clock, { resume: session, beforeResume }).catch((error: unknown) => error);
      await settle();
      expect(channel.said()).toEqual([]);
      done();
      await settle();
      expect(channel.said()).toEqual(works ? ["resume 0"] : []);
      if (works) continue;
      expect(await starting).toMatchObject({ code: "ERR_STORE_FULL" });
      expect(channel.isOpen).toBe(false);
    }
    // Nobody is asked for anything: nothing is given out anew.
    const channel = new MemoryChannel();
    void begin(channel, new ManualClock(), { beforeResume: () => Promise.reject(new StorageError("ERR_STORE_FULL", "full")) });
    await settle();
    expect(channel.last("iq").attrs["type"]).toBe("set");
  });

  test("Q06 a save of the former connection that is through after the session was asked for does not move where the new one counts from", async () => {
    const clock = new ManualClock();
    let save = (): void => undefined;
    const { channel: first, stream: former } = await managed(clock, { saveInbound: () => new Promise((resolve) => { save = resolve; }) });
    listen(former);
    await settle();
    first.receive(message("in-1"), r);
    first.end({});
    const session = former.session as StreamSession;
    const channel = new MemoryChannel();
    const starting = begin(channel, clock, { resume: session, saveInbound: () => Promise.reject(new TypeError("disk full")) });
    await settle();
    expect(channel.last("resume").attrs["h"]).toBe("0");
    save();
    await settle();
    channel.receive(resumed(0), message("in-1"));
    const again = listen(await starting);
    await settle();
    expect([again.deliveries.map(({ number }) => number), session.state.inbound]).toEqual([[1], 1]);
    session.saved(0); // what is durable stays so, in whatever order saves are through
    expect(session.state.inbound).toBe(1);
  });

  test("Q03 a refused session becomes a new one on the same connection, with the same resource, and h is told", async () => {
    for (const [h, former] of [[3, { handled: 3 }], [undefined, {}], [5, {}], [0, {}]] as const) {
      const { clock, session } = await interrupted();
      const channel = new MemoryChannel();
      const starting = begin(channel, clock, { resume: session });
      await settle();
      channel.receive(failed(h));
      const bind = findChild(channel.last("iq"), bindNs, "bind");
      expect(textOf(findChild(bind as XmlElement, bindNs, "resource") as XmlElement)).toBe("orchard");
      channel.receive(channel.bound(), enabled({ resume: "true", id: "new-id" }));
      const stream = await starting;
      expect(stream.start).toEqual({ kind: "new", resumable: true, former });
      expect(channel.said().filter((what) => what.startsWith("message"))).toEqual([]);
      expect([stream.session === session, stream.sendTracked(message("x")).sequence]).toEqual([false, 1]);
    }
  });

  test("N15 what is no stanza answers no binding, however much it looks like one, and means nothing while the session is enabled", async () => {
    for (const [bound, reason] of [[false, "binding"], [true, "session"]] as const) {
      const channel = new MemoryChannel();
      const starting = begin(channel, new ManualClock());
      await settle();
      const answer = channel.bound();
      if (bound) channel.receive(answer);
      channel.receive(xml("urn:x", answer.name, answer.attrs, ...answer.children));
      await expect(starting).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason } });
      expect(channel.isOpen).toBe(false);
    }
  });

  test("N15 a stanza before the answer to the resumption ends the connection", async () => {
    const { clock, session } = await interrupted();
    const channel = new MemoryChannel();
    const starting = begin(channel, clock, { resume: session });
    await settle();
    channel.receive(message("early"), resumed(4));
    await expect(starting).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "early-stanza" } });
    expect(channel.isOpen).toBe(false);
  });

  test("Q05 <resumed/> with an impossible h, or for another session, ends the connection", async () => {
    for (const element of [resumed(9), resumed("x"), resumed(2, "somebody-else"), resumed(0)]) {
      const { clock, session } = await interrupted();
      const channel = new MemoryChannel();
      const starting = begin(channel, clock, { resume: session });
      await settle();
      channel.receive(element);
      await expect(starting).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
      expect([session.queue.unacknowledged.length, session.usable, channel.isOpen]).toEqual([3, false, false]);
    }
  });

  test("a session of an earlier process: the server's word begins the outbound count", async () => {
    const { session: former } = await interrupted();
    const channel = new MemoryChannel();
    const starting = begin(channel, new ManualClock(), { resume: StreamSession.restore(former.state) });
    await settle();
    channel.receive(resumed(3));
    const stream = await starting;
    expect([stream.start, channel.said(1), stream.session?.outbound]).toEqual([{ kind: "resumed", handled: 3 }, ["r"], 3]);
    expect(stream.sendTracked(message("x")).sequence).toBe(4);
    await settle();
    channel.receive(a(5));
    expect(channel.failure).toMatchObject({ details: { reason: "handled-count-too-high" } });
  });

  test("Q05 also of an earlier process's session the count does not go back, nor half of the range ahead", async () => {
    for (const h of [0, 2 ** 31 + 1]) {
      const { session: former } = await interrupted();
      const channel = new MemoryChannel();
      const starting = begin(channel, new ManualClock(), { resume: StreamSession.restore(former.state) }); // knows of one that was acknowledged
      await settle();
      channel.receive(resumed(h));
      await expect(starting).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "count-went-back" } });
    }
  });

  test("Q05 an earlier process's session that was taken up here is counted from then on: a count beyond what was sent is none", async () => {
    const clock = new ManualClock();
    const session = StreamSession.restore({ id: "secret-id", jid: boundJid, inbound: 0 });
    for (const [h, error] of [[7, undefined], [8, { code: "ERR_STREAM_PROTOCOL", details: { reason: "handled-count-too-high" } }]] as const) {
      const channel = new MemoryChannel();
      const starting = begin(channel, clock, { resume: session });
      await settle();
      channel.receive(resumed(h));
      if (error === undefined) await starting;
      else await expect(starting).rejects.toMatchObject(error);
      channel.end({});
    }
  });

  test("Q12 N14 the secret is not said for another account, without the feature, or against the application's will", async () => {
    const state = { id: "secret-id", jid: boundJid, inbound: 0 };
    const foreign = StreamSession.restore({ ...state, jid: parseJid("juliet@verona.example/balcony") as FullJid });
    for (const [features, options] of [[featuresWith("bind", "sm"), { resume: foreign }], [featuresWith("bind"), { resume: StreamSession.restore(state) }], [featuresWith("bind", "sm"), { resume: StreamSession.restore(state), stream: { enable: false } }]] as const) {
      const channel = new MemoryChannel(features);
      const starting = begin(channel, new ManualClock(), options);
      await settle();
      expect(channel.said()).toEqual([expect.stringMatching(/^iq /)]);
      expect(serializeXml(channel.last("iq"))).not.toContain("balcony"); // nor is it told where another account was
      channel.receive(channel.bound(), enabled());
      expect((await starting).start).toMatchObject({ former: {} });
    }
  });

  test("Q12 H03 the secret is in nothing that is printed, cloned or spread by accident", async () => {
    const { session } = await interrupted();
    expect(JSON.stringify(session)).toBe(`{"jid":"${boundJid}","inbound":0,"outbound":4,"acknowledged":1}`);
    expect(JSON.stringify(Object.entries(session))).toBe("[]");
    expect(JSON.stringify(structuredClone({ session }))).not.toContain("secret-id");
    expect(session.state.id).toBe("secret-id");
  });

  test("counts that are none are refused when a session is restored", () => {
    for (const inbound of [-1, 1.5, Number.NaN, 2 ** 60]) expect(() => StreamSession.restore({ id: "x", jid: boundJid, inbound })).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
  });
});

describe("settled together with the authentication", () => {
  const features = featuresWith("bind", "sm", "csi"); // some servers list what is settled already

  test("Q07 a session that was enabled inline: counted from there, features told afterwards, not enabled twice", async () => {
    const channel = new MemoryChannel(featuresWith());
    const starting = begin(channel, new ManualClock(), {}, { jid: boundJid, enabling: enabled() });
    await settle();
    channel.receive(message("1"), r, features, message("2"), r); // the features say nothing of where the count begins
    const stream = await starting;
    expect([stream.start, stream.features, channel.said()]).toEqual([{ kind: "new", resumable: true }, features, ["a 0", "a 0"]]);
    const seen = listen(stream);
    await settle();
    channel.receive(r);
    expect([channel.last("a").attrs["h"], seen.deliveries.map(({ number }) => number)]).toEqual(["2", [1, 2]]);
  });

  test("a session that was resumed inline needs no features; what is unhandled goes out again", async () => {
    const { stream: former, channel: first } = await managed(new ManualClock());
    former.sendTracked(message("1"));
    first.end({});
    const channel = new MemoryChannel(featuresWith());
    const stream = await begin(channel, new ManualClock(), { resume: former.session as StreamSession }, { resumption: resumed(0) });
    expect([stream.start, channel.said()]).toEqual([{ kind: "resumed", handled: 0 }, ["message 1", "r"]]);
    expect(stream.features).toBe(first.features);
    channel.receive(features);
    expect(stream.features).toBe(features);
  });

  test("inline resumption refused, bound inline: h is told, a failed enabling leaves pings", async () => {
    const { stream: former, channel: first } = await managed(new ManualClock());
    former.sendTracked(message("1"));
    first.end({});
    const channel = new MemoryChannel(featuresWith());
    const starting = begin(channel, new ManualClock(), { resume: former.session as StreamSession }, { jid: boundJid, resumption: failed(1), enabling: failed() });
    await settle();
    channel.receive(message("early"), features);
    const stream = await starting;
    expect([stream.start, channel.said()]).toEqual([{ kind: "unmanaged", former: { handled: 1 } }, []]);
    const seen = listen(stream);
    await settle();
    expect(seen.ids).toEqual(["early"]);
  });

  test("bound inline without stream management there: enabled the other way", async () => {
    const channel = new MemoryChannel(featuresWith());
    const starting = begin(channel, new ManualClock(), {}, { jid: boundJid });
    await settle();
    channel.receive(features);
    channel.receive(enabled());
    expect([(await starting).start, channel.said()]).toEqual([{ kind: "new", resumable: true }, ["enable"]]);
  });

  test("nothing settled inline: features, then resumption or binding as ever", async () => {
    const channel = new MemoryChannel(featuresWith());
    const starting = begin(channel, new ManualClock(), { resume: StreamSession.restore({ id: "secret-id", jid: boundJid, inbound: 7 }) }, {});
    await settle();
    channel.receive(features, resumed(0));
    expect([(await starting).start, channel.said()]).toEqual([{ kind: "resumed", handled: 0 }, ["resume 7", "r"]]);
  });

  test("N15 without a bound address no stanza may come before the features", async () => {
    const channel = new MemoryChannel(featuresWith());
    const starting = begin(channel, new ManualClock(), {}, {});
    await settle();
    channel.receive(message("x"));
    await expect(starting).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
  });
});
