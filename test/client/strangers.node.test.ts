/** A stranger in front of a client on real servers: what he gets to see, by whatever he tries, and what a contact gets. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BareJid, Jid } from "../../src/base/jid.js";
import { parseJid } from "../../src/base/jid.js";
import { xml, type XmlElement } from "../../src/base/xml.js";
import type { SottoClient } from "../../src/client/client.js";
import { createClient } from "../../src/client/create-client.js";
import type { ClientEvent } from "../../src/client/events.js";
import { memoryStore } from "../../src/storage/memory.js";
import { TransportError } from "../../src/transport/errors.js";
import { receiptRequest } from "../../src/transport/xep/xep0184.js";
import { markable } from "../../src/transport/xep/xep0333.js";
import { type PrivateServer, servers, services } from "../support/servers.js";
import { messageTo, presenceTo, settleAll, wireAccount, wirePassword, WirePeer } from "../support/wire-peer.js";

const soon = (): AbortSignal => AbortSignal.timeout(30_000);

/** Everything that anybody can ask somebody else's client. */
const questions: readonly (readonly ["get" | "set", XmlElement])[] = [
  ["get", xml("http://jabber.org/protocol/disco#info", "query")],
  ["get", xml("http://jabber.org/protocol/disco#items", "query")],
  ["get", xml("jabber:iq:version", "query")],
  ["get", xml("jabber:iq:last", "query")],
  ["get", xml("urn:xmpp:time", "time")],
  ["get", xml("urn:xmpp:ping", "ping")],
  ["set", xml("http://jabber.org/protocol/commands", "command", { node: "x", action: "execute" })],
  ["set", xml("jabber:iq:roster", "query", {}, xml("jabber:iq:roster", "item", { jid: "evil@example.org", subscription: "both" }))],
];

describe.each(servers)("$make", ({ start }) => {
  let server: PrivateServer;
  const clients: SottoClient[] = [];
  const peers: WirePeer[] = [];
  beforeAll(async () => { server = await start(); });
  afterAll(async () => {
    await Promise.all([...clients.map((client) => client.close()), ...peers.map((peer) => peer.close())]);
    await server.stop();
  });

  const account = (name: string): Promise<BareJid> => wireAccount(server, `${name}-${randomUUID().slice(0, 8)}`);
  async function login(jid: BareJid): Promise<SottoClient> {
    const client = await createClient({ account: jid, password: wirePassword, service: services(server).tcp, store: memoryStore(), tls: { ca: server.caPem } });
    clients.push(client);
    await client.ready({ signal: soon() });
    return client;
  }
  async function wire(jid: BareJid): Promise<WirePeer> {
    const peer = await WirePeer.connect(server, jid);
    peers.push(peer);
    return peer;
  }
  const fullJid = (client: SottoClient): Jid => {
    const status = client.status.getSnapshot();
    if (status.kind !== "online") throw new RangeError("not online");
    return status.jid;
  };
  /** The error that comes back, as far as the asker can tell errors apart. */
  const answer = async (peer: WirePeer, to: Jid, [type, payload]: (typeof questions)[number]): Promise<string> => peer.iq.request({ type, to, payload }).then(
    () => "answered", (error: unknown) => (error instanceof TransportError ? `${String(error.details["type"])} ${String(error.details["condition"])}` : "failed"));
  const until = async (what: () => boolean): Promise<void> => { await expect.poll(what, { interval: 25 }).toBe(true); };

  test("V03 V04 F22 F24 a stranger's messages are in the box; he gets no receipt, no empty message, no presence, no approval, and answers as from a resource that is not there", async () => {
    const juliet = await login(await account("juliet"));
    const events: ClientEvent[] = [];
    juliet.onEvent((event) => { events.push(event); });
    await (await juliet.contactPolicy()).set({ strangers: { message: "separate" } });
    const strangers = await juliet.strangers();
    const tybalt = await wire(await account("tybalt"));
    const romeo = await login(await account("romeo"));
    const atRomeo = await wire(romeo.device.jid); // sees whatever comes to his account
    const here = fullJid(juliet);
    const boxed = (): number => strangers.getSnapshot().reduce((sum, { messages }) => sum + messages, 0);

    const asking = (to: Jid, id: string): XmlElement => ({ ...messageTo(to, id), children: [...messageTo(to, id).children, receiptRequest(), markable()] });
    await tybalt.send(asking(juliet.device.jid, "bare"), asking(here, "full"), presenceTo(here), presenceTo(juliet.device.jid, "probe"), presenceTo(juliet.device.jid, "subscribe"));
    romeo.conversation(juliet.device.jid).send({ text: "encrypted, from somebody she does not know" });
    await romeo.conversation(juliet.device.jid).send({ text: "and once more" }).reached("sent", { signal: soon() });
    await until(() => boxed() >= 4);
    await until(() => events.some(({ kind }) => kind === "subscription-request"));
    const nowhere = parseJid(`${juliet.device.jid}/${randomUUID()}`) as Jid;
    for (const question of questions) expect([question[1].ns, await answer(tybalt, here, question)]).toEqual([question[1].ns, await answer(tybalt, nowhere, question)]);
    await settleAll(tybalt, atRomeo);
    // The server answers the probe in her name, whether she is there or not.
    const ofServer = ({ name, attrs: { from, type } }: XmlElement): boolean =>
      name === "presence" && from === juliet.device.jid && ["unsubscribed", "unavailable", "error"].includes(type ?? "");
    const told = (peer: WirePeer): readonly string[] => peer.take()
      .filter((stanza) => stanza.attrs["from"]?.startsWith(juliet.device.jid) === true && !ofServer(stanza)).map(({ name, attrs }) => `${name} ${attrs["type"] ?? ""}`);
    expect(told(tybalt)).toEqual([]);
    expect(told(atRomeo)).toEqual([]);
    expect(await juliet.history()).toEqual([]);
    expect(events.some(({ kind }) => kind === "message" || kind === "unreadable")).toBe(false);
    expect((await strangers.messages(romeo.device.jid)).map(({ text, security }) => `${text}: ${security.level}`))
      .toEqual(["encrypted, from somebody she does not know: trusted", "and once more: trusted"]);

    // And whoever is accepted and answered is somebody: his messages come at once, and he learns that they do.
    await strangers.accept(romeo.device.jid);
    expect((await juliet.history()).map(({ text, attention }) => `${text}: ${String(attention)}`)).toEqual(["encrypted, from somebody she does not know: quiet", "and once more: quiet"]);
    await juliet.conversation(romeo.device.jid).send({ text: "who are you?" }).reached("delivered", { signal: soon() });
    await romeo.conversation(juliet.device.jid).send({ text: "Romeo" }).reached("delivered", { signal: soon() });
    expect((await juliet.history()).at(-1)).toMatchObject({ text: "Romeo", attention: "notify" });
    expect(strangers.getSnapshot().map(({ jid }) => jid)).toEqual([tybalt.account]);
  });

  test("V04 somebody who is blocked reaches nobody and hears nothing, though he was a friend", async () => {
    const juliet = await login(await account("juliet"));
    const romeo = await login(await account("romeo"));
    await juliet.conversation(romeo.device.jid).send({ text: "hello" }).reached("sent", { signal: soon() });
    await romeo.conversation(juliet.device.jid).send({ text: "hello yourself" }).reached("delivered", { signal: soon() });
    const atRomeo = await wire(romeo.device.jid);
    await (await juliet.blocking()).block([romeo.device.jid]);
    const before = await juliet.history();
    await romeo.conversation(juliet.device.jid).send({ text: "let me in" }).reached("sent", { signal: soon() }).catch(() => undefined); // some servers say no at once
    await answer(atRomeo, fullJid(juliet), questions[0] as (typeof questions)[number]);
    await settleAll(atRomeo);
    expect(await juliet.history()).toEqual(before);
    expect(atRomeo.take().filter(({ name, attrs }) => name === "message" && attrs["from"]?.startsWith(juliet.device.jid) === true && attrs["type"] !== "error")).toEqual([]);
  });
});
