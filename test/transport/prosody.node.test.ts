/** The connection against a real server. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { bareJid, domainOf } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { xml } from "../../src/base/xml.js";
import { connectOver } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { MechanismName } from "../../src/transport/auth/mechanism-names.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { streamMachines } from "../support/stream-machines.js";
import { startProsody, type Prosody } from "../../scripts/lib/prosody.mjs";

const account = bareJid("römeo@verona.example");
const password = "pässwörd, = 日本";
let prosody: Prosody;

beforeAll(async () => {
  prosody = await startProsody({ domain: "verona.example", accounts: [["römeo", password]] });
}, 60_000);
afterAll(async () => { await prosody.stop(); });

const services = [
  ["STARTTLS", () => `xmpp://127.0.0.1:${String(prosody.ports.c2s)}`],
  ["direct TLS", () => `xmpps://127.0.0.1:${String(prosody.ports.directTls)}`],
  ["wss", () => `wss://127.0.0.1:${String(prosody.ports.wss)}/xmpp-websocket`],
] as const;

describe.each(streamMachines)("a real Prosody over $machine", ({ create }) => {
  test.each(services)("N13 over %s: verified TLS, SCRAM with a name and a password beyond ASCII, binding, a request, a clean close", async (_, service) => {
    let mechanism: MechanismName | undefined;
    const stream = await connectOver(create, {
      account, service: service(), password: () => password, tls: { ca: prosody.caPem }, clock: systemClock, rng: systemRng(),
      onAuthenticated: (name) => { mechanism = name; },
    }, sockets);
    expect(mechanism).toBe("SCRAM-SHA-256");
    expect(stream.jid.startsWith(`${account}/`)).toBe(true);
    const iq = new IqClient(stream, { rng: systemRng(), clock: systemClock });
    const info = await iq.request({ type: "get", to: domainOf(account), payload: xml("http://jabber.org/protocol/disco#info", "query") });
    expect(info?.name).toBe("query");
    await expect(iq.request({ type: "get", payload: xml("urn:example:nothing", "query") })).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", details: { condition: "service-unavailable" } });
    const ends: unknown[] = [];
    stream.onEnd((end) => { ends.push(end); });
    await stream.close();
    expect(stream.isOpen).toBe(false);
    expect(ends).toEqual([{}]);
  });

  test("N04 without the test authority, and N17 with a wrong password: typed, not retryable", async () => {
    const attempt = (over: { readonly ca?: string; readonly password?: string }) => connectOver(create, {
      account, service: services[1][1](), password: () => over.password ?? password, clock: systemClock, rng: systemRng(),
      ...(over.ca === undefined ? {} : { tls: { ca: over.ca } }),
    }, sockets);
    await expect(attempt({})).rejects.toMatchObject({ code: "ERR_TLS_FAILED", retryable: false });
    await expect(attempt({ ca: prosody.caPem, password: "wrong" })).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED", retryable: false, details: { condition: "not-authorized" } });
  });
});
