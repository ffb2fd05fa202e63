/** Many logins, each with presence at the first moment it is possible: what made servers kill the sessions of other libraries. */
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { bareJid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { xml } from "../../src/base/xml.js";
import { connect } from "../../src/transport/connection/connect.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import { servers, services } from "../support/servers.js";
import { password } from "./arena.js";

const logins = 500;
const atATime = 25;
const patience = 600_000;
/** Stanzas of each login that the server must have acknowledged at the end: presence and the question behind it. */
const handledMin = 2;

describe.each(servers)("on $make", (server) => {
  test("Q07 Q08 of 500 logins that send presence at once, no session is killed, and each has stream management that acknowledges", async () => {
    const running = await server.start();
    const open: { readonly stream: Stream; ended: boolean }[] = [];
    try {
      const names = Array.from({ length: logins }, (_, i) => `user${i}`);
      await running.registerAll(names, password);
      const login = async (name: string): Promise<void> => {
        const stream = await connect({
          account: bareJid(`${name}@${running.domain}`), service: services(running).directTls, password: () => password, tls: { ca: running.caPem },
          clock: systemClock, rng: systemRng(),
        }, sockets);
        const session = { stream, ended: false };
        open.push(session);
        stream.onEnd(() => { session.ended = true; });
        expect(stream.start).toMatchObject({ kind: "new", resumable: true });
        await stream.send(xml("jabber:client", "presence"));
      };
      const waiting = [...names];
      const worker = async (): Promise<void> => {
        for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await login(name);
      };
      await Promise.all(Array.from({ length: atATime }, worker));
      // An answer to a ping comes behind everything the server had to say about the session's beginning.
      await Promise.all(open.map(async ({ stream }) => {
        const iq = new IqClient(stream, { rng: systemRng(), clock: systemClock });
        await iq.request({ type: "get", to: bareJid(stream.jid.split("/")[0] as string), payload: xml("http://jabber.org/protocol/disco#info", "query") });
      }));
      expect(open).toHaveLength(logins);
      // Without acknowledgements nothing would have been counted, and no counter could have been wrong.
      await expect.poll(() => open.filter(({ stream }) => (stream.session?.acknowledged ?? 0) < handledMin).length, { timeout: 60_000 }).toBe(0);
      expect(open.filter(({ stream, ended }) => ended || !stream.isOpen)).toEqual([]);
    } finally {
      await Promise.all(open.map(({ stream }) => stream.close()));
      await running.stop();
    }
  }, patience);
});
