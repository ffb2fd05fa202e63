/** Stream management against real servers: resumption, refusal, counters under the login race. Threats Q02, Q03, Q07. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { bareJid, resourceOf } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { findChild, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { connect } from "../../src/transport/connection/connect.js";
import type { ConnectOptions } from "../../src/transport/connection/connect-options.js";
import type { Link, SocketFactories } from "../../src/transport/connection/sockets.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream, StreamEnd } from "../../src/transport/connection/stream.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { StreamSession } from "../../src/transport/stream/stream-session.js";
import { servers, services, type PrivateServer } from "../support/servers.js";

const romeo = bareJid("romeo@verona.example");
const juliet = bareJid("juliet@verona.example");
const message = (id: string): XmlElement => xml("jabber:client", "message", { to: juliet, id, type: "chat" }, xml("jabber:client", "body", {}, id));

/** Sockets whose links can be cut, or made deaf and dumb. */
function cuttable(): { readonly factories: SocketFactories; readonly links: Link[]; mute: boolean } {
  const state: { readonly links: Link[]; mute: boolean } = { links: [], mute: false };
  const { tcp } = sockets;
  if (tcp === undefined) throw new TypeError("no TCP");
  const factories: SocketFactories = {
    ...sockets,
    async tcp(target, handlers, signal) {
      const link = await tcp(target, { ...handlers, data: (data) => { if (!state.mute) handlers.data(data); } }, signal);
      state.links.push(link);
      return link;
    },
  };
  return Object.assign(state, { factories });
}

const bodies = (stream: Stream, seen: string[] = []): string[] => {
  stream.onStanza((stanza) => {
    const body = findChild(stanza, "jabber:client", "body");
    if (body !== undefined) seen.push(textOf(body));
  });
  return seen;
};

describe.each(servers)("a real $make", ({ start }) => {
  let server: PrivateServer;

  beforeAll(async () => {
    server = await start();
    for (const user of ["romeo", "juliet"]) await server.register(user, "pencil");
  }, 60_000);
  afterAll(async () => { await server.stop(); });

  function dial(account = romeo, over: Partial<ConnectOptions> = {}, factories = sockets): Promise<Stream> {
    return connect({ account, service: services(server).directTls, password: () => "pencil", tls: { ca: server.caPem }, clock: systemClock, rng: systemRng(), ...over }, factories);
  }

  test("Q02 a link that is cut under traffic in both directions: nothing lost, nothing doubled, order kept", async () => {
    const peer = await dial(juliet);
    const received = bodies(peer);
    await peer.send(xml("jabber:client", "presence"));
    const net = cuttable();
    let stream = await dial(romeo, {}, net.factories);
    expect(stream.start).toEqual({ kind: "new", resumable: true });
    const answers = bodies(stream);
    await stream.send(xml("jabber:client", "presence"));
    const expected: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 15; i++) {
        const id = `${String(round)}-${String(i)}`;
        expected.push(id);
        void stream.send(message(id));
        void peer.send(xml("jabber:client", "message", { to: stream.jid, type: "chat" }, xml("jabber:client", "body", {}, id)));
        if (i === 9) net.mute = true; // what the server says from here on is lost
        if (i % 5 === 0) await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
      await new Promise((resolve) => { setTimeout(resolve, 30); });
      net.links.at(-1)?.destroy();
      net.mute = false;
      stream = await dial(romeo, { resume: stream.session as StreamSession }, net.factories);
      expect(stream.start.kind).toBe("resumed");
      bodies(stream, answers);
    }
    await expect.poll(() => received.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(expected.length);
    expect(received).toEqual(expected);
    await expect.poll(() => answers.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(expected.length);
    expect(answers).toEqual(expected);
    await stream.close();
    await peer.close();
  });

  test("a session is resumed by another process from its persisted state", async () => {
    const net = cuttable();
    const first = await dial(romeo, {}, net.factories);
    await first.send(message("a"));
    await first.send(message("b"));
    await expect.poll(() => first.session?.acknowledged).toBe(2);
    const state = JSON.parse(JSON.stringify((first.session as StreamSession).state)) as StreamSession["state"];
    net.links.at(-1)?.destroy();
    const second = await dial(romeo, { resume: StreamSession.restore(state) });
    expect([second.start, second.jid, second.sendTracked(message("c")).sequence]).toEqual([{ kind: "resumed", handled: 2 }, first.jid, 3]);
    await expect.poll(() => second.session?.acknowledged).toBe(3);
    await second.close();
  });

  test("Q03 an expired session is refused; the same resource is bound on the same connection", async () => {
    const brief = await start({ resumeSeconds: 1 });
    try {
      for (const user of ["romeo", "juliet"]) await brief.register(user, "pencil");
      const there = { service: services(brief).directTls, tls: { ca: brief.caPem } };
      const net = cuttable();
      const first = await dial(romeo, there, net.factories);
      await first.send(message("x"));
      await expect.poll(() => first.session?.acknowledged).toBe(1);
      net.links.at(-1)?.destroy();
      // The session keeps a question that nobody takes, until it ends.
      const peer = await dial(juliet, there);
      const asking = new IqClient(peer, { rng: systemRng(), clock: systemClock }).request({ type: "get", to: first.jid, payload: xml("urn:xmpp:ping", "ping") });
      await expect(asking).rejects.toMatchObject({ code: "ERR_STANZA_ERROR" });
      const second = await dial(romeo, { ...there, resume: first.session as StreamSession });
      expect(second.start).toMatchObject({ kind: "new", resumable: true });
      expect(second.start).toHaveProperty("former");
      expect(resourceOf(second.jid)).toBe(resourceOf(first.jid));
      await Promise.all([second.close(), peer.close()]);
    } finally {
      await brief.stop();
    }
  });

  test.each([
    ["the text of a stanza", `<message to='${juliet}'><body>half of what he wan`], ["a tag", "<messa"], ["an attribute", "<message to='jul"],
  ])("Q02 N19 after a link that was cut within %s the session goes on, or is given up for a new one: nothing is written into the void for long", async (_, fragment) => {
    const net = cuttable();
    const first = await dial(romeo, {}, net.factories);
    await first.send(message("before"));
    await expect.poll(() => first.session?.acknowledged).toBe(1);
    await net.links.at(-1)?.write(fragment);
    await new Promise((resolve) => { setTimeout(resolve, 200); }); // a reset would throw away what the server has not read
    net.links.at(-1)?.destroy();

    const session = first.session as StreamSession;
    let stream = await dial(romeo, { resume: session });
    expect(stream.start.kind).toBe("resumed");
    let end: StreamEnd | undefined;
    stream.onEnd((reason) => { end = reason; });
    void stream.send(message("behind")).catch(() => undefined);
    await expect.poll(() => end !== undefined || session.acknowledged === 2, { timeout: 20_000 }).toBe(true);
    if (end !== undefined) {
      expect([end.error?.code, end.error?.retryable, session.usable]).toEqual(["ERR_STREAM_CLOSED", true, false]);
      stream = await dial(romeo, { resume: session });
      expect(stream.start.kind).toBe("new");
      await stream.send(message("behind"));
      await expect.poll(() => stream.session?.acknowledged).toBe(1);
    }
    await stream.close();
  });

  test("Q07 many logins that send presence in the turn they are online: no session is killed", async () => {
    let killed = 0;
    for (let batch = 0; batch < 6; batch++) {
      const streams = await Promise.all(Array.from({ length: 10 }, async (_, i) => {
        const stream = await dial(i % 2 === 0 ? romeo : juliet);
        let pending = 1;
        stream.onEnd(({ error }) => { if (error !== undefined) killed++; });
        stream.onStanza(() => { pending++; });
        void stream.send(xml("jabber:client", "presence"));
        void stream.send(xml("jabber:client", "iq", { type: "get", id: "roster" }, xml("jabber:iq:roster", "query")));
        return { stream, received: () => pending };
      }));
      await expect.poll(() => streams.every(({ stream, received }) => received() > 2 && (stream.session?.acknowledged ?? 0) >= 2), { timeout: 20_000 }).toBe(true);
      await Promise.all(streams.map(({ stream }) => stream.close()));
    }
    expect(killed).toBe(0);
  }, 120_000);
});
