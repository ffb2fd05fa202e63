/** The bound stream against a server that lies: threats P where a socket matters, F01. */
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/base/clock.js";
import { bareJid } from "../../src/base/jid.js";
import { stanzaTimeoutMs } from "../../src/base/limits.js";
import { systemRng } from "../../src/base/rng.js";
import { serializeXml, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import type { ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import { TransportError } from "../../src/transport/errors.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { isSpoilt } from "../../src/transport/xml/spoilt.js";
import { ended, goodbye, hostileKit } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import { features, login, mechanisms, openTcp } from "../support/xmpp-script.js";

const manyAttributes = Array.from({ length: 65 }, (_, i) => `a${String(i)}='x'`).join(" ");

describe.each(streamMachines)("the bound stream over $machine", ({ create }) => {
  const kit = hostileKit(create);

  /** Logs in, then sends `data`; collects what reaches the application until the stream ends or `count` stanzas came. */
  async function deliver(data: readonly (string | Uint8Array)[], count: number): Promise<{ stanzas: XmlElement[]; end: TransportError | undefined; said: () => string }> {
    let connection: ScriptedConnection | undefined;
    const server = await kit.protectedServer(async (c) => { connection = c; await login(c); await c.expect("<presence"); for (const piece of data) await c.send(piece); await goodbye(c); });
    const stream = await kit.dial(server, "tls");
    const stanzas: XmlElement[] = [];
    let end: TransportError | undefined;
    await new Promise<void>((resolve) => {
      stream.onStanza((stanza) => { if (stanzas.push(stanza) === count) resolve(); });
      stream.onEnd(({ error }) => { end = error; resolve(); });
      void stream.send(xml("jabber:client", "presence"));
    });
    await stream.close();
    expect(kit.clock.pending).toBe(0);
    return { stanzas, end, said: () => connection?.received ?? "" };
  }

  test.each([
    ["P01 an unknown entity", "<message>&foo;</message>", "not-well-formed"], ["P02 a DOCTYPE", "<!DOCTYPE x>", "restricted-xml"], ["P03 a comment", "<!-- -->", "restricted-xml"],
    ["P05 invalid UTF-8", Buffer.from([0x3c, 0x61, 0x3e, 0xff]), "not-well-formed"], ["P06 an attribute twice", "<message from='a' from='b'/>", "not-well-formed"],
    ["P07 a lone closing tag", "</message>", "not-well-formed"], ["P08 an unbound prefix", "<x:message/>", "not-well-formed"],
    ["P09 depth of what is no stanza", "<a>".repeat(102), "policy-violation"], ["P10 a text of five times the size", `<message>${"x".repeat(5 * 1024 * 1024)}`, "policy-violation"],
    ["P12 attributes of what is no stanza", `<a ${manyAttributes}/>`, "policy-violation"], ["P08 a stanza in an odd namespace", "<message xmlns='jabber:client '/>", "invalid-namespace"],
  ])("%s ends the stream with one typed error, and the server is told", async (_, data, condition) => {
    const { stanzas, end, said } = await deliver(["<message id='before'/>", data, "<message id='after'/>"], 9);
    expect(stanzas.map((stanza) => stanza.attrs["id"])).toEqual(["before"]);
    expect(end).toMatchObject({ code: condition === "policy-violation" ? "ERR_STREAM_LIMIT" : "ERR_STREAM_MALFORMED", details: { condition } });
    await expect.poll(said).toContain(`<${condition} xmlns="urn:ietf:params:xml:ns:xmpp-streams"/>`);
  });

  test.each([
    ["P09 depth", "<a>".repeat(101) + "</a>".repeat(101)], ["P10 size", `<body>${"x".repeat(1024 * 1024)}</body>`], ["P12 attributes", `<a ${manyAttributes}/>`], ["P08 an odd namespace", "<a xmlns='a b'/>"],
  ])("%s spoils one message, and the stream goes on", async (_, part) => {
    const { stanzas, end } = await deliver([`<message id='1' from='mallory@verona.example'><body>hi</body>${part}</message><message id='2'><body/></message>`], 2);
    expect(stanzas.map((stanza) => [stanza.attrs["id"], stanza.children.length, isSpoilt(stanza)])).toEqual([["1", 0, true], ["2", 1, false]]);
    expect(end).toBeUndefined();
  });

  test("P10 before login the limit of a stanza is 64 KiB", async () => {
    const sized = (bytes: number): string => features(mechanisms("PLAIN"), `<x xmlns='u'>${"x".repeat(bytes)}</x>`);
    const base = Buffer.byteLength(sized(0));
    for (const [bytes, code] of [[64 * 1024 - 1, "ERR_AUTH_MECHANISM"], [64 * 1024, "ERR_AUTH_MECHANISM"], [64 * 1024 + 1, "ERR_STREAM_LIMIT"]] as const) {
      const server = await kit.protectedServer(async (c) => { await openTcp(c, sized(bytes - base)); });
      expect((await kit.refusal(server, "tls")).code).toBe(code);
    }
  });

  test("P12 before login a stanza that breaks a limit ends the stream for just that", async () => {
    for (const part of [`<a ${manyAttributes}/>`, "<a xmlns='a b'/>", "<a>".repeat(101) + "</a>".repeat(101)]) {
      const server = await kit.protectedServer(async (c) => { await openTcp(c, `<message>${part}</message>`); });
      expect((await kit.refusal(server, "tls")).code).toMatch(/^ERR_STREAM_(LIMIT|MALFORMED)$/);
    }
  });

  test("P04 text is the same however the bytes are cut", async () => {
    const text = "é日\u{1f600}";
    const stanza = Buffer.from(`<message><body>${text}</body></message>`);
    const server = await kit.protectedServer(async (c) => {
      await login(c);
      await c.expect("<presence");
      for (let cut = 1; cut < stanza.length; cut += 3) await c.sendSplit(stanza, [cut]);
    });
    const stream = await kit.dial(server, "tls");
    const bodies: string[] = [];
    const expected = Math.ceil((stanza.length - 1) / 3);
    await new Promise<void>((resolve) => {
      stream.onStanza((element) => { if (bodies.push(textOf(element.children[0] as XmlElement)) === expected) resolve(); });
      void stream.send(xml("jabber:client", "presence"));
    });
    expect(new Set(bodies)).toEqual(new Set([text]));
    await stream.close();
  });

  test("P11 a stanza that is not complete at its deadline ends the stream", async () => {
    // The deadline is a minute: the clock of this test jumps over most of it when such a timer is due.
    const server = await kit.protectedServer(async (c) => { await login(c); await c.expect("<presence"); await c.send("<message>"); });
    const { clock } = kit;
    let skippedMs = 0;
    const quick: Clock = {
      now: () => clock.now(), monotonic: () => clock.monotonic() + skippedMs,
      schedule: (delayMs, task) => (delayMs !== stanzaTimeoutMs ? clock.schedule(delayMs, task) : clock.schedule(300, () => {
        skippedMs += stanzaTimeoutMs;
        task();
      })),
    };
    const stream = await kit.dial(server, "tls", { clock: quick });
    stream.onStanza(() => undefined);
    await stream.send(xml("jabber:client", "presence"));
    expect((await ended(stream)).error).toMatchObject({ code: "ERR_STREAM_LIMIT", retryable: true });
  });

  test("P08 only jabber:client iq, message and presence are stanzas, whatever their prefix", async () => {
    const { stanzas } = await deliver(["<message xmlns='jabber:server' id='1'/><c:message xmlns:c='jabber:client' id='2'/><other id='3'/><stream:message id='4'/><presence id='5'/>"], 2);
    expect(stanzas.map((stanza) => stanza.attrs["id"])).toEqual(["2", "5"]);
  });

  test("P14 what stands behind the server's end tag is ignored", async () => {
    const { stanzas, end } = await deliver(["<message id='1'/></stream:stream><message id='2'/><!DOCTYPE x>"], 2);
    expect([stanzas.length, end?.code]).toEqual([1, "ERR_STREAM_CLOSED"]);
  });

  test.each(["@", "a@", "", "a@b/", "/x", `${"a".repeat(3072)}@b`, "a@b@c", "a b@c"])("P16 a stanza from %j is dropped, the next one is not", async (address) => {
    const { stanzas, end } = await deliver([`<message from='${address}' id='1'/><message to='${address}' id='2'/><message id='3'/>`], 1);
    expect([stanzas[0]?.attrs["id"], end]).toEqual(["3", undefined]);
  });

  test("P18 a listener that throws or rejects harms neither the others nor the stream", async () => {
    const server = await kit.protectedServer(async (c) => { await login(c); await c.expect("<presence"); await c.send("<message/><message/>"); await goodbye(c); });
    const reported: unknown[] = [];
    const stream = await kit.dial(server, "tls", { onListenerError: (error) => { reported.push(error); } });
    let seen = 0;
    await new Promise<void>((resolve) => {
      stream.onStanza(() => { throw new TransportError("ERR_STREAM_PROTOCOL", "a bug"); });
      stream.onStanza(() => Promise.reject(new TransportError("ERR_STREAM_PROTOCOL", "a bug")) as unknown as undefined);
      stream.onStanza(() => { if (++seen === 2) resolve(); });
      void stream.send(xml("jabber:client", "presence"));
    });
    await expect.poll(() => reported.length).toBe(4);
    expect(stream.isOpen).toBe(true);
    await stream.close();
  });

  test("nothing is missed between binding and the first listener", async () => {
    const server = await kit.protectedServer(async (c) => { await login(c, { behindBind: "<message id='1'/><iq type='set' id='2'/>" }); await c.send("<message id='3'/>"); await goodbye(c); });
    const stream = await kit.dial(server, "tls");
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    const first: unknown[] = [];
    const second: unknown[] = [];
    stream.onStanza((stanza) => { first.push(stanza.attrs["id"]); });
    stream.onStanza((stanza) => { second.push(stanza.attrs["id"]); });
    await expect.poll(() => second).toEqual(["1", "2", "3"]);
    expect(first).toEqual(second);
    await stream.close();
  });

  test("F01 over a real stream: a forged answer is ignored, the right one counts", async () => {
    const server = await kit.protectedServer(async (c) => {
      await login(c);
      const [, id] = await c.expect(/<iq [^>]*id="([^"]+)"/);
      await c.send(`<iq type='result' from='mallory@verona.example' id='${id as string}'><forged xmlns='u'/></iq>`);
      await c.send(`<iq type='error' from='mallory@verona.example' id='${id as string}'/>`);
      await c.send(`<iq type='result' from='juliet@verona.example' id='${id as string}'><right xmlns='u'/></iq>`);
      await goodbye(c);
    });
    const stream = await kit.dial(server, "tls");
    const iq = new IqClient(stream, { rng: systemRng(), clock: kit.clock });
    expect((await iq.request({ type: "get", to: bareJid("juliet@verona.example"), payload: xml("u", "query") }))?.name).toBe("right");
    await stream.close();
  });

  test("a stanza above the announced or assumed limit is not sent: n-1, n, n+1", async () => {
    const message = (bytes: number): XmlElement => {
      const empty = serializeXml(xml("jabber:client", "message", {}, xml("jabber:client", "body", {}, "x"))).length - 1;
      return xml("jabber:client", "message", {}, xml("jabber:client", "body", {}, "x".repeat(bytes - empty)));
    };
    const limits = "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>20000</max-bytes></limits>";
    for (const [bindFeatures, bytesMax] of [[limits, 20_000], ["", 256 * 1024], ["<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>-1</max-bytes></limits>", 256 * 1024]] as const) {
      const server = await kit.protectedServer(async (c) => { await login(c, { bindFeatures }); await goodbye(c); });
      const stream = await kit.dial(server, "tls");
      await stream.send(message(bytesMax - 1));
      await stream.send(message(bytesMax));
      await expect(stream.send(message(bytesMax + 1))).rejects.toMatchObject({ code: "ERR_STANZA_TOO_LARGE", details: { bytesMax } });
      expect(stream.isOpen).toBe(true);
      await stream.close();
    }
  });
});
