/** Gateways and the streams of one session of the server. Spec: XEP-0100 #usecases-jabber-login, XEP-0198 #resumption. */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { GatewayMemory } from "../../../src/client/gateways/gateway-memory.js";
import { Gateways } from "../../../src/client/gateways/gateways.js";
import { Ledger } from "../../../src/session/ledger.js";
import { memoryStore } from "../../../src/storage/memory.js";

const aim = bareJid("aim.verona.example");
const info = "http://jabber.org/protocol/disco#info";

async function world() {
  const done: string[] = [];
  const store = memoryStore();
  const gateways = new Gateways({
    account: bareJid("romeo@verona.example"), memory: await GatewayMemory.load(store, new Ledger(store, await store.acquire())), onError: () => undefined,
    iq: { request: async ({ payload }) => (payload.ns === info ? xml(info, "query", {}, xml(info, "identity", { category: "gateway", type: "aim" })) : undefined) },
    roster: { confirmedContacts: () => [], set: async () => undefined, subscribeTo: async () => undefined, remove: async () => undefined },
    presence: { direct: async (jid) => { done.push(`direct ${jid}`); }, undirect: async (jid) => { done.push(`undirect ${jid}`); } },
  });
  let listener: ((stanza: XmlElement) => void) | undefined;
  const stream = { onStanza: (next: (stanza: XmlElement) => void) => { listener = next; return () => { listener = undefined; }; } } as Parameters<Gateways["attach"]>[0]["stream"];
  gateways.attach({ stream, continued: false });
  await gateways.logIn(aim);
  listener?.(xml("jabber:client", "presence", { from: aim }));
  return { gateways, stream, done, status: () => gateways.getSnapshot().get(aim)?.status.kind };
}

test("a session that goes on keeps what gateways have said, for they do not say it again, and the end of a registration takes presence back", async () => {
  const { gateways, stream, done, status } = await world();
  const seen = [status()];
  gateways.detach();
  seen.push(status());
  gateways.attach({ stream, continued: true });
  seen.push(status());
  expect(seen).toEqual(["available", "unknown", "available"]);
  await gateways.unregister(aim);
  expect(done).toEqual([`direct ${aim}`, `undirect ${aim}`]);
});

test("another session begins with nothing: no status, and nobody who was shown anything", async () => {
  const { gateways, stream, done, status } = await world();
  gateways.detach();
  gateways.attach({ stream, continued: false });
  expect(status()).toBe("unknown");
  await gateways.unregister(aim);
  expect(done).toEqual([`direct ${aim}`]);
});
