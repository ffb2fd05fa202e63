/** Prosody locks its output at `<inactive/>`, with what it has not written out: nobody may wait for that. Threats Q01, Q02, N19 (Node only). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../src/base/clock.js";
import { bareJid } from "../../src/base/jid.js";
import { ackAnswerMs, connectPhaseTimeoutMs, resumedAnswerMs } from "../../src/base/limits.js";
import { systemRng } from "../../src/base/rng.js";
import { xml } from "../../src/base/xml.js";
import { connect } from "../../src/transport/connection/connect.js";
import type { Link, SocketFactories } from "../../src/transport/connection/sockets.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { setClientActive } from "../../src/transport/features/csi.js";
import type { StreamSession } from "../../src/transport/stream/stream-session.js";
import { type Prosody, startProsody } from "../../scripts/lib/prosody.mjs";
import { services } from "../support/servers.js";

const romeo = bareJid("romeo@verona.example");
const message = xml("jabber:client", "message", { to: romeo, type: "chat", id: "1" }, xml("jabber:client", "body", {}, "hello"));
/** Deadlines pass four times as fast. */
const haste = 4;
const clock: Clock = { ...systemClock, schedule: (delayMs, task, options) => systemClock.schedule(delayMs / haste, task, options), monotonic: () => systemClock.monotonic() * haste };
let server: Prosody;

beforeAll(async () => {
  server = await startProsody({ accounts: [["romeo", "pencil"]] });
}, 60_000);
afterAll(async () => { await server.stop(); });

/** Sockets whose links can be cut. TCP writes in one piece what belongs to one moment, as a radio does that was asleep. */
function watched(): { readonly factories: SocketFactories; readonly links: Link[] } {
  const links: Link[] = [];
  const { tcp, webSocket } = sockets;
  if (tcp === undefined) throw new TypeError("no TCP");
  const inOnePiece = (link: Link): void => {
    const write = link.write.bind(link);
    let waiting: string[] = [];
    link.write = (text) => {
      if (waiting.push(text) === 1) setTimeout(() => { const texts = waiting; waiting = []; write(texts.join("")).catch(() => undefined); }, 20);
      return Promise.resolve();
    };
  };
  return {
    links,
    factories: {
      tcp: async (...how) => {
        const link = await tcp(...how);
        inOnePiece(link);
        links.push(link);
        return link;
      },
      webSocket: async (...how) => {
        const link = await webSocket(...how);
        links.push(link);
        return link;
      },
    },
  };
}

describe.each(["directTls", "websocket"] as const)("over %s", (kind) => {
  const { factories, links } = watched();
  const dial = (resume?: StreamSession): Promise<Stream> => connect({
    account: romeo, service: services(server)[kind], password: () => "pencil", tls: { ca: server.caPem }, clock, rng: systemRng(), phaseTimeoutMs: haste * connectPhaseTimeoutMs, ...(resume === undefined ? {} : { resume }),
  }, factories);

  test("Q01 N19 a message behind which the client says at once that nobody looks is acknowledged as soon as any other", async () => {
    const stream = await dial();
    void stream.send(message);
    await Promise.resolve(); // the question stands behind the message
    await setClientActive(stream, false);
    await expect.poll(() => stream.session?.acknowledged, { timeout: ackAnswerMs / haste }).toBe(1);
    await stream.close();
  });

  test("Q02 N19 a session that goes on while nobody looks proves itself, and is not given up", async () => {
    const first = await dial();
    await setClientActive(first, false);
    links.at(-1)?.destroy();
    const second = await dial(first.session);
    expect(second.start.kind).toBe("resumed");
    await setClientActive(second, false);
    await new Promise((resolve) => { setTimeout(resolve, 1.5 * resumedAnswerMs / haste); });
    expect([second.isOpen, second.session?.usable]).toEqual([true, true]);
    await second.close();
  });
});
