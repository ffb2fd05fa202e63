/**
 * A real ejabberd ends the stream of a client that lags behind a flood with `policy-violation`, and that of one whose session its operator ends:
 * neither may keep the client away for good. Threats L03, N17.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { bareJid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { xml } from "../../src/base/xml.js";
import { createClient } from "../../src/client/create-client.js";
import type { SottoClient } from "../../src/index.js";
import { memoryStore } from "../../src/storage/memory.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { services, type PrivateServer } from "../support/servers.js";

const password = "a rose by any other name";
/** More than the server lets lie unacknowledged (5,000). */
const stanzas = 12_000;
const patient = (): AbortSignal => AbortSignal.timeout(60_000);

let server: PrivateServer;
let juliet: SottoClient;
beforeAll(async () => {
  server = await startEjabberd({ accounts: [["juliet", password], ["mallory", password]] });
  juliet = await createClient({ account: "juliet@verona.example", password, service: services(server).directTls, store: memoryStore(), tls: { ca: server.caPem } });
}, 60_000);
afterAll(async () => {
  await juliet.close();
  await server.stop();
});

/** What the client says of its link, and when it has lost it. */
function watch(): { readonly told: string[]; readonly lost: Promise<void>; readonly stop: () => void } {
  const told: string[] = [];
  let stop = (): void => undefined;
  const lost = new Promise<void>((resolve) => {
    stop = juliet.status.subscribe(() => {
      const { kind } = juliet.status.getSnapshot();
      told.push(kind);
      if (kind === "waiting" || kind === "stopped") resolve();
    });
  });
  return { told, lost, stop };
}

async function flood(): Promise<void> {
  const mallory = await connect({
    account: bareJid("mallory@verona.example"), service: services(server).directTls, password: () => password, tls: { ca: server.caPem }, clock: systemClock, rng: systemRng(),
  }, sockets);
  mallory.onStanza(() => undefined);
  const headline = xml("jabber:client", "message", { to: bareJid("juliet@verona.example"), type: "headline" });
  // Once is enough unless the machine is quick.
  for (let times = 0; times < 5 && juliet.status.getSnapshot().kind === "online"; times++) {
    await Promise.allSettled(Array.from({ length: stanzas }, () => mallory.send(headline)));
  }
  await mallory.close();
}

async function kick(): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${String(server.ports.ws)}/api/kick_user`, { method: "POST", body: JSON.stringify({ user: "juliet", host: server.domain }) });
  expect(answer.status).toBe(200);
}

test.each([["a flood", flood], ["the operator", kick]])("L03 N17 a client that %s has thrown out comes back by itself", async (_, throwOut) => {
  await juliet.ready({ signal: patient() });
  const { told, lost, stop } = watch();
  await throwOut();
  await lost;
  await juliet.ready({ signal: patient() });
  stop();
  expect(told).not.toContain("stopped");
}, 120_000);
