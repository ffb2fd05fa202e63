/** Domains of conversations that the client asks by itself whether they are gateways. Threats L04, H06. */
import { describe, expect, test } from "vitest";
import { type BareJid, bareJid } from "../../../src/base/jid.js";
import { DomainAsking } from "../../../src/client/gateways/domain-asking.js";
import { GatewayMemory } from "../../../src/client/gateways/gateway-memory.js";
import { Ledger } from "../../../src/session/ledger.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import type { IqQuestion } from "../../../src/transport/features/iq-requester.js";
import { ManualClock } from "../../support/outbox-world.js";
import { element } from "../../support/xml.js";

const nurse = bareJid("nurse@aim.verona.example");
const info = (category: string): string => `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='${category}' type='aim'/></query>`;

type Reply = string | TransportError | Promise<string>;

async function world(script: (to: string) => Reply) {
  const asked: IqQuestion[] = [];
  const errors: unknown[] = [];
  const store = memoryStore();
  const ledger = new Ledger(store, await store.acquire());
  const memory = await GatewayMemory.load(store, ledger);
  const clock = new ManualClock();
  const iq = {
    request: async (question: IqQuestion) => {
      asked.push(question);
      const reply = await script(question.to ?? "");
      if (reply instanceof TransportError) throw reply;
      return element(reply);
    },
  };
  const link = { up: true };
  const asking = new DomainAsking({
    clock, memory, connection: () => (link.up ? { iq } : undefined), onError: (error) => { errors.push(error); },
  });
  return { asking, memory, asked, clock, link, errors, store, ledger };
}

describe("a conversation's domain", () => {
  test("is asked what it is, once for all of its addresses, and remembered if it is a gateway; the change is told", async () => {
    const { asking, memory, asked, store, ledger } = await world(() => info("gateway"));
    const told: unknown[] = [];
    memory.onChange((change) => { told.push([change, memory.beyond(nurse)?.type]); });
    await Promise.all([asking.about(nurse), asking.about(bareJid("friar@aim.verona.example"))]);
    expect(asked.map(({ type, to, timeoutMs }) => [type, to, timeoutMs])).toEqual([["get", "aim.verona.example", 10_000]]);
    expect(memory.beyond(nurse)).toEqual({ kind: "gateway", gateway: "aim.verona.example", type: "aim" });
    expect(told).toEqual([[{ gateway: "aim.verona.example", type: "aim" }, "aim"]]);
    await memory.learn([[bareJid("aim.verona.example"), undefined]]);
    expect(told[1]).toEqual([{ gateway: "aim.verona.example" }, undefined]);
    await memory.learn([[bareJid("aim.verona.example"), "aim"]]);
    expect(told).toHaveLength(3);
    expect((await GatewayMemory.load(store, ledger)).beyond(nurse)).toBeDefined();
  });

  test.each<[string, Reply]>([
    ["says that it is a server", info("server")], ["is not found", new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "remote-server-not-found" } })],
    ["says something else", "<odd/>"], ["is silent", new TransportError("ERR_IQ_TIMEOUT", "late")],
  ])("that %s is not known to be a gateway, and not asked again in this run", async (_, reply) => {
    const { asking, memory, asked } = await world(() => reply);
    await asking.about(nurse);
    await asking.about(nurse);
    expect([asked.length, memory.types.size]).toEqual([1, 0]);
  });

  test("is asked again if there was no stream, or it ended before the answer", async () => {
    let reply: Reply = new TransportError("ERR_STREAM_CLOSED", "gone", { retryable: true });
    const { asking, asked, link, memory } = await world(() => reply);
    link.up = false;
    await asking.about(nurse);
    expect(asked).toEqual([]);
    link.up = true;
    await asking.about(nurse);
    reply = info("gateway");
    await asking.about(nurse);
    expect([asked.length, memory.types.size]).toEqual([2, 1]);
  });

  test("that is silent holds up nobody whose signal fires, and answers the others", async () => {
    let answer: (reply: string) => void = () => undefined;
    const { asking, memory } = await world(() => new Promise((resolve) => { answer = resolve; }));
    const abort = new AbortController();
    const waiting = [asking.about(nurse), asking.about(nurse, abort.signal)] as const;
    abort.abort();
    await expect(waiting[1]).rejects.toMatchObject({ code: "ERR_ABORTED" });
    await expect(asking.about(nurse, abort.signal)).rejects.toMatchObject({ code: "ERR_ABORTED" });
    answer(info("gateway"));
    await waiting[0];
    expect(memory.beyond(nurse)).toBeDefined();
  });

  test("one signal for many questions has one listener, as long as one of them is open: Node takes more than ten for a leak", async () => {
    const answers: ((reply: string) => void)[] = [];
    const { asking } = await world(() => new Promise((resolve) => { answers.push(resolve); }));
    const abort = new AbortController();
    const { signal } = abort;
    let listeners = 0;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...how: Parameters<typeof add>) => { listeners++; add(...how); };
    signal.removeEventListener = (...how: Parameters<typeof remove>) => { listeners--; remove(...how); };
    const waiting = ["a", "b", "c"].map((domain) => asking.about(bareJid(`nurse@${domain}.example`), signal));
    expect([answers.length, listeners]).toEqual([3, 1]);
    answers[0]?.(info("gateway"));
    await waiting[0];
    expect(listeners).toBe(1);
    abort.abort();
    for (const each of waiting.slice(1)) await expect(each).rejects.toMatchObject({ code: "ERR_ABORTED" });
    expect(listeners).toBe(0);
  });

  test("a store that cannot take the answer is told of; the run knows it", async () => {
    const { asking, memory, errors, store } = await world(() => info("gateway"));
    store.commit = () => Promise.reject(new TypeError("full"));
    await asking.about(nurse);
    expect(memory.beyond(nurse)).toBeDefined();
    expect(errors).toHaveLength(1);
  });
});

test("L04 H06 thirty domains are asked in a minute and a thousand in a run; what was too many can be asked later", async () => {
  const { asking, asked, clock } = await world(() => info("server"));
  const all = Array.from({ length: 1_100 }, (_, i) => bareJid(`x@d${i.toString()}.example`));
  for (const jid of all) await asking.about(jid);
  expect(asked).toHaveLength(30);
  await clock.pass(59_999);
  await asking.about(all[30] as BareJid);
  expect(asked).toHaveLength(30);
  await clock.pass(1);
  await asking.about(all[30] as BareJid);
  expect(asked.at(-1)?.to).toBe("d30.example");
  for (let minute = 0; minute < 50; minute++) {
    await clock.pass(60_000);
    for (const jid of all) await asking.about(jid);
  }
  expect(new Set(asked.map(({ to }) => to)).size).toBe(1_000);
  expect(asked).toHaveLength(1_000);
});
