/** The roster of a whole client beside what others do, on real servers: questions to one who hides, addresses that servers write in another way, requests at a negative priority, names. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, parseJid, type BareJid, type Jid } from "../../src/base/jid.js";
import { childElements, xml, type XmlElement } from "../../src/base/xml.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { openPolicyClient } from "../support/policy-client.js";
import { befriend, dial, secret } from "../support/policy-stage.js";
import { servers, type PrivateServer } from "../support/servers.js";

const rosterNamespace = "jabber:iq:roster";
const rosterx = "http://jabber.org/protocol/rosterx";

describe.each(servers)("a real $make", ({ start }) => {
  let server: PrivateServer;
  beforeAll(async () => { server = await start({ extraModules: ["privacy_lists"] }); }, 60_000);
  afterAll(async () => { await server.stop(); });

  async function account(name: string): Promise<BareJid> {
    const user = `${name}-${randomUUID().slice(0, 8)}`;
    await server.register(user, secret);
    return bareJid(`${user}@${server.domain}`);
  }

  /** The roster as any other client gets it. */
  async function truth(jid: BareJid): Promise<readonly XmlElement[]> {
    const raw = await dial(server, jid, "raw");
    const answer = await raw.iq.request({ type: "get", payload: xml(rosterNamespace, "query") });
    await raw.stream.close();
    return childElements(answer as XmlElement);
  }

  test("F24 V01 who is not to see us gets the answers of nobody", async () => {
    const [romeo, juliet] = [await account("romeo"), await account("juliet")];
    await befriend(server, romeo, juliet, ["Friends"]);
    const { client, start: go } = await openPolicyClient(server, romeo, secret, memoryStore());
    await client.presence.policy({ contacts: { [juliet]: "offline" }, others: "available" });
    await go();
    const eyes = await dial(server, juliet, "eyes");
    const to = parseJid(`${romeo}/policy`) as Jid;
    const ask = (type: "get" | "set", payload: XmlElement): Promise<string> =>
      eyes.iq.request({ type, to, payload }).then(() => "result", (error: unknown) => (error as { readonly details: { readonly condition: string } }).details.condition);
    const all = async (): Promise<readonly string[]> => [
      await ask("get", xml("http://jabber.org/protocol/disco#info", "query")), await ask("set", xml(rosterx, "x", {}, xml(rosterx, "item", { action: "add", jid: "a@b" })))];
    expect(await all()).toEqual(["service-unavailable", "service-unavailable"]); // as a resource that is not there
    await client.close();
    await eyes.stream.close();
  }, 60_000);

  test("V05 F21 addresses that the server writes in another way are in the roster as it has them, also after a restart", async () => {
    const romeo = await account("romeo");
    const disk = memoryDisk();
    const first = await openPolicyClient(server, romeo, secret, memoryStore(disk));
    await first.start();
    for (const local of ["νίκος", "straße"]) await first.client.roster.set(`${local}@${server.domain}`, { name: local });
    await first.client.roster.set(`ann@${server.domain}`, { name: "Ann" }); // its push names the state
    const addresses = [...first.client.roster.getSnapshot().contacts.values()].map(({ jid, unconfirmed }) => `${jid} ${String(unconfirmed)}`);
    await first.client.close();
    const second = await openPolicyClient(server, romeo, secret, memoryStore(disk));
    await second.start();
    const again = [...second.client.roster.getSnapshot().contacts.keys()].sort();
    await second.client.close();
    const expected = (await truth(romeo)).map(({ attrs }) => attrs["jid"]).sort();
    expect([addresses.sort(), again]).toEqual([expected.map((jid) => `${String(jid)} false`), expected]);
  }, 60_000);

  test("requests that wait stay while our priority is negative", async () => {
    const [romeo, juliet] = [await account("romeo"), await account("juliet")];
    const disk = memoryDisk();
    const first = await openPolicyClient(server, romeo, secret, memoryStore(disk));
    await first.start();
    const other = await dial(server, juliet, "x");
    await other.stream.send(xml("jabber:client", "presence"));
    await other.stream.send(xml("jabber:client", "presence", { to: romeo, type: "subscribe" }));
    const asking = (of: typeof first): readonly BareJid[] => of.client.roster.getSnapshot().requests.map(({ jid }) => jid);
    await expect.poll(() => asking(first), { timeout: 5_000 }).toEqual([juliet]);
    await first.client.close();
    const second = await openPolicyClient(server, romeo, secret, memoryStore(disk));
    await second.client.presence.set({ priority: -1 });
    await second.start();
    for (let i = 0; i < 3; i++) await second.client.roster.set(`c${String(i)}@${server.domain}`, {}); // the server has dealt with the presence, and with what followed it
    expect(asking(second)).toEqual([juliet]);
    await second.client.presence.set({ priority: 1 });
    await second.client.roster.set(`d@${server.domain}`, {});
    expect(asking(second)).toEqual([juliet]);
    await second.client.close();
    await other.stream.close();
  }, 60_000);

  test("F20 a name that another client has given stays as it is when the groups change", async () => {
    const [romeo, juliet] = [await account("romeo"), await account("juliet")];
    const raw = await dial(server, romeo, "raw");
    const name = "\u05d0\u05d1\u05d2 (IBM)\u200f x";
    await raw.iq.request({ type: "set", payload: xml(rosterNamespace, "query", {}, xml(rosterNamespace, "item", { jid: juliet, name }, xml(rosterNamespace, "group", {}, "A"))) });
    await raw.stream.close();
    const { client, start: go } = await openPolicyClient(server, romeo, secret, memoryStore());
    await go();
    await client.roster.setGroups(juliet, ["A", "B"]);
    await client.close();
    expect((await truth(romeo)).map(({ attrs, children }) => [attrs["name"], children.length])).toEqual([[name, 2]]);
  }, 60_000);
});
