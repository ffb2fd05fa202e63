/** A conversation through a gateway says so by itself, in a client and in every tab: with a store that knows of nothing. */
import { afterEach, describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { childElements, xml, type XmlElement } from "../../../src/base/xml.js";
import type { ClientEvent } from "../../../src/client/events.js";
import type { Delivery } from "../../../src/client/message.js";
import type { Client } from "../../../src/client/surface.js";
import { iqResult } from "../../simulation/stanzas.js";
import type { Session } from "../../simulation/session.js";
import { calm, FacadeWorld, romeo } from "../../support/facade-world.js";

const info = "http://jabber.org/protocol/disco#info";
const nick = "nick@irc.example";
const beyond = { kind: "gateway", gateway: "irc.example", type: "irc" };
let there: FacadeWorld | undefined;
afterEach(async () => { await there?.end(); });

/** A network with a gateway. `answered`: resolves when it may answer. */
function world(answered: Promise<void> = Promise.resolve()): { readonly world: FacadeWorld; readonly asked: string[] } {
  const made = new FacadeWorld({ autoConnect: true });
  there = made;
  const asked: string[] = [];
  const { server } = made;
  const handle = server.handle.bind(server);
  server.handle = (session: Session, stanza: XmlElement) => {
    const to = stanza.attrs["to"] ?? "";
    const isQuestion = childElements(stanza)[0]?.ns === info && stanza.attrs["type"] === "get" && !to.includes("@") && to !== "";
    if (isQuestion) asked.push(to);
    if (!isQuestion || to.endsWith("verona.example")) {
      handle(session, stanza);
      return;
    }
    void answered.then(() => { session.deliver(iqResult(stanza, session.jid, xml(info, "query", {}, xml(info, "identity", { category: to.startsWith("irc") ? "gateway" : "server", type: "irc" })))); });
  };
  return { world: made, asked };
}

const next = (client: Client, kind: ClientEvent["kind"]): Promise<ClientEvent> => new Promise((resolve) => {
  const stop = client.onEvent((event) => {
    if (event.kind !== kind) return;
    stop();
    resolve(event);
  });
});

describe.each(["a client", "a tab"])("%s", (kind) => {
  const open = async (made: FacadeWorld): Promise<Client> => {
    const { client, host } = await made.open();
    await client.ready();
    return kind === "a tab" ? client : host.client;
  };

  test("after prepare() it says so, also of a contact without OMEMO; once per run", async () => {
    const { world: made, asked } = world();
    const client = await open(made);
    const conversation = client.conversation(nick);
    const seen = next(client, "gateway-changed").then((event) => [event, conversation.beyond]);
    expect(conversation.beyond).toBeUndefined();
    await conversation.prepare().catch(() => undefined);
    expect(conversation.beyond).toEqual(beyond);
    expect(await seen).toEqual([{ kind: "gateway-changed", gateway: "irc.example", type: "irc" }, beyond]);
    expect((await client.gateways()).getSnapshot().get("irc.example" as never)).toMatchObject({ type: "irc", confusable: false });
    const plain = client.conversation("paris@mantua.example");
    for (const each of [conversation, plain, plain]) await each.prepare().catch(() => undefined);
    expect(plain.beyond).toBeUndefined();
    expect(asked).toEqual(["irc.example", "mantua.example"]);
    await client.conversation("nurse@verona.example").prepare(); // at home
    await (await client.gateways()).inspect("irc.elsewhere.example");
    await client.conversation("nick@irc.elsewhere.example").prepare().catch(() => undefined); // remembered
    expect(asked.slice(2)).toEqual(["irc.elsewhere.example"]);
  });

  test("after the first message it is told, and the message does not wait for it", async () => {
    let answer: () => void = () => undefined;
    const { world: made, asked } = world(new Promise((resolve) => { answer = resolve; }));
    const client = await open(made);
    const told = next(client, "gateway-changed");
    await calm();
    await client.conversation(nick).sendUnencrypted({ text: "hello" }).reached("sent");
    await expect.poll(() => asked).toEqual(["irc.example"]); // what asks is loaded first
    expect(client.conversation(nick).beyond).toBeUndefined();
    answer();
    await told;
    expect(client.conversation(nick).beyond).toEqual(beyond);
  });

  test("a gateway that is found while the list of gateways is shown is in it", async () => {
    const { world: made } = world();
    const client = await open(made);
    const gateways = await client.gateways();
    expect(gateways.getSnapshot().size).toBe(0);
    const changed = new Promise<void>((resolve) => { gateways.subscribe(resolve); });
    await client.conversation(nick).prepare().catch(() => undefined);
    await changed;
    expect([...gateways.getSnapshot().keys()]).toEqual(["irc.example"]);
  });
});

test("a message that was written offline asks once it leaves", async () => {
  const { world: made, asked } = world();
  const { client } = await made.open();
  await client.ready();
  await client.disconnect();
  const handle = client.conversation(nick).sendUnencrypted({ text: "later" });
  await handle.reached("stored");
  await client.conversation(nick).prepare();
  expect(asked).toEqual([]);
  const told = next(client, "gateway-changed");
  client.connect();
  await told;
  expect([asked, client.conversation(nick).beyond]).toEqual([["irc.example"], beyond]);
});

test("what the log says: messages that leave ask, and those that end for want of OMEMO; not what waits, was taken back, or others have written", async () => {
  const { world: made, asked } = world();
  const { client, host } = await made.open();
  await client.ready();
  const { ledger, log } = host.client.core;
  const deliveries: Readonly<Record<string, Partial<Delivery> | undefined>> = {
    received: undefined, stored: { state: "stored" }, cancelled: { state: "failed", error: { code: "ERR_MESSAGE_CANCELLED", retryable: false } },
    sealed: { state: "sealed" }, sent: { state: "sent" }, without: { state: "failed", error: { code: "ERR_NO_OMEMO", retryable: false } },
  };
  for (const [name, delivery] of Object.entries(deliveries)) {
    const conversation = bareJid(`x@${name}.example`);
    await ledger.run((tx) => {
      log.append(tx, {
        id: name, conversation, from: delivery === undefined ? conversation : romeo, direction: delivery === undefined ? "received" : "sent", text: "", receivedAt: 0,
        security: { level: "own" }, ...(delivery === undefined ? {} : { delivery: { state: "sent", archived: false, ...delivery } }),
      });
    });
    await calm();
  }
  await expect.poll(() => asked).toEqual(["sealed.example", "sent.example", "without.example"]);
});
