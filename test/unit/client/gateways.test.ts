/** Gateways: what strangers say of themselves, what is done with it, and what is never done. */
import { describe, expect, test } from "vitest";
import { type BareJid, bareJid } from "../../../src/base/jid.js";
import { xml, type XmlElement } from "../../../src/base/xml.js";
import { GatewayBook } from "../../../src/client/gateways/book.js";
import { GatewayMemory } from "../../../src/client/gateways/gateway-memory.js";
import { Gateways } from "../../../src/client/gateways/gateways.js";
import { Ledger } from "../../../src/session/ledger.js";
import { storeKey } from "../../../src/session/ports.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import type { IqQuestion } from "../../../src/transport/features/iq-requester.js";
import { element } from "../../support/xml.js";

const account = bareJid("romeo@verona.example");
const aim = bareJid("aim.verona.example");
const register = "jabber:iq:register";
const infoNamespace = "http://jabber.org/protocol/disco#info";
const refused = (condition: string): TransportError => new TransportError("ERR_STANZA_ERROR", "refused", { details: { condition } });
const info = (...inside: string[]): string => `<query xmlns='${infoNamespace}'>${inside.join("")}</query>`;
const isGateway = (type = "aim", name = "AIM"): string => `<identity category='gateway' type='${type}' name='${name}'/>`;
const feature = (name: string): string => `<feature var='${name}'/>`;
const items = (...jids: string[]): string => `<query xmlns='http://jabber.org/protocol/disco#items'>${jids.map((jid) => `<item jid='${jid}'/>`).join("")}</query>`;

type Reply = string | undefined | TransportError | Promise<never>;
type Script = (question: IqQuestion) => Reply;

async function world(script: Script, contacts: string[] = []) {
  const asked: IqQuestion[] = [];
  const done: string[] = [];
  const errors: unknown[] = [];
  const store = memoryStore();
  const ledger = new Ledger(store, await store.acquire());
  const memory = await GatewayMemory.load(store, ledger);
  const roster = { contacts: contacts.map((jid) => ({ jid: bareJid(jid) })), failing: new Map<string, TransportError>() };
  const act = (what: string, jid: BareJid, more?: unknown): Promise<void> => {
    const failure = roster.failing.get(`${what} ${jid}`);
    done.push(`${what} ${jid}${more === undefined ? "" : ` ${JSON.stringify(more)}`}`);
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  };
  const gateways = new Gateways({
    account, memory, onError: (error) => { errors.push(error); },
    iq: {
      request: async (question) => {
        asked.push(question);
        const reply = await script(question);
        if (reply instanceof TransportError) throw reply;
        return reply === undefined ? undefined : element(reply);
      },
    },
    roster: {
      confirmedContacts: () => roster.contacts, set: (jid, contact) => act("set", jid, contact),
      subscribeTo: (jid) => act("subscribe", jid), remove: (jid) => act("remove", jid),
    },
    presence: { direct: (jid) => act("direct", jid), undirect: (jid) => act("undirect", jid) },
  });
  let listener: ((stanza: XmlElement) => void) | undefined;
  const stream = { onStanza: (next: (stanza: XmlElement) => void) => { listener = next; return () => { listener = undefined; }; } };
  const hear = (type: string | undefined, from: string, ...children: XmlElement[]): void => { listener?.(xml("jabber:client", "presence", { type, from }, ...children)); };
  return { gateways, memory, store, ledger, roster, asked, done, errors, stream: stream as Parameters<Gateways["attach"]>[0]["stream"], hear };
}

const gatewayOnly = (...features: string[]): Script => ({ payload }) => (payload.ns === infoNamespace ? info(isGateway(), ...features.map(feature)) : refused("service-unavailable"));

describe("finding", () => {
  test("F20 L03 only services of others are asked, each once; what they say is cleaned and bounded; silent ones are counted", async () => {
    const { gateways, memory, asked } = await world(({ to }) => {
      if (to === "verona.example") return items("aim.verona.example", "AIM.verona.example", "sms.verona.example", "muc.verona.example", "late.verona.example", "gone.verona.example", "odd.verona.example", "verona.example", "romeo@verona.example", "x@gw.example", "gw.example/bot", "a@@b");
      if (to === aim) return info(isGateway("aim", "A\u202eIM\u200b"), feature(register));
      if (to === "sms.verona.example") return info("<identity category='conference' type='text'/>", isGateway("Not A Word!", "\u202e"));
      if (to === "muc.verona.example") return info("<identity category='conference' type='text'/>");
      if (to === "late.verona.example") return new TransportError("ERR_IQ_TIMEOUT", "late");
      return to === "odd.verona.example" ? "<odd/>" : refused("remote-server-not-found");
    });
    const found = await gateways.discover();
    expect(found).toEqual({
      unanswered: 3,
      gateways: [
        { jid: aim, type: "aim", name: "AIM", confusable: false, registers: true, status: { kind: "unknown" } },
        { jid: "sms.verona.example", type: "unknown", confusable: false, registers: false, status: { kind: "unknown" } },
      ],
    });
    expect([...gateways.getSnapshot().values()]).toEqual(found.gateways);
    expect(asked.map(({ to }) => to).sort()).toEqual(["aim.verona.example", "gone.verona.example", "late.verona.example", "muc.verona.example", "odd.verona.example", "sms.verona.example", "verona.example"]);
    expect(asked.every(({ to, timeoutMs }) => to === "verona.example" || timeoutMs === 10_000)).toBe(true);
    expect([...memory.types.keys()]).toEqual([aim, "sms.verona.example"]);
  });

  test("L04 H06 of a thousand services 128 are asked, eight at a time, and the rest is told as unanswered", async () => {
    let open = 0;
    let most = 0;
    const { gateways, asked } = await world(({ to }) => {
      if (to === "verona.example") return items(...Array.from({ length: 1_100 }, (_, i) => `s${i.toString()}.example`));
      most = Math.max(most, ++open);
      return Promise.resolve().then(() => { open--; throw refused("service-unavailable"); });
    });
    expect(await gateways.discover()).toEqual({ gateways: [], unanswered: 1_000 });
    expect([asked.length, most]).toEqual([129, 8]);
  });

  test("F20 a gateway whose name could be taken for another one is flagged, as nicknames are", async () => {
    let name = "Раура\u200bl";
    const { gateways } = await world(() => info(isGateway("aim", name)));
    expect(await gateways.inspect(aim)).toMatchObject({ name: "Раураl", confusable: true });
    expect(gateways.getSnapshot().get(aim)).toMatchObject({ confusable: true });
    name = "x".repeat(257);
    expect((await gateways.inspect(aim)).name).toHaveLength(256);
    for (name of ["Paypal", "Другая сеть", ""]) expect(await gateways.inspect(aim)).toMatchObject({ confusable: false });
  });

  test("without a link the search fails as a whole", async () => {
    const { gateways } = await world(({ to }) => (to === "verona.example" ? items("a.example", "b.example") : new TransportError("ERR_STREAM_CLOSED", "gone", { retryable: true })));
    await expect(gateways.discover()).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED", retryable: true });
  });
});

describe("what lies beyond", () => {
  test("L03 of a thousand domains is remembered that they are no gateways, the oldest are forgotten", async () => {
    const { memory } = await world(gatewayOnly());
    const book = new GatewayBook(memory, () => undefined);
    const domain = (i: number): BareJid => bareJid(`d${i.toString()}.example`);
    await book.learn(Array.from({ length: 1_001 }, (_, i) => [domain(i), undefined] as const));
    expect([0, 1, 1_000].map((i) => book.isPlain(domain(i)))).toEqual([false, true, true]);
  });

  test("is remembered over restarts, also offline; a domain that takes it back is forgotten; nothing is said of others", async () => {
    let category = "gateway";
    const { gateways, memory, store, ledger } = await world(() => info(`<identity category='${category}' type='sms'/>`));
    expect(memory.beyond(bareJid("nurse@aim.verona.example"))).toBeUndefined();
    await gateways.inspect(aim);
    const again = await GatewayMemory.load(store, ledger);
    for (const jid of ["nurse@aim.verona.example", "aim.verona.example"]) expect(again.beyond(bareJid(jid))).toEqual({ kind: "gateway", gateway: aim, type: "sms" });
    for (const jid of ["nurse@verona.example", "nurse@x.aim.verona.example", "aim.verona.example.evil.example"]) expect(again.beyond(bareJid(jid))).toBeUndefined();
    category = "server";
    await expect(gateways.inspect(aim)).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
    expect(memory.beyond(aim)).toBeUndefined();
    expect((await GatewayMemory.load(store, ledger)).types.size).toBe(0);
  });

  test("the domain of a conversation is asked once per run; one that is silent is asked again, and is no promise", async () => {
    let reply: Reply = refused("remote-server-timeout");
    const { gateways, asked } = await world(() => reply);
    expect(await gateways.beyond("nurse@gw.example")).toBeUndefined();
    reply = info("<identity category='server' type='im'/>");
    expect(await gateways.beyond("nurse@gw.example")).toBeUndefined();
    expect(await gateways.beyond("other@gw.example")).toBeUndefined();
    expect(await gateways.beyond("nurse@verona.example")).toBeUndefined();
    expect(asked).toHaveLength(2);
    reply = info(isGateway());
    expect(await gateways.beyond("nurse@aim.verona.example")).toEqual({ kind: "gateway", gateway: aim, type: "aim" });
    expect(await gateways.beyond("friar@aim.verona.example")).toMatchObject({ gateway: aim });
    expect(asked).toHaveLength(3);
    reply = new TransportError("ERR_STREAM_CLOSED", "gone");
    await expect(gateways.beyond("nurse@third.example")).rejects.toMatchObject({ code: "ERR_STREAM_CLOSED" });
  });

  test("what is known already is not written again", async () => {
    const { memory, store, ledger } = await world(() => undefined);
    await memory.learn([[aim, "aim"]]);
    await ledger.run((tx) => { tx.delete(storeKey("client/gateways")); });
    await memory.learn([[aim, "aim"], [bareJid("other.example"), undefined]]);
    expect((await GatewayMemory.load(store, ledger)).types.size).toBe(0);
  });

  test("H06 256 gateways are remembered, the oldest leave; a row that nobody wrote is told, and nothing is taken from it", async () => {
    const { memory, store, ledger } = await world(() => undefined);
    await memory.learn(Array.from({ length: 300 }, (_, i): [BareJid, string] => [bareJid(`g${i.toString()}.example`), "irc"]));
    expect([memory.types.size, memory.types.has(bareJid("g43.example")), memory.types.has(bareJid("g44.example"))]).toEqual([256, false, true]);
    for (const wrong of ["{\"v\":1}", "{\"v\":1,\"gateways\":[1]}", "{\"v\":1,\"gateways\":[{\"jid\":\"a@@\",\"type\":\"x\"}]}", "{\"v\":2,\"gateways\":[]}"]) {
      await ledger.run((tx) => { tx.put(storeKey("client/gateways"), new TextEncoder().encode(wrong)); });
      const told: unknown[] = [];
      expect((await GatewayMemory.load(store, ledger, (error) => { told.push(error); })).types.size).toBe(0);
      expect(told).toMatchObject([{ code: "ERR_RECORD_INVALID" }]);
    }
  });
});

describe("the end of a registration", () => {
  const removals = (asked: readonly IqQuestion[]): unknown[] => asked.filter(({ payload }) => payload.ns === register).map(({ type, to }) => [type, to]);
  const behind = ["nurse@aim.verona.example", "aim.verona.example", "nurse@evil.aim.verona.example", "mother@verona.example"];

  test.each(["verona.example", "romeo@verona.example", "VERONA.EXAMPLE", "veron%61.example", "x@aim.verona.example"])("%s is asked nothing at all: that would be the end of the account", async (address) => {
    const { gateways, asked, done } = await world(gatewayOnly(register), behind);
    await expect(gateways.unregister(address, { removeContacts: true })).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
    expect([asked, done]).toEqual([[], []]);
  });

  test("a domain that does not say now that it is a gateway gets no such request, also when it said so before", async () => {
    let self = info(isGateway());
    const { gateways, asked, done } = await world(({ payload }) => (payload.ns === infoNamespace ? self : undefined), behind);
    await gateways.inspect(aim);
    self = info("<identity category='server' type='im'/>");
    await expect(gateways.unregister(aim, { removeContacts: true })).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
    expect([removals(asked), done]).toEqual([[], []]);
  });

  test("the roster stays as it is unless the application says otherwise; then what is behind this gateway leaves, and nothing else", async () => {
    const { gateways, asked, done } = await world(({ payload }) => (payload.ns === infoNamespace ? info(isGateway()) : undefined), behind);
    expect(await gateways.unregister(aim)).toEqual({ wasRegistered: true, removed: [], kept: [] });
    expect([removals(asked), done]).toEqual([[["set", aim]], []]);
    expect(await gateways.unregister(aim, { removeContacts: true })).toEqual({ wasRegistered: true, removed: ["nurse@aim.verona.example", aim], kept: [] });
    expect(done).toEqual(["remove nurse@aim.verona.example", "remove aim.verona.example"]);
  });

  test("refused: nothing is removed; never registered: the rest is done; what the server keeps is told", async () => {
    let condition = "not-allowed";
    const { gateways, done, roster } = await world(({ payload }) => (payload.ns === infoNamespace ? info(isGateway()) : refused(condition)), behind);
    await expect(gateways.unregister(aim, { removeContacts: true })).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", details: { condition } });
    expect(done).toEqual([]);
    condition = "registration-required";
    const failure = refused("not-allowed");
    roster.failing.set(`remove ${aim}`, failure);
    expect(await gateways.unregister(aim, { removeContacts: true })).toEqual({ wasRegistered: false, removed: ["nurse@aim.verona.example"], kept: [aim], error: failure });
  });

  test("whoever is logged in by directed presence is logged out with it; a failure there stops nothing", async () => {
    const { gateways, done, roster, errors } = await world(({ payload }) => (payload.ns === infoNamespace ? info(isGateway()) : undefined));
    await gateways.logIn(aim);
    roster.failing.set(`undirect ${aim}`, refused("x"));
    expect(await gateways.unregister(aim)).toMatchObject({ wasRegistered: true });
    expect(done).toEqual(["direct aim.verona.example", "undirect aim.verona.example"]);
    expect(errors).toHaveLength(1);
  });
});

describe("contacts of the other network", () => {
  test("F22 what a gateway says changes no roster: only the call of the application does, for addresses of this gateway, with cleaned names", async () => {
    const { gateways, done, stream, hear } = await world(gatewayOnly(), ["old@aim.verona.example"]);
    await gateways.inspect(aim);
    gateways.attach({ stream });
    for (const type of ["subscribe", "subscribed", undefined]) hear(type, aim);
    expect(done).toEqual([]);
    const report = await gateways.importContacts(aim, [
      { jid: "Nurse@aim.verona.example", name: " N\u202eurse\u0000\n ", groups: ["Family"] }, { jid: "mallory@verona.example" }, { jid: "aim.verona.example" }, { jid: "x@aim.verona.example.evil.example" },
      { jid: "nurse@aim.verona.example/work" }, { jid: "@" }, {}, { jid: "old@aim.verona.example", name: "renamed" }, { jid: "nurse@aim.verona.example" }, { address: " " },
    ]);
    expect(report).toEqual({
      added: ["nurse@aim.verona.example"],
      refused: [
        { index: 1, reason: "not-of-this-gateway" }, { index: 2, reason: "not-of-this-gateway" }, { index: 3, reason: "not-of-this-gateway" }, { index: 4, reason: "not-an-address" },
        { index: 5, reason: "not-an-address" }, { index: 6, reason: "not-an-address" }, { index: 7, reason: "already-there" }, { index: 8, reason: "already-there" }, { index: 9, reason: "not-an-address" },
      ],
    });
    expect(done).toEqual(["set nurse@aim.verona.example {\"name\":\"Nurse\",\"groups\":[]}"]); // not asked for their presence, in no group
  });

  test("proposed groups count only if the application wants them: groups decide who sees what", async () => {
    const { gateways, done } = await world(gatewayOnly());
    const contacts = [{ jid: "a@aim.verona.example", groups: ["Fam\u200bily", "\u202e", "AIM", ...Array.from({ length: 30 }, (_, i) => `g${i.toString()}`)] }];
    await gateways.importContacts(aim, contacts, { groups: ["AIM"], subscribe: true });
    expect(done).toEqual(["set a@aim.verona.example {\"groups\":[\"AIM\"]}", "subscribe a@aim.verona.example"]);
    await gateways.importContacts(aim, contacts, { proposedGroups: true });
    expect(JSON.parse(done[2]?.slice("set a@aim.verona.example ".length) ?? "{}")).toEqual({ groups: ["Family", "AIM", ...Array.from({ length: 13 }, (_, i) => `g${i.toString()}`)] });
  });

  test("F20 names and groups of contacts that are taken over are cut at 128 code points", async () => {
    const { gateways, done } = await world(gatewayOnly());
    const named = (length: number): object => ({ name: "n".repeat(length), groups: ["g".repeat(length)] });
    for (const length of [127, 128, 129]) await gateways.importContacts(aim, [{ jid: "a@aim.verona.example", ...named(length) }], { proposedGroups: true });
    expect(done).toEqual([127, 128, 128].map((length) => `set a@aim.verona.example ${JSON.stringify(named(length))}`));
  });

  test("one that the server refuses stops none of the others; the end of the link stops all, and what was done is told", async () => {
    const { gateways, roster } = await world(gatewayOnly());
    const contacts = ["a", "b", "c", "d"].map((name) => ({ jid: `${name}@aim.verona.example` }));
    const gone = new TransportError("ERR_STREAM_CLOSED", "gone", { retryable: true });
    roster.failing.set("set a@aim.verona.example", refused("not-acceptable"));
    roster.failing.set("set c@aim.verona.example", gone);
    expect(await gateways.importContacts(aim, contacts)).toEqual({ added: ["b@aim.verona.example"], refused: [{ index: 0, reason: "refused", condition: "not-acceptable" }], error: gone });
  });

  test("H06 one call takes a thousand", async () => {
    const { gateways, done } = await world(gatewayOnly());
    const report = await gateways.importContacts(aim, Array.from({ length: 1_002 }, (_, i) => ({ jid: `u${i.toString()}@aim.verona.example` })));
    expect([report.added.length, report.refused, done.length]).toEqual([1_000, [{ index: 1_000, reason: "too-many" }, { index: 1_001, reason: "too-many" }], 1_000]);
  });

  test("nothing is taken over for an address that is no gateway", async () => {
    const { gateways, done } = await world(() => info("<identity category='server' type='im'/>"));
    await expect(gateways.importContacts(aim, [{ jid: "a@aim.verona.example" }])).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
    await expect(gateways.follow(aim)).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
    await expect(gateways.logIn(aim)).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
    await expect(gateways.register({ kind: "fields", service: aim, registered: false, form: { fields: [] } }, {})).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
    expect(done).toEqual([]);
  });
});

describe("addresses", () => {
  const answer = (inside: string): Script => ({ payload }) => (payload.ns === infoNamespace ? info(isGateway(), feature("jabber:iq:gateway")) : `<query xmlns='jabber:iq:gateway'>${inside}</query>`);

  test("a gateway that reads escapes is not asked; one that does not is; one that knows neither gets % for @", async () => {
    const escaping = await world(gatewayOnly("jid\\20escaping", "jabber:iq:gateway"));
    expect(await escaping.gateways.address(aim, "a b@c")).toBe("a\\20b\\40c@aim.verona.example");
    expect(escaping.asked).toHaveLength(1);
    const asking = await world(answer("<jid>ABC@aim.verona.example</jid>"));
    expect(await asking.gateways.address(aim, "a b@c")).toBe("abc@aim.verona.example");
    expect(asking.asked[1]?.payload).toEqual(xml("jabber:iq:gateway", "query", {}, xml("jabber:iq:gateway", "prompt", {}, "a b@c")));
    expect(await asking.gateways.address(aim, "x".repeat(4_097))).toBeUndefined();
    expect(asking.asked).toHaveLength(2);
    expect(await asking.gateways.address(aim, "x".repeat(4_096))).toBe("abc@aim.verona.example");
    const old = await world(answer("<prompt>abc@aim.verona.example</prompt>"));
    expect(await old.gateways.address(aim, "abc")).toBe("abc@aim.verona.example");
    const neither = await world(gatewayOnly());
    expect(await neither.gateways.address(aim, " a@c ")).toBe("a%c@aim.verona.example");
    for (const impossible of ["a b", "a@b/c", "", "x".repeat(4_097)]) expect(await neither.gateways.address(aim, impossible)).toBeUndefined();
    const silent = await world(gatewayOnly("jabber:iq:gateway"));
    await expect(silent.gateways.address(aim, "abc")).rejects.toMatchObject({ code: "ERR_STANZA_ERROR" });
  });

  test.each(["mallory@verona.example", "aim.verona.example", "abc@aim.verona.example/x", "abc@x.aim.verona.example", "", "a b"])("F20 the gateway's answer %j is no address of its own, and refused", async (jid) => {
    const { gateways } = await world(answer(`<jid>${jid}</jid>`));
    await expect(gateways.address(aim, "abc")).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
  });

  test("F20 prompts are cleaned and cut, names for display too", async () => {
    const { gateways, asked } = await world(answer(`<desc>Say\u202e\nwho${"!".repeat(9_000)}</desc><prompt>Scr\u200been\nName</prompt>`));
    const prompt = await gateways.prompt(aim, { language: "de" });
    expect(prompt.prompt).toBe("Screen Name");
    expect(prompt.description).toMatch(/^Say\nwho!+$/);
    expect(prompt.description).toHaveLength(4_096);
    expect(asked[1]?.payload.attrs["xml:lang"]).toBe("de");
    expect((await (await world(answer(`<prompt>${"P".repeat(257)}</prompt>`))).gateways.prompt(aim)).prompt).toHaveLength(256);
    expect(gateways.legacyName("d\\27artagnan\\40p\u{e0061}aris@aim.verona.example")).toBe("d'artagnan@paris");
    expect(gateways.legacyName(`${"x".repeat(200)}@aim.verona.example`)).toHaveLength(128);
    expect(() => gateways.legacyName("p\u061caris@aim.verona.example")).toThrow(expect.objectContaining({ code: "ERR_INVALID_JID" }));
  });
});

describe("presence of a gateway", () => {
  test("is its status: words cleaned, errors by condition; what it is not about, and what others say, changes nothing; it goes with the stream", async () => {
    const { gateways, stream, hear } = await world(gatewayOnly());
    await gateways.inspect(aim);
    gateways.attach({ stream });
    const status = (): unknown => gateways.getSnapshot().get(aim)?.status;
    let changes = 0;
    gateways.subscribe(() => { changes++; });
    hear(undefined, "aim.verona.example/registered", xml("jabber:client", "status", {}, "logged \u202ein"));
    expect(status()).toEqual({ kind: "available", text: "logged in" });
    hear("error", aim, xml("jabber:client", "error", { type: "auth" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "not-authorized")));
    expect(status()).toEqual({ kind: "failed", condition: "not-authorized" });
    hear("subscribe", aim);
    hear(undefined, "nurse@aim.verona.example");
    hear(undefined, "other.example");
    expect([status(), changes]).toEqual([{ kind: "failed", condition: "not-authorized" }, 2]);
    for (const length of [1_024, 1_025]) {
      hear(undefined, aim, xml("jabber:client", "status", {}, "x".repeat(length)));
      expect(status()).toEqual({ kind: "available", text: "x".repeat(1_024) });
    }
    hear("unavailable", aim);
    expect(status()).toEqual({ kind: "unavailable" });
    gateways.detach();
    expect(status()).toEqual({ kind: "unknown" });
    hear(undefined, aim);
    expect(status()).toEqual({ kind: "unknown" });
  });

  test("following puts the gateway into the roster and asks for its presence, with what the application gives", async () => {
    const { gateways, done } = await world(gatewayOnly());
    await gateways.follow(aim, { name: "AIM" });
    await gateways.logOut(aim);
    expect(done).toEqual(["set aim.verona.example {\"name\":\"AIM\"}", "subscribe aim.verona.example", "undirect aim.verona.example"]);
  });
});
