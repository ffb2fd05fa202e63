/** Deadlines, aborts and ends: threat N19, P15. */
import { describe, expect, test } from "vitest";
import { systemRng } from "../../src/base/rng.js";
import { xml } from "../../src/base/xml.js";
import type { Scenario, ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { hostileKit, loopback, type Kind } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import { bindFeature, features, login, mechanisms, openTcp, proceed, scram, startTls } from "../support/xmpp-script.js";

describe.each(streamMachines)("silence and ends over $machine", ({ create }) => {
  const kit = hostileKit(create);

  const silent: Record<string, [Kind, Scenario]> = {
    tls: ["tcp", async (c) => { await openTcp(c, features(startTls)); await c.expect("<starttls"); await c.send(proceed); }],
    header: ["tls", async (c) => { await c.expect("<stream"); }],
    features: ["tls", async (c) => { await openTcp(c, ""); }],
    authentication: ["tls", async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); }],
    binding: ["tls", async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); await scram(c); await openTcp(c, features(bindFeature)); }],
  };

  test.each(Object.keys(silent))("N19 silence in the phase %s ends at its deadline", async (phase) => {
    const [kind, scenario] = silent[phase] as [Kind, Scenario];
    const server = await kit.serve(kind === "tcp" ? { kind } : { kind, certificate: kit.good }, scenario);
    // The phases before it have to fit: with 1_000 one in twenty ended in an earlier one on a busy machine.
    expect(await kit.refusal(server, kind, { phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_CONNECT_TIMEOUT", retryable: true, details: { phase } });
  });

  test("N19 silence in answer to the wish for TLS ends at its deadline", async () => {
    const server = await kit.serve({ kind: "tcp" }, async (c) => { await openTcp(c, features(startTls)); await c.expect("<starttls"); });
    expect(await kit.refusal(server, "tcp", { phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_CONNECT_TIMEOUT", retryable: true, details: { phase: "tls" } });
  });

  test("N19 silence below the stream: a TLS handshake and a WebSocket upgrade that never end", async () => {
    const server = await kit.serve({ kind: "tcp" }, async (c) => { await c.closed; });
    expect(await kit.refusal(server, "tls", { phaseTimeoutMs: 300 })).toMatchObject({ code: "ERR_CONNECT_TIMEOUT", details: { phase: "socket" } });
    expect(await kit.refusal(server, "websocket", { phaseTimeoutMs: 300, ...loopback })).toMatchObject({ code: "ERR_CONNECT_TIMEOUT", details: { phase: "socket" } });
  });

  test("nobody listens: typed and retryable", async () => {
    const server = await kit.serve({ kind: "tcp" }, async (c) => { await c.closed; });
    await server.close();
    for (const kind of ["tcp", "tls", "websocket"] as const) expect(await kit.refusal(server, kind, loopback)).toMatchObject({ code: "ERR_CONNECT_FAILED", retryable: true });
  });

  test.each(Object.keys(silent))("an abort in the phase %s leaves nothing", async (phase) => {
    const [kind, scenario] = silent[phase] as [Kind, Scenario];
    const controller = new AbortController();
    const server = await kit.serve(kind === "tcp" ? { kind } : { kind, certificate: kit.good }, async (c) => { await scenario(c); controller.abort(); });
    await expect(kit.dial(server, kind, { signal: controller.signal })).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(kit.clock.pending).toBe(0);
    await expect.poll(() => server.openConnections).toBe(0);
  });

  test("a password that never comes ends with the abort, and with the connection", async () => {
    const never = () => new Promise<string>(() => undefined);
    const scenario = (close: boolean): Scenario => async (c) => { await openTcp(c, features(mechanisms("SCRAM-SHA-1"))); if (close) c.close(true); };
    expect(await kit.refusal(await kit.protectedServer(scenario(true)), "tls", { password: never })).toMatchObject({ code: "ERR_STREAM_CLOSED" });
    const controller = new AbortController();
    const aborted = kit.dial(await kit.protectedServer(scenario(false)), "tls", { signal: controller.signal, password: () => { controller.abort(); return never(); } });
    await expect(aborted).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  test("N19 a server that does not answer the goodbye is left after the deadline of closing", async () => {
    const server = await kit.protectedServer(async (c) => { await login(c); });
    const stream = await kit.dial(server, "tls");
    await Promise.all([stream.close(), stream.close()]);
    expect(kit.clock.pending).toBe(0);
    await expect.poll(() => server.openConnections).toBe(0);
  });

  test.each<[string, (c: ScriptedConnection) => Promise<void> | void, string]>([
    ["a cut", (c) => { c.close(true); }, "ERR_STREAM_CLOSED"], ["its end tag", (c) => c.send("</stream:stream>"), "ERR_STREAM_CLOSED"],
    ["a conflict", (c) => c.send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"), "ERR_STREAM_CONFLICT"],
    ["P15 an empty stream error", (c) => c.send("<stream:error/>"), "ERR_STREAM_ERROR"],
  ])("the server ends the stream by %s: told once, requests fail at once", async (_, end, code) => {
    const server = await kit.protectedServer(async (c) => { await login(c); await c.expect("urn:x"); await end(c); });
    const stream = await kit.dial(server, "tls");
    const ends: unknown[] = [];
    stream.onEnd((reason) => { ends.push(reason.error?.code); });
    const iq = new IqClient(stream, { rng: systemRng(), clock: kit.clock });
    await expect(iq.request({ type: "get", payload: xml("urn:x", "query") })).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    expect([ends, stream.isOpen]).toEqual([[code], false]);
    await expect(stream.send(xml("jabber:client", "message"))).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true });
    await stream.close();
    expect(kit.clock.pending).toBe(0);
  });
});
