/** SRV records: threats N06. */
import { expect, test } from "vitest";
import { discoverHosts, type SrvLookup } from "../../../src/transport/connection/node-discovery.js";
import { ManualClock } from "../../support/memory-channel.js";

const hosts = (lookup: SrvLookup) => discoverHosts("Romeo@Verona.example", { lookup });
const record = (name: string, port: number, priority = 0, weight = 0) => ({ name, port, priority, weight });

test("direct TLS and STARTTLS are merged by priority; the account's domain is asked for", async () => {
  const asked: string[] = [];
  const found = await hosts((name) => {
    asked.push(name);
    return Promise.resolve(name.startsWith("_xmpps") ? [record("b.example", 443, 20)] : [record("a.example", 5222, 10), record("c.example", 5222, 30)]);
  });
  expect([asked, found]).toEqual([["_xmpps-client._tcp.verona.example", "_xmpp-client._tcp.verona.example"], ["xmpp://a.example:5222", "xmpps://b.example:443", "xmpp://c.example:5222"]]);
});

test("N06 the root, names that are none and missing records name nothing", async () => {
  expect(await hosts(() => Promise.resolve([record(".", 0), record("", 5222), record("a/b", 5222), record("a@b", 5222), record("a b", 5222), record("x".repeat(300), 5222), record("a.example", 70_000)]))).toEqual([]);
  expect(await hosts(() => Promise.reject(new TypeError("ENOTFOUND")))).toEqual([]);
});

test("what is no address is asked for nowhere", async () => {
  const asked: string[] = [];
  await expect(discoverHosts("verona example", { lookup: (name) => { asked.push(name); return Promise.resolve([]); } })).rejects.toMatchObject({ code: "ERR_INVALID_JID" });
  expect(asked).toEqual([]);
});

test("N06 the number of places is bounded", async () => {
  expect(await hosts(() => Promise.resolve(Array.from({ length: 500 }, (_, i) => record(`h${String(i)}.example`, 5222))))).toHaveLength(10);
});

test("N06 name servers that never answer name nothing, at the deadline; an abort is told", async () => {
  const clock = new ManualClock();
  const never: SrvLookup = () => new Promise(() => undefined);
  const slow = discoverHosts("verona.example", { lookup: never, clock });
  clock.advance(14_999);
  expect(clock.pending).toBe(2);
  clock.advance(1);
  expect([await slow, clock.pending]).toEqual([[], 0]);
  const caller = new AbortController();
  const aborted = discoverHosts("verona.example", { lookup: never, clock, signal: caller.signal });
  caller.abort();
  await expect(aborted).rejects.toMatchObject({ code: "ERR_ABORTED" });
  expect(clock.pending).toBe(0);
});
