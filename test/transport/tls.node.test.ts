/** TLS against a server that lies: threats N01-N05, Y03. */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../src/base/jid.js";
import type { TestCertificateOptions } from "../../src/testing/node/certificates.js";
import type { Scenario } from "../../src/testing/node/hostile-server.js";
import { ended, goodbye, hostileKit, loopback } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import { account, domain, features, login, mechanisms, openTcp, openWebSocket, proceed, startTls } from "../support/xmpp-script.js";

describe.each(streamMachines)("TLS over $machine", ({ create }) => {
  const kit = hostileKit(create);

  test("N01 STARTTLS stripped from the features: no credential is kit.asked for or sent", async () => {
    const said: string[] = [];
    const server = await kit.serve({ kind: "tcp" }, async (c) => {
      await openTcp(c, features(mechanisms("SCRAM-SHA-1", "PLAIN")));
      await c.closed;
      said.push(c.received);
    });
    const error = await kit.refusal(server, "tcp");
    expect(error).toMatchObject({ code: "ERR_TLS_REQUIRED", retryable: false });
    expect(said[0]).not.toContain("<auth");
    expect(kit.asked).toBe(0);
  });

  test("N01 the option for loopback permits clear text, STARTTLS is used all the same where it is offered", async () => {
    const clear = await kit.serve({ kind: "tcp" }, async (c) => { await login(c); await goodbye(c); });
    const stream = await kit.dial(clear, "tcp", loopback);
    expect(stream.jid).toBe(`${account}/one`);
    await stream.close();
    const offering = await kit.serve({ kind: "tcp" }, async (c) => {
      await openTcp(c, features(startTls, mechanisms("SCRAM-SHA-1")));
      await c.expect("<starttls");
      await c.send("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    });
    expect(await kit.refusal(offering, "tcp", loopback)).toMatchObject({ code: "ERR_TLS_REQUIRED" });
  });

  test("N04 a domain that no certificate can prove is not proven by the certificate of the service's host either", async () => {
    const server = await kit.serve({ kind: "tls", certificate: await kit.issue({ names: ["DNS:localhost"] }) }, (c) => c.closed);
    const error = await kit.refusal(server, "tls", { account: bareJid("romeo@xn--a"), service: `xmpps://localhost:${String(server.port)}` });
    expect(error).toMatchObject({ code: "ERR_TLS_FAILED", retryable: false });
    expect(kit.asked).toBe(0);
  });

  test("N02 consent to TLS in another namespace is none", async () => {
    const server = await kit.serve({ kind: "tcp" }, async (c) => {
      await openTcp(c, features(startTls));
      await c.expect("<starttls");
      await c.send("<proceed xmlns='urn:x'/>");
    });
    expect(await kit.refusal(server, "tcp")).toMatchObject({ code: "ERR_TLS_REQUIRED" });
  });

  test("N02 STARTTLS answered by failure and then features in clear is fatal", async () => {
    const server = await kit.serve({ kind: "tcp" }, async (c) => {
      await openTcp(c, features(startTls));
      await c.expect("<starttls");
      await c.send(`<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${features(mechanisms("PLAIN", "SCRAM-SHA-1"))}`);
    });
    expect(await kit.refusal(server, "tcp")).toMatchObject({ code: "ERR_TLS_REQUIRED" });
    expect(kit.asked).toBe(0);
  });

  test.each([["a stanza", "<message xmlns='jabber:client'/>"], ["features", features(mechanisms("PLAIN"))], ["white space", " "], ["half a character", Buffer.from([0xe2])]])("N03 %s behind <proceed/> in the same segment is fatal", async (_, injected) => {
    const server = await kit.serve({ kind: "tcp" }, async (c) => {
      await openTcp(c, features(startTls));
      await c.expect("<starttls");
      await c.send(Buffer.concat([Buffer.from(proceed), Buffer.from(injected)]));
    });
    expect(await kit.refusal(server, "tcp")).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "data-behind-proceed" } });
  });

  test("N03 what the server announced before TLS is forgotten", async () => {
    const server = await kit.serve({ kind: "tcp" }, async (c) => {
      await openTcp(c, features(startTls, mechanisms("SCRAM-SHA-1")));
      await c.expect("<starttls");
      await c.send(proceed);
      await c.startTls(kit.good);
      await openTcp(c, features()); // inside TLS no mechanism is offered
    });
    expect(await kit.refusal(server, "tcp")).toMatchObject({ code: "ERR_AUTH_MECHANISM" });
  });

  test("STARTTLS upgrades, and the login happens inside TLS only", async () => {
    const before: string[] = [];
    const server = await kit.serve({ kind: "tcp" }, async (c) => {
      await openTcp(c, features(startTls));
      await c.expect("<starttls");
      await c.send(proceed);
      before.push(c.received);
      await c.startTls(kit.good);
      await login(c);
      await goodbye(c);
    });
    const stream = await kit.dial(server, "tcp");
    expect(before[0]).not.toMatch(/auth|romeo/);
    await stream.close();
    expect(kit.clock.pending).toBe(0);
  });

  test.each<[string, Partial<TestCertificateOptions>]>([
    ["for another name", { names: ["DNS:evil.example"] }], ["for the host that was dialled, not the XMPP domain", { names: ["IP:127.0.0.1", "DNS:localhost"] }],
    ["expired", { expired: true }], ["self-signed", { selfSigned: true }],
    // Another line of its description: Node has no name of its own for what is wrong with it.
    ["with a critical extension that nobody knows", { names: [`DNS:${domain}\n1.2.3.4=critical,ASN1:NULL`] }],
  ])("N04 a certificate %s is refused by STARTTLS and by direct TLS", async (_, options) => {
    const certificate = await kit.issue(options);
    const upgrading = await kit.serve({ kind: "tcp" }, async (c) => {
      await openTcp(c, features(startTls, mechanisms("SCRAM-SHA-1")));
      await c.expect("<starttls");
      await c.send(proceed);
      await c.startTls(certificate);
    });
    expect(await kit.refusal(upgrading, "tcp")).toMatchObject({ code: "ERR_TLS_FAILED", retryable: false });
    const direct = await kit.serve({ kind: "tls", certificate }, async (c) => { await c.expect("<stream"); });
    expect(await kit.refusal(direct, "tls")).toMatchObject({ code: "ERR_TLS_FAILED" });
    expect([kit.asked, direct.failures.length]).toEqual([0, 0]);
  });

  test("N04 over wss the host of the URL is verified; the authority has to be known", async () => {
    const scenario: Scenario = async (c) => { await openWebSocket(c, features(mechanisms("PLAIN"))); };
    const wrong = await kit.serve({ kind: "websocket", certificate: await kit.issue({ names: [`DNS:${domain}`] }) }, scenario);
    expect(await kit.refusal(wrong, "websocket", { service: `wss://127.0.0.1:${String(wrong.port)}/` })).toMatchObject({ code: "ERR_TLS_FAILED" });
    const right = await kit.serve({ kind: "websocket", certificate: kit.good }, scenario);
    expect(await kit.refusal(right, "websocket", { service: `wss://127.0.0.1:${String(right.port)}/` })).toMatchObject({ code: "ERR_AUTH_MECHANISM" });
    const unknown = await kit.serve({ kind: "websocket", certificate: kit.good }, scenario);
    expect(await kit.refusal(unknown, "websocket", { service: `wss://127.0.0.1:${String(unknown.port)}/`, tls: {} })).toMatchObject({ code: "ERR_TLS_FAILED" });
  });

  test("Y03 an environment variable cannot switch the checks off", async () => {
    const certificate = await kit.issue({ selfSigned: true });
    const direct = await kit.serve({ kind: "tls", certificate }, async (c) => { await c.closed; });
    const framed = await kit.serve({ kind: "websocket", certificate }, async (c) => { await c.closed; });
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect(await kit.refusal(direct, "tls")).toMatchObject({ code: "ERR_TLS_FAILED" });
      expect(await kit.refusal(framed, "websocket", { service: `wss://127.0.0.1:${String(framed.port)}/`, phaseTimeoutMs: 1_000 })).toMatchObject({ code: "ERR_TLS_FAILED" });
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });

  const redirectTo = (place: string): string => `<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${place}</see-other-host></stream:error>`;

  test.each(["conflict", "host-unknown", "policy-violation", "not-authorized"])("N02 %s in clear proves nothing: it may pass; said by the proven server it counts", async (condition) => {
    const error = `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`;
    const clear = await kit.serve({ kind: "tcp" }, async (c) => { await openTcp(c, error); });
    expect(await kit.refusal(clear, "tcp")).toMatchObject({ code: "ERR_CONNECT_FAILED", retryable: true, details: { condition } });
    const proven = await kit.protectedServer(async (c) => { await openTcp(c, error); });
    expect(await kit.refusal(proven, "tls")).toMatchObject({ code: condition === "conflict" ? "ERR_STREAM_CONFLICT" : "ERR_STREAM_ERROR", retryable: false });
  });

  test("N05 a redirect is ignored before TLS is verified, and after login", async () => {
    const goal = await kit.protectedServer(async (c) => { await login(c); });
    const redirect = redirectTo(`127.0.0.1:${String(goal.port)}`);
    const clear = await kit.serve({ kind: "tcp" }, async (c) => { await openTcp(c, redirect); });
    expect(await kit.refusal(clear, "tcp")).toMatchObject({ code: "ERR_CONNECT_FAILED", retryable: true, details: { condition: "see-other-host" } });
    expect([clear.connections, goal.connections]).toEqual([1, 0]);
    const late = await kit.protectedServer(async (c) => { await login(c); await c.send(redirect); });
    const stream = await kit.dial(late, "tls");
    stream.onStanza(() => undefined);
    expect((await ended(stream)).error).toMatchObject({ code: "ERR_STREAM_ERROR", details: { condition: "see-other-host" } });
    expect([late.connections, goal.connections]).toEqual([1, 0]);
  });

  test("N05 a redirect by a proven server is followed to a host that proves the same domain", async () => {
    const goal = await kit.protectedServer(async (c) => { await login(c); await goodbye(c); });
    const first = await kit.protectedServer(async (c) => { await openTcp(c, redirectTo(`127.0.0.1:${String(goal.port)}`)); });
    await (await kit.dial(first, "tls")).close();
    expect([first.connections, goal.connections]).toEqual([1, 1]);
    const impostor = await kit.serve({ kind: "tls", certificate: await kit.issue({ names: ["DNS:evil.example", "IP:127.0.0.1"] }) }, async (c) => { await c.closed; });
    const second = await kit.protectedServer(async (c) => { await openTcp(c, redirectTo(`127.0.0.1:${String(impostor.port)}`)); });
    expect(await kit.refusal(second, "tls")).toMatchObject({ code: "ERR_TLS_FAILED" });
    expect(kit.asked).toBe(0);
  });

  test("N05 the way to the next place begins with a wait, longer each time", async () => {
    const circle: { port?: number } = {};
    const round = await kit.protectedServer(async (c) => { await openTcp(c, redirectTo(`127.0.0.1:${String(circle.port)}`)); });
    circle.port = round.port;
    const { schedule } = kit.clock;
    const waits: number[] = [];
    kit.clock.schedule = (delayMs, task) => {
      if (delayMs < 1_500) waits.push(delayMs); // every deadline is longer
      return schedule(delayMs < 1_500 ? 1 : delayMs, task);
    };
    await kit.refusal(round, "tls", { rng: (length) => new Uint8Array(length).fill(0x1d) });
    expect(waits).toEqual([1_000, 2_000, 4_000].map((longest) => 0x1d1d1d1d % (longest + 1)));
  });

  test("N05 redirects in a circle end after three hops, and places that are none are not tried", async () => {
    const circle: { port?: number } = {};
    const round = await kit.protectedServer(async (c) => { await openTcp(c, redirectTo(`127.0.0.1:${String(circle.port)}`)); });
    circle.port = round.port;
    expect(await kit.refusal(round, "tls", { rng: (length) => new Uint8Array(length) })).toMatchObject({ code: "ERR_STREAM_ERROR" });
    expect(round.connections).toBe(4);
    for (const place of ["", "http://127.0.0.1/x", "user@127.0.0.1", "127.0.0.1/x", "x".repeat(400)]) {
      const lost = await kit.protectedServer(async (c) => { await openTcp(c, redirectTo(place)); });
      expect(await kit.refusal(lost, "tls")).toMatchObject({ code: "ERR_STREAM_ERROR" });
      expect(lost.connections).toBe(1);
    }
  });
});
