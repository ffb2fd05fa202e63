/**
 * Sessions that go on over another kind of link, and after a WebSocket that was cut within a frame, on real servers. Prosody 0.12 reads the new link with
 * what it had for the former one (docs/decisions/0005-stream-management.md); whatever a server makes of it, a client may not write into the void for long.
 * Threats Q02, N19.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { bareJid } from "../../src/base/jid.js";
import { resumedAnswerMs } from "../../src/base/limits.js";
import { systemRng } from "../../src/base/rng.js";
import { findChild, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream, StreamEnd } from "../../src/transport/connection/stream.js";
import type { StreamSession } from "../../src/transport/stream/stream-session.js";
import { cut, FaultProxy } from "../faults/fault-proxy.js";
import { type PrivateServer, servers, services } from "../support/servers.js";

const romeo = bareJid("romeo@verona.example");
const juliet = bareJid("juliet@verona.example");
const message = (body: string): XmlElement => xml("jabber:client", "message", { to: juliet, type: "chat" }, xml("jabber:client", "body", {}, body));
/** Milliseconds in which a session goes on, or is known not to. */
const boundMs = 2 * resumedAnswerMs;

describe.each(servers)("a real $make", ({ start }) => {
  let server: PrivateServer;
  let peer: Stream;
  const heard: string[] = [];

  beforeAll(async () => {
    server = await start();
    for (const user of ["romeo", "juliet"]) await server.register(user, "pencil");
    peer = await dial("tcp", undefined, undefined, juliet);
    peer.onStanza((stanza) => {
      const body = findChild(stanza, "jabber:client", "body");
      if (body !== undefined) heard.push(textOf(body));
    });
    await peer.send(xml("jabber:client", "presence"));
  }, 60_000);
  afterAll(async () => {
    await peer.close();
    await server.stop();
  });

  type Kind = "tcp" | "directTls" | "websocket";

  function dial(kind: Kind, resume?: StreamSession, proxy?: FaultProxy, account = romeo): Promise<Stream> {
    const service = services(server)[kind].replace(/:[0-9]+/, proxy === undefined ? "$&" : `:${String(proxy.port)}`);
    return connect({
      account, service, password: () => "pencil", tls: { ca: server.caPem }, clock: systemClock, rng: systemRng(), ...(resume === undefined ? {} : { resume }),
    }, sockets);
  }

  const portOf = (kind: Kind): number => ({ tcp: server.ports.c2s, directTls: server.ports.directTls, websocket: server.ports.wss })[kind];

  /** `text` is said over `kind` by `session`, or by a new one if the server does not go on with it. Resolves when the server has it. */
  async function goOn(session: StreamSession, kind: Kind, text: string): Promise<void> {
    const before = session.acknowledged;
    let stream = await dial(kind, session);
    let end: StreamEnd | undefined;
    stream.onEnd((reason) => { end = reason; });
    void stream.send(message(text)).catch(() => undefined);
    await expect.poll(() => end !== undefined || session.acknowledged > before, { timeout: boundMs }).toBe(true);
    if (end !== undefined) {
      expect([end.error?.code, end.error?.retryable, session.usable]).toEqual(["ERR_STREAM_CLOSED", true, false]);
      stream = await dial(kind, session);
      expect(stream.start.kind).toBe("new");
      await stream.send(message(text));
      await expect.poll(() => stream.session?.acknowledged, { timeout: boundMs }).toBe(1);
    }
    await expect.poll(() => heard.filter((body) => body === text).length, { timeout: boundMs }).toBe(1);
    await stream.close();
  }

  test.each<readonly [Kind, Kind]>([
    ["tcp", "websocket"], ["websocket", "tcp"], ["directTls", "websocket"], ["websocket", "directTls"], ["tcp", "directTls"], ["websocket", "websocket"],
  ])("Q02 N19 a session that began over %s goes on over %s, or is given up for a new one", async (from, to) => {
    const proxy = await FaultProxy.start({ host: server.host, port: portOf(from) });
    const stream = await dial(from, undefined, proxy);
    await stream.send(message(`before ${from} ${to}`));
    await expect.poll(() => stream.session?.acknowledged).toBe(1);
    await proxy.close();
    await goOn(stream.session as StreamSession, to, `behind ${from} ${to}`);
  }, 60_000);

  // A byte of a TLS record is not read before the record is whole: 40 KiB are three records, and so the server has a part of the frame.
  test.each<readonly [Kind, number]>([["websocket", 1], ["websocket", 17_000], ["websocket", 34_000], ["tcp", 17_000], ["tcp", 34_000]])(
    "Q02 N19 behind a link (%s) that was cut %i bytes into a long stanza the session goes on, or is given up for a new one", async (kind, bytes) => {
      const proxy = await FaultProxy.start({ host: server.host, port: portOf(kind) });
      const stream = await dial(kind, undefined, proxy);
      await stream.send(message("first"));
      await expect.poll(() => stream.session?.acknowledged).toBe(1);
      const gone = new Promise((resolve) => { stream.onEnd(resolve); });
      const struck = proxy.strike(cut({ kind: "bytes", direction: "up", count: bytes }), AbortSignal.timeout(boundMs));
      stream.sendTracked(message("y".repeat(40 * 1024)), { resend: false }).written.catch(() => undefined);
      expect(await struck).toBe("struck");
      await gone;
      await goOn(stream.session as StreamSession, kind, `behind ${kind} ${String(bytes)}`);
      await proxy.close();
    }, 60_000);
});
