/** Stream management on the wire of a scripted server: threats Q05, Q07, Q20, N15, N19, N21. */
import { describe, expect, test } from "vitest";
import { systemRng } from "../../src/base/rng.js";
import { xml } from "../../src/base/xml.js";
import type { ScriptedConnection } from "../../src/testing/node/hostile-server.js";
import type { StreamSession } from "../../src/transport/stream/stream-session.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { ended, goodbye, hostileKit } from "../support/hostile-kit.js";
import { streamMachines } from "../support/stream-machines.js";
import { account, login } from "../support/xmpp-script.js";

const sm = "urn:xmpp:sm:3";
const offer = `<sm xmlns='${sm}'/>`;
const message = (id: string) => xml("jabber:client", "message", { id });

/** Logs in and enables; `behind` follows in the same write. */
async function managedLogin(c: ScriptedConnection, behind = ""): Promise<void> {
  await login(c, { bindFeatures: offer });
  await c.expect(/<enable [^>]*resume="true"/);
  await c.send(`<enabled xmlns='${sm}' id='secret-id' resume='true'/>${behind}`);
}

describe.each(streamMachines)("stream management over $machine", ({ create }) => {
  const kit = hostileKit(create);

  test("Q07 stanzas and a question in the same segment as <enabled/> are counted, wherever it is cut", async () => {
    const behind = `<message id='1'/><iq type='set' id='2'/><presence id='3'/><r xmlns='${sm}'/>`;
    for (const cut of [0, 40, 70, 90]) {
      const server = await kit.protectedServer(async (c) => {
        await login(c, { bindFeatures: offer });
        await c.expect("<enable ");
        await c.sendSplit(`<message id='0'/><enabled xmlns='${sm}' id='x' resume='true'/>${behind}`, cut === 0 ? [] : [cut]);
        await c.expect(/<a [^>]*h="0"/);
        await c.expect("<presence");
        await c.send(`<r xmlns='${sm}'/>`);
        await c.expect(/<a [^>]*h="3"/);
        await goodbye(c);
      });
      const stream = await kit.dial(server, "tls");
      await expect.poll(() => server.failures.length === 0).toBe(true);
      const seen: [string | undefined, number][] = [];
      stream.onStanza((stanza, delivery) => { seen.push([stanza.attrs["id"], delivery.number]); });
      await expect.poll(() => seen).toEqual([["0", 0], ["1", 1], ["2", 2], ["3", 3]]);
      await stream.send(xml("jabber:client", "presence"));
      await stream.close();
      expect(server.failures).toEqual([]);
    }
  });

  test("Q05 the server that acknowledges too much is told so in the words of the specification", async () => {
    const told: string[] = [];
    const server = await kit.protectedServer(async (c) => {
      await managedLogin(c);
      await c.expect("<message");
      await c.send(`<a xmlns='${sm}' h='5'/>`);
      await c.closed;
      told.push(c.received);
    });
    const stream = await kit.dial(server, "tls");
    const end = ended(stream);
    await stream.send(message("1"));
    expect((await end).error).toMatchObject({ code: "ERR_STREAM_PROTOCOL", details: { reason: "handled-count-too-high", h: 5, sent: 1 } });
    await expect.poll(() => told.length).toBe(1);
    expect(told[0]).toMatch(/<error xmlns="http:\/\/etherx\.jabber\.org\/streams"><undefined-condition xmlns="urn:ietf:params:xml:ns:xmpp-streams"\/><handled-count-too-high xmlns="urn:xmpp:sm:3" h="5" send-count="1"\/><\/error>/);
    expect(kit.clock.pending).toBe(0);
  });

  test("Q02 Q20 a cut link: requests fail at once, and the next connection sends again what was not handled", async () => {
    let resumption = "";
    const server = await kit.protectedServer(async (c) => {
      if (server.connections === 1) {
        await managedLogin(c);
        await c.expect("</iq>");
        c.close(true);
        return;
      }
      await login(c, { onlyLogin: true, bindFeatures: offer });
      resumption = (await c.expect(/<resume [^>]*>/))[0];
      await c.send(`<resumed xmlns='${sm}' previd='secret-id' h='1'/><message id='in'/>`);
      await c.expect(/<message id="2"\/><iq .*<\/iq><message id="new"\/>/);
      await goodbye(c);
    });
    const first = await kit.dial(server, "tls");
    const iq = new IqClient(first, { rng: systemRng(), clock: kit.clock });
    await first.send(message("1"));
    await first.send(message("2"));
    await expect(iq.request({ type: "get", payload: xml("u", "query") })).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true });
    await expect(iq.request({ type: "get", payload: xml("u", "query") })).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
    const second = await kit.dial(server, "tls", { resume: first.session as StreamSession });
    expect([second.start, second.jid]).toEqual([{ kind: "resumed", handled: 1 }, `${account}/one`]);
    expect(second.sendTracked(message("new")).sequence).toBe(4);
    await second.close();
    expect([resumption.includes('previd="secret-id"'), resumption.includes('h="0"'), server.failures]).toEqual([true, true, []]);
  });

  test("N21 a conflict is permanent: the client does not fight for its resource", async () => {
    const server = await kit.protectedServer(async (c) => { await managedLogin(c); await c.send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"); });
    const stream = await kit.dial(server, "tls");
    expect((await ended(stream)).error).toMatchObject({ code: "ERR_STREAM_CONFLICT", retryable: false });
  });

  test("N19 a server that falls silent while stream management is settled", async () => {
    const server = await kit.protectedServer(async (c) => { await login(c, { bindFeatures: offer }); await c.closed; });
    expect(await kit.refusal(server, "tls", { phaseTimeoutMs: 3_000 })).toMatchObject({ code: "ERR_CONNECT_TIMEOUT", retryable: true, details: { phase: "session" } });
  });

  test("Q06 the last acknowledgement goes out before a clean close", async () => {
    const server = await kit.protectedServer(async (c) => { await managedLogin(c, "<message id='1'/>"); await c.expect(/<a [^>]*h="1"[^>]*><\/stream:stream>/); await c.send("</stream:stream>"); });
    const stream = await kit.dial(server, "tls");
    await new Promise<void>((resolve) => { stream.onStanza(() => { resolve(); }); });
    await stream.close();
    expect(server.failures).toEqual([]);
  });
});
