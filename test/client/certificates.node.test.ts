/** Certificates that do not hold, as a client meets them over each kind of service: before it has ever been in, and after: threats N04, N17. */
import net from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock, type Clock } from "../../src/base/clock.js";
import type { SottoClient } from "../../src/client/client.js";
import { createClient } from "../../src/client/create-client.js";
import type { ClientStatus } from "../../src/client/status.js";
import { memoryStore } from "../../src/storage/memory.js";
import { createTestAuthority, type TestAuthority, type TestCertificate } from "../../src/testing/node/certificates.js";
import { hostileServer, type HostileServer, type Scenario, type ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import { account, bindFeature, domain, features, mechanisms, openTcp, openWebSocket, password, proceed, scram, startTls } from "../support/xmpp-script.js";

type Kind = "tcp" | "tls" | "websocket";
const scheme = { tcp: "xmpp", tls: "xmpps", websocket: "wss" } as const;

/** What is wrong, and what Node calls it. */
const wrongs = {
  "is expired": "CERT_HAS_EXPIRED",
  "is not valid yet": "CERT_NOT_YET_VALID",
  "is for another name": "ERR_TLS_CERT_ALTNAME_INVALID",
  "has signed itself": "DEPTH_ZERO_SELF_SIGNED_CERT",
  "is from an authority that nobody named": "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
} as const;
type Wrong = keyof typeof wrongs;

let authority: TestAuthority;
let stranger: TestAuthority;
let good: TestCertificate;
const bad = new Map<Wrong, TestCertificate>();
const certificateThat = (wrong: Wrong): TestCertificate => bad.get(wrong) as TestCertificate;

beforeAll(async () => {
  const names = [`DNS:${domain}`, "IP:127.0.0.1"];
  [authority, stranger] = [await createTestAuthority(), await createTestAuthority()];
  good = await authority.issue({ names });
  bad.set("is expired", await authority.issue({ names, expired: true }));
  bad.set("is not valid yet", await authority.issue({ names, notYetValid: true }));
  bad.set("is for another name", await authority.issue({ names: ["DNS:evil.example", "IP:127.0.0.2"] }));
  bad.set("has signed itself", await authority.issue({ names, selfSigned: true }));
  bad.set("is from an authority that nobody named", await stranger.issue({ names }));
});
afterAll(async () => { await authority.close(); await stranger.close(); });

const clients: SottoClient[] = [];
const servers: HostileServer[] = [];
const doors: net.Server[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) await server.close();
  for (const door of doors.splice(0)) door.close();
});

/** Everything that clients have said, over all connections. */
interface Heard { said: string }

/** A server with `certificate` that lets whoever proves the password in, and is gone right behind that. */
async function serverWith(kind: Kind, certificate: TestCertificate, heard: Heard): Promise<HostileServer> {
  const scenario: Scenario = async (c) => {
    void c.closed.then(() => { heard.said += c.received; });
    if (kind === "tcp") {
      await openTcp(c, features(startTls));
      await c.expect("<starttls");
      await c.send(proceed);
      await c.startTls(certificate);
    }
    await letIn(c, kind === "websocket" ? openWebSocket : openTcp);
    await c.expect("<iq "); // it is in, and asks its first question
    c.close(true);
  };
  const server = await hostileServer(kind === "tcp" ? { kind } : { kind, certificate }, scenario);
  servers.push(server);
  return server;
}

async function letIn(c: ScriptedConnection, open: typeof openTcp): Promise<void> {
  await open(c, features(mechanisms("SCRAM-SHA-1")));
  await scram(c);
  await open(c, features(bindFeature));
  const [, id = ""] = await c.expect(/<iq [^>]*id="([^"]+)"/);
  await c.expect("</iq>");
  await c.send(`<iq xmlns='jabber:client' type='result' id='${id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${account}/one</jid></bind></iq>`);
}

/** One port behind which stands one server after the other. */
async function doorTo(standing: () => HostileServer): Promise<number> {
  const door = net.createServer((socket) => {
    const inside = net.connect(standing().port, "127.0.0.1");
    for (const [one, other] of [[socket, inside], [inside, socket]] as const) {
      one.on("error", () => undefined);
      one.on("close", () => { other.destroy(); });
      one.pipe(other);
    }
  });
  doors.push(door);
  await new Promise<void>((resolve) => { door.listen(0, "127.0.0.1", resolve); });
  return (door.address() as net.AddressInfo).port;
}

/** The wait before another attempt is short; every deadline is what it is. */
const impatient: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  schedule: (delayMs, task, options) => systemClock.schedule(options?.keepsAlive === true ? Math.min(delayMs, 20) : delayMs, task, options),
};

interface Visit { readonly client: SottoClient; readonly told: ClientStatus[]; readonly asked: () => number }

async function visit(kind: Kind, port: number): Promise<Visit> {
  let asked = 0;
  const client = await createClient({
    account, service: `${scheme[kind]}://127.0.0.1:${String(port)}${kind === "websocket" ? "/ws" : ""}`, store: memoryStore(), tls: { ca: authority.ca }, clock: impatient,
    password: () => { asked++; return password; }, autoConnect: false,
  });
  clients.push(client);
  const told: ClientStatus[] = [];
  client.status.subscribe(() => { told.push(client.status.getSnapshot()); });
  client.connect();
  return { client, told, asked: () => asked };
}

describe.each<Kind>(["tcp", "tls", "websocket"])("over %s a certificate that", (kind) => {
  test.each(Object.keys(wrongs) as Wrong[])("N04 N17 %s stops a client that has never been in, with a typed error, before the password is asked for", async (wrong) => {
    const heard: Heard = { said: "" };
    const server = await serverWith(kind, certificateThat(wrong), heard);
    const { client, told, asked } = await visit(kind, server.port);
    await expect(client.ready({ signal: AbortSignal.timeout(10_000) })).rejects.toMatchObject({ code: "ERR_TLS_FAILED", retryable: false, details: { reason: wrongs[wrong] } });
    expect(told.map((status) => status.kind).filter((state) => state !== "connecting")).toEqual(["stopped"]);
    expect(asked()).toBe(0);
    await client.close();
    await server.close();
    expect(heard.said).not.toMatch(/auth|romeo/);
  });

  test.each(Object.keys(wrongs) as Wrong[])("N04 N17 %s is waited out by one that was in before, and nothing of the login is said meanwhile", async (wrong) => {
    const before: Heard = { said: "" };
    const meanwhile: Heard = { said: "" };
    const inside = await serverWith(kind, good, before);
    let standing = inside;
    const { told, asked } = await visit(kind, await doorTo(() => standing));
    await expect.poll(() => inside.connections).toBeGreaterThan(0);
    await expect.poll(() => told.some((status) => status.kind === "synchronizing")).toBe(true);
    const impostor = await serverWith(kind, certificateThat(wrong), meanwhile);
    standing = impostor;
    const refusals = (): readonly ClientStatus[] => told.filter((status) => status.kind === "waiting" && status.error.code === "ERR_TLS_FAILED");
    await expect.poll(() => refusals().length).toBeGreaterThan(2);
    expect(refusals()[0]).toMatchObject({ error: { details: { reason: wrongs[wrong] } } });
    const logins = asked();
    await expect.poll(() => refusals().length).toBeGreaterThan(4);
    expect(asked()).toBe(logins);
    standing = await serverWith(kind, good, before);
    const seen = told.length;
    await expect.poll(() => told.slice(seen).some((status) => status.kind === "synchronizing")).toBe(true);
    expect(told.map((status) => status.kind)).not.toContain("stopped");
    await impostor.close();
    expect(meanwhile.said).not.toMatch(/auth|romeo/);
  });
});
