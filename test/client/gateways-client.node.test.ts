/** Gateways through the public client alone, against a scripted component on both real servers (XEP-0114). */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid } from "../../src/base/jid.js";
import type { SottoClient } from "../../src/client/client.js";
import { createClient } from "../../src/client/create-client.js";
import type { ClientEvent } from "../../src/client/events.js";
import type { Gateways } from "../../src/client/gateways/gateways.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { Component } from "../support/component.js";
import { GatewayScript } from "../support/gateway-script.js";
import { type PrivateServer, servers, services } from "../support/servers.js";

const aim = bareJid("aim.verona.example");
const secret = "the component's secret";
const password = "a rose";
const info = "http://jabber.org/protocol/disco#info";
const beyond = { kind: "gateway", gateway: aim, type: "aim" };
const soon = (): AbortSignal => AbortSignal.timeout(30_000);

describe.each(servers)("the client's gateways on $make", ({ make, start }) => {
  let server: PrivateServer;
  let component: Component;
  const script = new GatewayScript({ features: ["jabber:iq:gateway"] });
  const clients: SottoClient[] = [];

  beforeAll(async () => {
    server = await start({ components: [{ domain: aim, secret }], ...(make === "prosody" ? { extraModules: ["privacy_lists"] } : {}) });
    component = await Component.connect({ port: server.ports.component ?? 0, domain: aim, secret, script });
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await component.close();
    await server.stop();
  });

  async function account(): Promise<string> {
    const user = `romeo-${randomUUID().slice(0, 8)}`;
    await server.register(user, password);
    return `${user}@${server.domain}`;
  }
  async function login(jid: string, store = memoryStore()): Promise<SottoClient> {
    const client = await createClient({ account: jid, password, service: services(server).tcp, store, tls: { ca: server.caPem } });
    clients.push(client);
    await client.ready({ signal: soon() });
    return client;
  }
  /** How often the gateway was asked what it is, by this account. */
  const asked = (jid: string): number => component.received.filter(({ name, attrs, children }) => (
    name === "iq" && attrs["type"] === "get" && attrs["from"]?.startsWith(jid) === true && children.some((child) => typeof child === "object" && child.ns === info)
  )).length;
  const status = (gateways: Gateways): unknown => gateways.getSnapshot().get(aim)?.status;
  const register = async (gateways: Gateways): Promise<void> => gateways.register(await gateways.registration(aim), { username: "Romeo", password: "sesame" });

  test("a conversation through the gateway says so by itself after prepare(), told by an event, once per run, and at once after a restart", async () => {
    const jid = await account();
    const disk = memoryDisk();
    const client = await login(jid, memoryStore(disk));
    const events: ClientEvent[] = [];
    client.onEvent((event) => { if (event.kind === "gateway-changed") events.push(event); });
    const conversation = client.conversation(`nurse@${aim}`);
    expect(conversation.beyond).toBeUndefined();
    await conversation.prepare({ signal: soon() });
    expect(conversation.beyond).toEqual(beyond);
    expect(events).toEqual([{ kind: "gateway-changed", gateway: aim, type: "aim" }]);
    await client.conversation(`friar@${aim}`).prepare({ signal: soon() });
    const [own, nowhere] = [client.conversation(`juliet@${server.domain}`), client.conversation("juliet@nowhere.invalid")];
    for (const each of [own, nowhere]) {
      await each.prepare({ signal: soon() }).catch(() => undefined); // there is nobody
      expect(each.beyond).toBeUndefined();
    }
    expect(asked(jid)).toBe(1);
    await client.close();
    const again = await login(jid, memoryStore(disk));
    expect(again.conversation(`nurse@${aim}`).beyond).toEqual(beyond);
    await again.conversation(`nurse@${aim}`).prepare({ signal: soon() });
    expect(asked(jid)).toBe(1);
  });

  test("a message does it too: one that ends for want of OMEMO, and one in clear text", async () => {
    for (const send of ["send", "sendUnencrypted"] as const) {
      const jid = await account();
      const client = await login(jid);
      const conversation = client.conversation(`nurse@${aim}`);
      const told = new Promise<void>((resolve) => { client.onEvent((event) => { if (event.kind === "gateway-changed") resolve(); }); });
      const outcome = await conversation[send]({ text: "ay me" }).reached("sent", { signal: soon() }).then(() => "sent", (error: unknown) => (error as { code: string }).code);
      expect(outcome).toBe(send === "send" ? "ERR_NO_OMEMO" : "sent");
      await told;
      expect([conversation.beyond, asked(jid)]).toEqual([beyond, 1]);
    }
  });

  test("found, registered with, logged in to and out of, its contacts taken over", async () => {
    const client = await login(await account());
    const gateways = await client.gateways();
    const { gateways: found, unanswered } = await gateways.discover();
    expect([found, unanswered]).toEqual([[{ jid: aim, type: "aim", name: "The Other Network", confusable: false, registers: true, status: { kind: "unknown" } }], 0]);
    await gateways.logIn(aim);
    await expect.poll(() => status(gateways)).toEqual({ kind: "failed", condition: "registration-required" });
    await register(gateways);
    expect(script.users.get(client.device.jid)).toBe("Romeo");
    await gateways.logIn(aim);
    await expect.poll(() => status(gateways)).toEqual({ kind: "available", text: "as Romeo" });
    await gateways.logOut(aim);
    await expect.poll(() => status(gateways)).toEqual({ kind: "unavailable" });
    expect(await gateways.importContacts(aim, [{ address: "Nurse", name: "Nurse" }], { subscribe: true })).toEqual({ added: [`nurse@${aim}`], refused: [] });
    await expect.poll(() => client.roster.confirmed(`nurse@${aim}`)).toMatchObject({ name: "Nurse", subscription: "to" });
    await client.conversation(`nurse@${aim}`).sendUnencrypted({ text: "ay me" }).reached("sent", { signal: soon() });
    const heard = await client.messages({ signal: soon() }).next();
    expect(heard).toMatchObject({ value: { text: "heard: ay me", conversation: `nurse@${aim}` } });
    expect(await gateways.unregister(aim, { removeContacts: true })).toEqual({ wasRegistered: true, removed: [`nurse@${aim}`], kept: [] });
  });

  test("V01 under a presence policy only a gateway that it names is shown anything; one that is not is refused before anything leaves", async () => {
    const client = await login(await account());
    const gateways = await client.gateways();
    await register(gateways);
    await client.presence.policy({ contacts: {}, others: "offline" });
    const shown = (): number => component.received.filter(({ name, attrs }) => name === "presence" && attrs["type"] === undefined && attrs["from"]?.startsWith(client.device.jid) === true).length;
    await expect(gateways.logIn(aim)).rejects.toMatchObject({ code: "ERR_PRESENCE_NOT_ALLOWED" });
    await gateways.inspect(aim); // whatever was sent before it is there
    expect([shown(), status(gateways)]).toEqual([0, { kind: "unknown" }]);
    await client.presence.policy({ contacts: { [aim]: "available" }, others: "offline" });
    await gateways.logIn(aim);
    await expect.poll(() => status(gateways)).toEqual({ kind: "available", text: "as Romeo" });
    await gateways.logOut(aim);
    await expect.poll(() => status(gateways)).toEqual({ kind: "unavailable" });
  });
});
