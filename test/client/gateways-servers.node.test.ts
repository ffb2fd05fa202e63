/** Gateways against a scripted component on both real servers (XEP-0114). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { type BareJid, bareJid } from "../../src/base/jid.js";
import { randomId, systemRng } from "../../src/base/rng.js";
import { findChild, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { GatewayMemory } from "../../src/client/gateways/gateway-memory.js";
import { Gateways } from "../../src/client/gateways/gateways.js";
import { Roster } from "../../src/client/roster/roster.js";
import { Ledger } from "../../src/session/ledger.js";
import { memoryStore } from "../../src/storage/memory.js";
import { connect } from "../../src/transport/connection/connect.js";
import { sockets } from "../../src/transport/connection/sockets-node.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { Archive } from "../../src/transport/features/archive.js";
import type { TransportError } from "../../src/transport/errors.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { Component, stanza } from "../support/component.js";
import { GatewayScript } from "../support/gateway-script.js";
import { offline } from "../support/no-stream.js";
import { type PrivateServer, servers, services } from "../support/servers.js";

const domain = "verona.example";
const aim = bareJid(`aim.${domain}`);
const icq = bareJid(`icq.${domain}`);
const components = [aim, icq].map((each) => ({ domain: each, secret: `secret of ${each}` }));
const password = "a rose";
const client = (name: string, attrs: Readonly<Record<string, string>>, ...children: XmlElement[]): XmlElement => xml("jabber:client", name, attrs, ...children);

interface Person {
  readonly account: BareJid;
  readonly stream: Stream;
  readonly iq: IqClient;
  readonly roster: Roster;
  readonly gateways: Gateways;
  readonly memory: GatewayMemory;
  readonly heard: XmlElement[];
}

describe.each(servers)("gateways on $make", ({ start }) => {
  let server: PrivateServer;
  const scripts = { [aim]: new GatewayScript({ features: ["jabber:iq:gateway"] }), [icq]: new GatewayScript({ form: true, features: ["jid\\20escaping"] }) };
  const running = new Map<string, Component>();
  const people: Person[] = [];
  let count = 0;

  beforeAll(async () => {
    server = await start({ components, registration: true, logStanzas: true });
    for (const { domain: name, secret } of components) {
      running.set(name, await Component.connect({ port: server.ports.component ?? 0, domain: name, secret, script: scripts[name] ?? {} }));
    }
  });
  afterAll(async () => {
    await Promise.all([...people.map(({ stream }) => stream.close()), ...[...running.values()].map((component) => component.close())]);
    await server.stop();
  });

  const dial = (account: BareJid): Promise<Stream> => connect({
    account, service: services(server).tcp, password: () => password, tls: { ca: server.caPem }, clock: systemClock, rng: systemRng(),
  }, sockets);

  /** A fresh account, online. */
  async function person(): Promise<Person> {
    const name = `user${(count++).toString()}`;
    await server.register(name, password);
    const account = bareJid(`${name}@${domain}`);
    const stream = await dial(account);
    const iq = new IqClient(stream, { rng: systemRng(), clock: systemClock });
    const heard: XmlElement[] = [];
    stream.onStanza((each) => { heard.push(each); });
    const store = memoryStore();
    const ledger = new Ledger(store, await store.acquire());
    const onError = (error: unknown): void => { throw error; };
    const roster = await Roster.load({ account, store, ledger, clock: systemClock, newId: () => randomId(systemRng()), emit: () => undefined, onError, offline, mayAsk: () => true });
    const connection = { stream, iq, archive: new Archive({ iq, account, rng: systemRng(), clock: systemClock }), signal: new AbortController().signal, epoch: 1, continued: false };
    roster.attach(connection);
    await roster.prepare(connection);
    const memory = await GatewayMemory.load(store, ledger);
    const presence = {
      direct: (to: BareJid) => stream.send(client("presence", { to })),
      undirect: (to: BareJid) => stream.send(client("presence", { to, type: "unavailable" })),
    };
    const gateways = new Gateways({ account, iq, roster, presence, memory, onError });
    gateways.attach(connection);
    await stream.send(client("presence", {}));
    const made = { account, stream, iq, roster, gateways, memory, heard };
    people.push(made);
    return made;
  }

  const heardFrom = async ({ heard, stream }: Person, name: string, from: string): Promise<XmlElement> => {
    for (;;) {
      const found = heard.find((each) => each.name === name && each.attrs["from"] === from);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => { const stop = stream.onStanza(() => { stop(); resolve(); }); });
    }
  };
  const status = async ({ gateways }: Person, kind: string): Promise<unknown> => {
    for (;;) {
      const now = gateways.getSnapshot().get(aim)?.status;
      if (now?.kind === kind) return now;
      await new Promise<void>((resolve) => { const stop = gateways.subscribe(() => { stop(); resolve(); }); });
    }
  };

  test("F20 the server's services are asked what they are: both gateways are found, with their words cleaned, and nothing else is taken for one", async () => {
    const { gateways, memory } = await person();
    const found = await gateways.discover();
    expect(found.unanswered).toBe(0);
    expect(found.gateways.map(({ jid }) => jid).sort()).toEqual([aim, icq]);
    expect(found.gateways[0]).toEqual({ jid: found.gateways[0]?.jid, type: "aim", name: "The Other Network", confusable: false, registers: true, status: { kind: "unknown" } });
    expect(memory.beyond(bareJid(`juliet@${aim}`))).toEqual({ kind: "gateway", gateway: aim, type: "aim" });
    expect(memory.beyond(bareJid(`juliet@${domain}`))).toBeUndefined();
  });

  test("registration with fields and with a form: wrong answers are refused by the gateway, right ones are on record, and no secret comes back", async () => {
    for (const gateway of [aim, icq]) {
      const { gateways, account } = await person();
      const offer = await gateways.registration(gateway);
      expect(offer).toMatchObject({ kind: gateway === aim ? "fields" : "form", registered: false, instructions: "Name and password, please." });
      expect(gateways.problems(offer, { username: "Romeo" })).toEqual([{ field: "password", problem: "missing" }]);
      await expect(gateways.register(offer, { username: "Romeo" })).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT", details: { problems: 1 } });
      await expect(gateways.register(offer, { username: "Romeo", password: "wrong" })).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", details: { condition: "not-acceptable" } });
      await gateways.register(offer, { username: "Romeo", password: "sesame" });
      expect(scripts[gateway]?.users.get(account)).toBe("Romeo");
      const again = await gateways.registration(gateway);
      expect(again).toMatchObject({ registered: true });
      expect(JSON.stringify(again)).toContain("Romeo");
      expect(JSON.stringify(again)).not.toContain("hunter2");
    }
  });

  test("logging in and out by directed presence; a refused login is told with its condition", async () => {
    const who = await person();
    await who.gateways.inspect(aim);
    await who.gateways.logIn(aim);
    expect(await status(who, "failed")).toEqual({ kind: "failed", condition: "registration-required" });
    await who.gateways.register(await who.gateways.registration(aim), { username: "Romeo", password: "sesame" });
    await who.gateways.logIn(aim);
    expect(await status(who, "available")).toEqual({ kind: "available", text: "as Romeo" });
    await who.gateways.logOut(aim);
    expect(await status(who, "unavailable")).toEqual({ kind: "unavailable" });
  });

  test("addresses: translated by the gateway, or escaped where it reads that; an address of others is refused", async () => {
    const { gateways } = await person();
    expect(await gateways.prompt(aim, { language: "en" })).toEqual({ prompt: "Screen Name", description: "Who is it?" });
    expect(await gateways.address(aim, "Foo Bar")).toBe(`foobar@${aim}`);
    await expect(gateways.address(aim, "123")).rejects.toMatchObject({ code: "ERR_STANZA_ERROR", details: { condition: "item-not-found" } });
    await expect(gateways.address(aim, "mallory")).rejects.toMatchObject({ code: "ERR_STREAM_PROTOCOL" });
    expect(await gateways.address(icq, "D'Artagnan & Co@paris")).toBe(`d\\27artagnan\\20\\26\\20co\\40paris@${icq}`);
    expect(gateways.legacyName(`d\\27artagnan\\40paris@${icq}`)).toBe("d'artagnan@paris");
  });

  test("F22 what a gateway proposes changes nothing; the contacts that the application takes over are in the roster, and they answer", async () => {
    const who = await person();
    await who.gateways.inspect(icq);
    const suggestion = xml("http://jabber.org/protocol/rosterx", "x", {}, xml("http://jabber.org/protocol/rosterx", "item", { action: "add", jid: `nurse@${icq}`, name: "Nurse" }));
    running.get(icq)?.send(stanza("message", { from: icq, to: who.stream.jid }, suggestion));
    await heardFrom(who, "message", icq);
    running.get(icq)?.send(stanza("presence", { from: `tybalt@${icq}`, to: who.account, type: "subscribe" }));
    await heardFrom(who, "presence", `tybalt@${icq}`);
    while (who.roster.getSnapshot().requests.length === 0) await new Promise<void>((resolve) => { const stop = who.roster.subscribe(() => { stop(); resolve(); }); });
    expect(who.roster.confirmedContacts()).toEqual([]);
    const report = await who.gateways.importContacts(icq, [
      { jid: `nurse@${icq}`, name: "Nur\u202ese", groups: ["Family"] }, { address: "peter paul" }, { jid: `romeo@${domain}`, name: "yourself" }, { jid: `nurse@${icq}` },
    ], { subscribe: true, groups: ["ICQ"] });
    expect(report).toEqual({
      added: [`nurse@${icq}`, `peter\\20paul@${icq}`],
      refused: [{ index: 2, reason: "not-of-this-gateway" }, { index: 3, reason: "already-there" }],
    });
    expect(who.roster.confirmed(`nurse@${icq}`)).toMatchObject({ name: "Nurse", groups: ["ICQ"] });
    await heardFrom(who, "presence", `nurse@${icq}`);
    await who.stream.send(client("message", { to: `nurse@${icq}`, type: "chat" }, xml("jabber:client", "body", {}, "ay me")));
    const answer = await heardFrom(who, "message", `nurse@${icq}`);
    expect(textOf(findChild(answer, "jabber:client", "body") ?? answer)).toBe("heard: ay me");
    expect(who.memory.beyond(bareJid(`nurse@${icq}`))).toEqual({ kind: "gateway", gateway: icq, type: "aim" });
  });

  test("the end of a registration leaves the roster alone unless asked, and tells what there was", async () => {
    const who = await person();
    await who.gateways.register(await who.gateways.registration(aim), { username: "Romeo", password: "sesame" });
    await who.gateways.follow(aim, { name: "AIM" });
    await who.gateways.importContacts(aim, [{ jid: `nurse@${aim}` }]);
    await who.roster.set(`mother@${domain}`, {});
    expect(await who.gateways.unregister(aim)).toEqual({ wasRegistered: true, removed: [], kept: [] });
    expect(scripts[aim]?.users.has(who.account)).toBe(false);
    expect(who.roster.confirmedContacts()).toHaveLength(3);
    const report = await who.gateways.unregister(aim, { removeContacts: true });
    expect({ ...report, removed: [...report.removed].sort() }).toEqual({ wasRegistered: false, removed: [aim, `nurse@${aim}`], kept: [] });
    expect(who.roster.confirmedContacts().map(({ jid }) => jid)).toEqual([`mother@${domain}`]);
  });

  test("the end of a registration never reaches the own server, which would end the account: the account is still there, and gone once it is asked in the raw", async () => {
    const who = await person();
    for (const address of [domain, "VERONA.example", "verona.example.", "veron%61.example", who.account, `other@${domain}`]) {
      await expect(who.gateways.unregister(address)).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
      await expect(who.gateways.registration(address)).rejects.toMatchObject({ code: "ERR_NOT_A_GATEWAY" });
    }
    await (await dial(who.account)).close();
    // What it is that must not happen: the same request, sent to the own server.
    const ended = new Promise((resolve) => { who.stream.onEnd(resolve); });
    await who.iq.request({ type: "set", to: bareJid(domain), payload: xml("jabber:iq:register", "query", {}, xml("jabber:iq:register", "remove")) }).catch(() => undefined);
    await ended;
    await expect(dial(who.account)).rejects.toMatchObject({ code: "ERR_AUTH_REJECTED" });
  });

  test("a gateway that is gone is told as unanswered, and cannot be used", async () => {
    const { gateways, iq } = await person();
    const secret = components.find((each) => each.domain === icq)?.secret ?? "";
    await running.get(icq)?.close();
    // What the server sends behind the farewell, before it has noticed it, is answered by nobody.
    const answer = (): Promise<unknown> => iq.request({ type: "get", to: bareJid(icq), payload: xml("urn:xmpp:ping", "ping"), timeoutMs: 500 })
      .catch((error: unknown) => (error as TransportError).code);
    await expect.poll(answer).toBe("ERR_STANZA_ERROR");
    await expect(gateways.inspect(icq)).rejects.toMatchObject({ code: "ERR_STANZA_ERROR" });
    const found = await gateways.discover();
    expect(found.gateways.map(({ jid }) => jid)).toEqual([aim]);
    running.set(icq, await Component.connect({ port: server.ports.component ?? 0, domain: icq, secret, script: scripts[icq] ?? {} }));
    expect((await gateways.discover({ server: domain })).gateways).toHaveLength(2);
  });
});
