/** Stream management at its edges: what is saved and said once and no more, and what a server may leave out or say again. Threats Q06, Q07, Q11, Q12, N15, N19. */
import { describe, expect, test } from "vitest";
import { systemRng } from "../../../src/base/rng.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { TransportError } from "../../../src/transport/errors.js";
import { StreamSession } from "../../../src/transport/stream/stream-session.js";
import { a, account, begin, boundJid, enabled, featuresWith, listen, managed, ManualClock, MemoryChannel, message, r, settle, sm, stanza, unmanaged } from "../../support/memory-channel.js";

const restored = (inbound = 0): StreamSession => StreamSession.restore({ id: "secret-id", jid: boundJid, inbound });
const breach = (reason: string): object => ({ code: "ERR_STREAM_PROTOCOL", details: { reason } });

describe("what was received", () => {
  interface Save { readonly h: number; readonly done: () => void; readonly fail: () => void }
  async function saving(): Promise<{ readonly saves: Save[]; readonly errors: unknown[] } & Awaited<ReturnType<typeof managed>>> {
    const saves: Save[] = [];
    const errors: unknown[] = [];
    const { channel, stream } = await managed(new ManualClock(), {
      saveInbound: (_, h) => new Promise((resolve, reject) => { saves.push({ h, done: resolve, fail: () => { reject(new TypeError("disk full")); } }); }),
      onListenerError: (error) => { errors.push(error); },
    });
    listen(stream);
    await settle();
    return { saves, errors, channel, stream };
  }

  test("Q06 a close behind a save that is under way waits for what came since, and says it", async () => {
    const { channel, saves, stream } = await saving();
    channel.receive(message("1"), r, message("2"));
    const closing = stream.close();
    saves[0]?.done();
    await settle();
    expect([saves.map(({ h }) => h), channel.said(), channel.isOpen]).toEqual([[1, 2], ["a 1"], true]);
    saves[1]?.done();
    await closing;
    expect(channel.said()).toEqual(["a 1", "a 2"]);
  });

  test("Q06 a save that fails is not tried again for those who asked meanwhile, but for whoever asks next", async () => {
    const { channel, errors, saves } = await saving();
    channel.receive(message("1"), r, r);
    saves[0]?.fail();
    await settle();
    expect([saves.length, errors.length, channel.said()]).toEqual([1, 1, []]);
    channel.receive(r);
    saves[1]?.done();
    await settle();
    expect([saves.length, channel.said()]).toEqual([2, ["a 1"]]);
  });

  test("Q06 who was told everything hears of a hold that goes only when he asks", async () => {
    const { channel, stream } = await managed(new ManualClock());
    const seen = listen(stream, true);
    await settle();
    channel.receive(message("1"));
    seen.releases[0]?.();
    channel.receive(r, message("2"));
    seen.releases[1]?.();
    expect(channel.said()).toEqual(["a 1"]);
  });

  test("Q06 before a session is asked for nothing is saved that is saved already", async () => {
    const { channel: first, stream } = await managed(new ManualClock());
    listen(stream);
    await settle();
    first.receive(message("1"), r);
    first.end({});
    const saves: number[] = [];
    const channel = new MemoryChannel();
    const starting = begin(channel, new ManualClock(), { ...(stream.session === undefined ? {} : { resume: stream.session }), saveInbound: (_, h) => { saves.push(h); return Promise.resolve(); } });
    await settle();
    expect([saves, channel.last("resume").attrs["h"]]).toEqual([[], "1"]);
    channel.end({});
    await expect(starting).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
  });

  test("N19 a caller who gives up while it is saved is told just that, and the session is not asked for", async () => {
    const { channel: first, stream } = await managed(new ManualClock());
    listen(stream);
    await settle();
    first.receive(message("1"));
    first.end({});
    const caller = new AbortController();
    const errors: unknown[] = [];
    const channel = new MemoryChannel();
    const starting = begin(channel, new ManualClock(), {
      ...(stream.session === undefined ? {} : { resume: stream.session }), saveInbound: () => new Promise(() => undefined), signal: caller.signal, onListenerError: (error) => { errors.push(error); },
    });
    await settle();
    caller.abort();
    await expect(starting).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect([errors, channel.written]).toEqual([[], []]);
  });
});

describe("the server's words", () => {
  test("Q11 the id of a session may have 4,000 characters", async () => {
    const starts = await Promise.all([3_999, 4_000, 4_001].map(async (length) => (await managed(new ManualClock(), {}, { resume: "true", id: "x".repeat(length) })).stream.start));
    expect(starts).toEqual([true, true, false].map((resumable) => ({ kind: "new", resumable })));
  });

  test("a session goes on although the server does not repeat its id", async () => {
    const channel = new MemoryChannel();
    const starting = begin(channel, new ManualClock(), { resume: restored() });
    await settle();
    channel.receive(xml(sm, "resumed", { h: 0 }));
    expect((await starting).start).toEqual({ kind: "resumed", handled: 0 });
  });

  test("N15 no message answers a binding, whatever its id", async () => {
    const channel = new MemoryChannel();
    const starting = begin(channel, new ManualClock(), { rng: systemRng() });
    await settle();
    const { attrs, children } = channel.bound();
    channel.receive(stanza("message", attrs, ...children));
    await expect(starting).rejects.toMatchObject(breach("early-stanza"));
  });

  test("a server that offers no binding ends the attempt before anything is asked of it", async () => {
    const channel = new MemoryChannel(featuresWith("sm"));
    await expect(begin(channel, new ManualClock())).rejects.toMatchObject({ code: "ERR_BIND_FAILED", retryable: false });
    expect([channel.written, channel.isOpen]).toEqual([[], false]);
  });
});

describe("a session that is settled within the login", () => {
  const failed: XmlElement = xml(sm, "failed", {}, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "item-not-found"));

  test("Q12 is asked for once: a server that refused it there is not asked again", async () => {
    const channel = new MemoryChannel(xml("http://etherx.jabber.org/streams", "features"));
    const starting = begin(channel, new ManualClock(), { resume: restored() }, { resumption: failed });
    await settle();
    channel.receive(featuresWith("bind", "sm"));
    expect(channel.said().map((said) => said.split(" ")[0])).toEqual(["iq"]);
    channel.receive(channel.bound(), enabled());
    expect((await starting).start).toEqual({ kind: "new", resumable: true, former: {} });
  });

  test("N15 and what is neither of the session nor of stream management ends it", async () => {
    const channel = new MemoryChannel(xml("http://etherx.jabber.org/streams", "features"));
    const starting = begin(channel, new ManualClock(), {}, { jid: boundJid, enabling: enabled() });
    await settle();
    channel.receive(message("1"), r, xml("urn:x", "word"));
    await expect(starting).rejects.toMatchObject(breach("features"));
    expect(channel.isOpen).toBe(false);
  });
});

describe("the end of a stream", () => {
  test("Q13 a session that was not resumed is told the server's own reason, and can be asked for", async () => {
    const { channel, stream } = await managed(new ManualClock());
    const ends: unknown[] = [];
    stream.onEnd((end) => { ends.push(end.error); });
    const error = new TransportError("ERR_STREAM_ERROR", "the server ended the stream with an error", { details: { condition: "policy-violation" } });
    channel.end({ error });
    expect([ends[0] === error, stream.session?.usable]).toEqual([true, true]);
  });

  test("Q06 N19 a close behind it saves nothing and waits for nobody", async () => {
    const clock = new ManualClock();
    const saves: number[] = [];
    const { channel, stream } = await managed(clock, { saveInbound: (_, h) => { saves.push(h); return new Promise(() => undefined); } });
    listen(stream);
    await settle();
    channel.receive(message("1"));
    channel.end({});
    await stream.close();
    expect([saves, clock.pending]).toEqual([[], 0]);
  });

  test("Q02 whoever recovers by himself learns of the lowest number that was void, however often the session went on since he asked", async () => {
    const { channel: first, stream } = await managed(new ManualClock());
    const { session } = stream;
    if (session === undefined) throw new TypeError("this stream has no session");
    for (let i = 1; i <= 3; i++) void stream.send(message(String(i)));
    await settle();
    first.receive(a(1));
    first.end({});
    for (const h of [1, 3]) {
      const channel = new MemoryChannel();
      const starting = begin(channel, new ManualClock(), { resume: session });
      await settle();
      channel.receive(xml(sm, "resumed", { h, previd: "secret-id" }));
      await starting;
      channel.end({});
    }
    expect([session.takeRecalled(), session.takeRecalled()]).toEqual([1, undefined]);
  });
});

test("F01 without stream management only a reply to the ping is evidence, and only once", async () => {
  const { channel, stream } = await unmanaged(new ManualClock());
  const acknowledged: number[] = [];
  stream.onAcknowledged((upTo) => { acknowledged.push(upTo); });
  const { ids } = listen(stream);
  void stream.send(message("1"));
  await settle();
  const { id = "" } = channel.last("iq").attrs;
  channel.receive(stanza("message", { type: "error", id }), stanza("presence", { type: "error", id, from: account }));
  expect([ids, acknowledged]).toEqual([[id, id], []]);
  const answer = stanza("iq", { type: "result", id, from: "verona.example" });
  channel.receive(answer, answer);
  expect([ids, acknowledged]).toEqual([[id, id, id], [1]]);
});
