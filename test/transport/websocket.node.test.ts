/** WebSocket framing against a server that lies: threats P10, P13, N05, N11, N15, N16. */
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { xml, type XmlElement } from "../../src/base/xml.js";
import type { ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import { ended, hostileKit, loopback } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import { account, bindFeature, features, mechanisms, openWebSocket, sasl, scram } from "../support/xmpp-script.js";

describe.each(streamMachines)("WebSocket over $machine", ({ create }) => {
  const kit = hostileKit(create);

  const framed = async (c: ScriptedConnection, over: { readonly behind?: readonly (string | Uint8Array)[] } = {}): Promise<void> => {
    await openWebSocket(c, features(mechanisms("SCRAM-SHA-1")));
    await scram(c);
    await openWebSocket(c, features(bindFeature));
    const [, id] = await c.expect(/<iq [^>]*id="([^"]+)"/);
    await c.send(`<iq xmlns='jabber:client' type='result' id='${id as string}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${account}/one</jid></bind></iq>`);
    if (over.behind !== undefined) await c.expect("<presence");
    for (const frame of over.behind ?? []) await c.send(frame);
  };

  test("a login over ws on loopback, stanzas both ways, a clean close", async () => {
    const server = await kit.serve({ kind: "websocket" }, async (c) => {
      await framed(c, { behind: ["<message xmlns='jabber:client' id='1'/>"] });
      await c.expect("<close");
      await c.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    });
    const stream = await kit.dial(server, "websocket", loopback);
    const got = new Promise<XmlElement>((resolve) => { stream.onStanza(resolve); });
    await stream.send(xml("jabber:client", "presence"));
    expect((await got).attrs["id"]).toBe("1");
    await stream.close();
    expect([kit.clock.pending, server.failures]).toEqual([0, []]);
  });

  test.each<[string, string | Uint8Array]>([
    ["two stanzas in one frame", "<message xmlns='jabber:client'/><message xmlns='jabber:client'/>"], ["half a stanza", "<message xmlns='jabber:client'>"],
    ["a lone closing tag", "</message>"], ["white space", "  "], ["a binary frame", Buffer.from("<message xmlns='jabber:client'/>")], ["an empty frame", ""],
  ])("P13 %s closes the stream with one typed error", async (_, frame) => {
    const server = await kit.serve({ kind: "websocket" }, async (c) => { await framed(c, { behind: [frame, "<message xmlns='jabber:client'/>"] }); });
    const stream = await kit.dial(server, "websocket", loopback);
    const stanzas: XmlElement[] = [];
    stream.onStanza((stanza) => { stanzas.push(stanza); });
    await stream.send(xml("jabber:client", "presence"));
    expect((await ended(stream)).error?.code).toMatch(/^ERR_STREAM_(MALFORMED|PROTOCOL)$/);
    expect(stanzas).toEqual([]);
  });

  test.each(["", "mqtt"])("P13 the subprotocol %j is not ours", async (subprotocol) => {
    const server = await kit.serve({ kind: "websocket", subprotocol }, async (c) => { await c.closed; });
    expect((await kit.refusal(server, "websocket", loopback)).code).toMatch(/^ERR_(STREAM_PROTOCOL|CONNECT_FAILED)$/);
  });

  test.each([["a little above", "x".repeat(1024 * 1024)], ["15 times", `<b>${"x".repeat(1024 * 1024)}</b>`.repeat(15)]])("P10 a frame of %s the limit is a message without its content, and what is behind it comes", async (_, content) => {
    const behind = [`<message xmlns='jabber:client' id='large'><body>${content}</body></message>`, "<message xmlns='jabber:client' id='next'><body>hi</body></message>"];
    const server = await kit.serve({ kind: "websocket" }, async (c) => { await framed(c, { behind }); });
    const stream = await kit.dial(server, "websocket", loopback);
    const seen: unknown[] = [];
    const over = new Promise<void>((resolve) => {
      stream.onEnd((end) => { seen.push(end.error?.code); resolve(); });
      stream.onStanza(({ attrs, children }) => { seen.push([attrs["id"], children.length]); if (attrs["id"] === "next") resolve(); });
    });
    await stream.send(xml("jabber:client", "presence"));
    await over;
    expect(seen).toEqual([["large", 0], ["next", 1]]);
    await stream.close();
  });

  test("P10 a frame far above the limit ends the link", async () => {
    const server = await kit.serve({ kind: "websocket" }, async (c) => { await framed(c, { behind: [`<message xmlns='jabber:client'>${"x".repeat(16 * 1024 * 1024)}</message>`] }); });
    const stream = await kit.dial(server, "websocket", loopback);
    stream.onStanza(() => undefined);
    await stream.send(xml("jabber:client", "presence"));
    // Refused by its announced length, before any of it is kept.
    expect((await ended(stream)).error).toMatchObject({ code: "ERR_STREAM_LIMIT", details: { reason: "message-length" } });
  });

  test("a server that refuses the upgrade is a failed connection, not a failed certificate", async () => {
    const http = createServer({ ...kit.good }, (_, response) => { response.writeHead(404).end(); });
    await new Promise<void>((resolve) => { http.listen(0, "127.0.0.1", resolve); });
    const server = await kit.serve({ kind: "tcp" }, (c) => c.closed);
    const { port } = http.address() as AddressInfo;
    expect(await kit.refusal(server, "websocket", { service: `wss://127.0.0.1:${String(port)}/` }))
      .toMatchObject({ code: "ERR_CONNECT_FAILED", retryable: true, details: { reason: "HTTP_404" } });
    http.closeAllConnections();
    await new Promise((resolve) => { http.close(resolve); });
  });

  test("N05 a server that sends the upgrade elsewhere is not followed", async () => {
    const goal = await kit.serve({ kind: "websocket", certificate: kit.good }, (c) => c.closed);
    const http = createServer({ ...kit.good });
    http.on("upgrade", (_, socket) => { socket.end(`HTTP/1.1 302 Found\r\nLocation: wss://127.0.0.1:${String(goal.port)}/\r\n\r\n`); });
    await new Promise<void>((resolve) => { http.listen(0, "127.0.0.1", resolve); });
    const { port } = http.address() as AddressInfo;
    expect(await kit.refusal(goal, "websocket", { service: `wss://127.0.0.1:${String(port)}/`, phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_CONNECT_FAILED", details: { reason: "HTTP_302" } });
    expect(goal.connections).toBe(0);
    http.closeAllConnections();
    await new Promise((resolve) => { http.close(resolve); });
  });

  test("N11 a message behind <success/> is fatal here too", async () => {
    const server = await kit.serve({ kind: "websocket", certificate: kit.good }, async (c) => {
      await openWebSocket(c, features(mechanisms("PLAIN")));
      await c.expect("</auth>");
      await Promise.all([c.send(sasl("success")), c.send("<injected xmlns='urn:x'/>")]);
    });
    expect(await kit.refusal(server, "websocket", { service: `wss://127.0.0.1:${String(server.port)}/`, mechanismFloor: "PLAIN", phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
  });

  test("N11 an opening that comes again ends the stream", async () => {
    const server = await kit.serve({ kind: "websocket" }, async (c) => { await framed(c, { behind: ["<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='verona.example' version='1.0'/>"] }); });
    const stream = await kit.dial(server, "websocket", loopback);
    stream.onStanza(() => undefined);
    await stream.send(xml("jabber:client", "presence"));
    expect((await ended(stream)).error).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "header" } });
  });

  test.each([
    ["another domain", "from='evil.example' version='1.0'"], ["no domain", "from='@' version='1.0'"], ["version 0.9", "from='verona.example' version='0.9'"],
    ["no version", "from='verona.example'"], ["version 1", "from='verona.example' version='1'"],
  ])("N16 an opening of %s ends the stream", async (_, attributes) => {
    const server = await kit.serve({ kind: "websocket" }, async (c) => { await c.expect("<open"); await c.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' ${attributes}/>`); });
    expect(await kit.refusal(server, "websocket", { ...loopback, phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
  });

  test("N15 a stanza before login, and features in place of an opening, end the stream", async () => {
    const early = await kit.serve({ kind: "websocket" }, async (c) => { await openWebSocket(c, "<message xmlns='jabber:client'/>"); });
    expect(await kit.refusal(early, "websocket", loopback)).toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
    const other = await kit.serve({ kind: "websocket" }, async (c) => { await c.expect("<open"); await c.send("<open xmlns='urn:x'/>"); });
    expect(await kit.refusal(other, "websocket", loopback)).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "header" } });
  });
});
