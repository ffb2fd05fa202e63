/** Finding the service of a domain: threats N06. */
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.js";
import { bareJid } from "../../../src/base/jid.js";
import { hostMetaBytesMax, servicesMax } from "../../../src/base/limits.js";
import { discoverService } from "../../../src/transport/connection/discovery.js";
import { ManualClock } from "../../support/memory-channel.js";

const domain = bareJid("verona.example");
const link = (href: unknown, rel = "urn:xmpp:alt-connections:websocket"): object => ({ rel, href });

function discover(body: BodyInit | null, init: ResponseInit = {}): Promise<readonly string[]> {
  return discoverService(domain, { clock: systemClock, fetch: () => Promise.resolve(new Response(body, init)) });
}

describe("the domain's own description", () => {
  test("N06 it is asked for over HTTPS, without credentials, without following redirects", async () => {
    const asked: unknown[] = [];
    const found = await discoverService(domain, {
      clock: systemClock,
      fetch: (address, init) => {
        asked.push([address, init?.redirect, init?.credentials]);
        return Promise.resolve(new Response(JSON.stringify({ links: [link("wss://chat.verona.example:443/ws"), link("https://verona.example/bosh", "urn:xmpp:alt-connections:xbosh"), link("wss://chat.verona.example/ws")] })));
      },
    });
    expect([asked, found]).toEqual([[["https://verona.example/.well-known/host-meta.json", "error", "omit"]], ["wss://chat.verona.example/ws"]]);
  });

  test.each(["ws://verona.example/ws", "wss://192.0.2.1/ws", "wss://[2001:db8::1]/ws", "https://verona.example/ws", "wss://user:pw@verona.example/ws", "wss://user@verona.example/ws", "wss://:pw@verona.example/ws", "wss://verona.example/ws#x", "wss://0x7f.1/ws", "not an address", "", 5, null, `wss://verona.example/${"x".repeat(2_048)}`])("N06 %j is not taken", async (href) => {
    expect(await discover(JSON.stringify({ links: [link(href)] }))).toEqual([]);
  });

  test.each(["", "null", "[]", "{}", '{"links":{}}', '{"links":[null,5,{}]}', "<xml/>", "{"])("N06 the document %j names nothing", async (body) => {
    expect(await discover(body)).toEqual([]);
  });

  test("N06 size and number are bounded: n-1, n, n+1", async () => {
    const right = JSON.stringify({ links: [link("wss://verona.example/ws")] });
    for (const [length, count] of [[hostMetaBytesMax - 1, 1], [hostMetaBytesMax, 1], [hostMetaBytesMax + 1, 0]] as const) expect(await discover(right.padEnd(length))).toHaveLength(count);
    for (const count of [servicesMax - 1, servicesMax, servicesMax + 1]) {
      const links = Array.from({ length: count }, (_, i) => link(`wss://verona.example/${String(i)}`));
      expect(await discover(JSON.stringify({ links }))).toHaveLength(Math.min(count, servicesMax));
    }
  });

  test("N06 what fails, is missing or does not come in time names nothing; an abort is told", async () => {
    expect(await discover("gone", { status: 404 })).toEqual([]);
    expect(await discoverService(domain, { clock: systemClock, fetch: () => Promise.reject(new TypeError("refused")) })).toEqual([]);
    const clock = new ManualClock();
    let stopped = false;
    const never: typeof fetch = (_, init) => new Promise((_resolve, reject) => { init?.signal?.addEventListener("abort", () => { stopped = true; reject(new TypeError("stopped")); }); });
    const slow = discoverService(domain, { clock, fetch: never });
    clock.advance(14_999);
    expect(clock.pending).toBe(1);
    clock.advance(1);
    expect([await slow, stopped, clock.pending]).toEqual([[], true, 0]);
    const caller = new AbortController();
    const aborted = discoverService(domain, { clock, fetch: never, signal: caller.signal });
    caller.abort();
    await expect(aborted).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });
});
