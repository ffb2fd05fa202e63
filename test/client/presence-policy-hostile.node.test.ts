/**
 * Attempts to get around a presence policy by using everything else of the client, and by other clients of the account, on both real servers.
 * Threats V01, V02.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, type BareJid, type Jid, parseJid } from "../../src/base/jid.js";
import { xml, type XmlElement } from "../../src/base/xml.js";
import type { Level } from "../../src/client/presence-policy/levels.js";
import type { PolicyRules } from "../../src/client/presence-policy/rules.js";
import { TransportError } from "../../src/transport/errors.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { befriend, dial, Observer, Observers, secret } from "../support/policy-stage.js";
import { openPolicyClient, type PolicyClient } from "../support/policy-client.js";
import type { PrivateServer } from "../support/servers.js";

const makes = [
  { make: "prosody", start: (): Promise<PrivateServer> => startProsody({ extraModules: ["privacy_lists"], resumeSeconds: 30 }) },
  { make: "ejabberd", start: (): Promise<PrivateServer> => startEjabberd({ resumeSeconds: 30 }) },
];
const privacy = (...children: readonly XmlElement[]): XmlElement => xml("jabber:iq:privacy", "query", {}, ...children);

describe.each(makes)("a real $make", ({ make, start }) => {
  let server: PrivateServer;
  let user: BareJid;
  let self: PolicyClient;
  const observers = new Observers();
  const { limits, all, nobodyLeaked } = observers;
  const rules: PolicyRules = { groups: { sister: "busy", friend: "offline", team: "available" }, others: "offline" };
  const normal: Readonly<Record<string, Level>> = { sister: "busy", team: "available" };

  const address = (name: string): string => `${name}@${server.domain}`;
  const watching = (name: string): Observer => observers.get(name) as Observer;

  beforeAll(async () => {
    server = await start();
    user = bareJid(address("romeo"));
    for (const name of ["romeo", "sister", "friend", "team", "stranger", "newcomer"]) await server.register(name, secret);
    for (const name of ["sister", "friend", "team", "stranger", "newcomer"]) {
      const observer = new Observer(server, address(name), user, "words");
      observers.set(name, observer);
      if (["sister", "friend", "team"].includes(name)) await befriend(server, user, observer.account, [name]);
    }
    await limits({});
    for (const observer of observers.values()) await observer.logIn();
    self = await openPolicyClient(server, user, secret, memoryStore(memoryDisk()));
    await self.client.presence.policy(rules);
    await limits(normal);
    await self.start();
    await all(normal);
  }, 120_000);

  afterAll(async () => {
    await self.client.close();
    for (const observer of observers.values()) await observer.logOut();
    await server.stop();
  }, 60_000);

  test("V01 what was directed to somebody who is no contact goes when his rule goes, and when an override comes", async () => {
    const { presence } = self.client;
    await presence.policy({ ...rules, contacts: { [address("stranger")]: "available" } });
    await limits({ ...normal, stranger: "available" });
    await presence.direct(address("stranger"), { show: "available" });
    await watching("stranger").sees("available");
    await presence.policy({ ...rules, contacts: { [address("stranger")]: "xa" } });
    await watching("stranger").sees("xa");
    await limits({ ...normal, stranger: "xa" });
    await presence.override({ level: "offline", until: Date.now() + 60_000 });
    await all({});
    await presence.policy(rules);
    await all({}); // new rules do not end it
    await limits(normal);
    await presence.override(undefined);
    await all(normal);
    nobodyLeaked();
  });

  test("V01 the list that keeps the rules cannot be taken out of force by the same client", async () => {
    const lists = await self.client.privacyLists();
    const { active = "" } = await lists.refresh();
    const conflict = { code: "ERR_PRIVACY_LIST_CONFLICT" };
    await expect(lists.activate(undefined)).rejects.toMatchObject(conflict);
    await expect(lists.replace(active, (before) => before.slice(0, 1))).rejects.toMatchObject(conflict);
    await expect(lists.remove(active)).rejects.toMatchObject(conflict);
    await watching("friend").logOut();
    await watching("friend").logIn();
    await all(normal);
    nobodyLeaked();
  });

  test("V01 capabilities that change, and a priority, reach everybody at his level", async () => {
    await self.client.personalEvents();
    await self.client.presence.set({ priority: 7 });
    await delay(300);
    await all(normal);
    nobodyLeaked();
  });

  test("V01 blocking and unblocking one who sees nothing, and one who sees", async () => {
    const blocking = await self.client.blocking();
    await blocking.block([address("friend")]);
    await delay(200);
    await blocking.unblock([address("friend")]);
    await delay(300);
    await all(normal);
    await blocking.block([address("sister")]);
    await watching("sister").sees("offline");
    await delay(500); // the list has followed
    await blocking.unblock([address("sister")]);
    await all(normal);
    nobodyLeaked();
  });

  test("V01 a newcomer is approved, put into a group, removed", async () => {
    const { roster } = self.client;
    const { stream } = await dial(server, watching("newcomer").account, "asking");
    await stream.send(xml("jabber:client", "presence", { to: user, type: "subscribe" }));
    await expect.poll(() => roster.getSnapshot().requests.map(({ jid }) => jid)).toContain(address("newcomer"));
    await roster.approve(address("newcomer"));
    await delay(300);
    await all(normal);
    await limits({ ...normal, newcomer: "available" });
    await roster.set(address("newcomer"), { groups: ["team"] });
    await all({ ...normal, newcomer: "available" });
    await roster.remove(address("newcomer"));
    await all(normal);
    await limits(normal);
    await stream.close();
    nobodyLeaked();
  });

  test("V01 a second client of ours with other rules and other list names shows what its rules say, and leaves ours alone", async () => {
    const other = await openPolicyClient(server, user, secret, memoryStore(memoryDisk()), "other");
    await other.client.presence.policy({ groups: { friend: "xa" }, others: "offline" });
    await limits({ ...normal, friend: "xa" });
    await other.start();
    await all({ ...normal, friend: "xa" });
    await limits({ ...normal, friend: "away" });
    await other.client.presence.policy({ groups: { friend: "away" }, others: "offline" });
    await all({ ...normal, friend: "away" });
    await other.client.close();
    await all(normal);
    await limits(normal);
    await self.client.presence.policy(rules);
    await all(normal);
    nobodyLeaked();
  });

  test("V01 several changes that nobody waits for, around a reconnect", async () => {
    const { presence } = self.client;
    await limits({ sister: "chat", friend: "chat", team: "chat" });
    const changes = [{ others: "chat" }, { others: "offline" }, { groups: { friend: "away" }, others: "xa" }, rules] as const;
    const done = changes.map((each) => presence.policy(each));
    await self.reconnect();
    await Promise.allSettled(done);
    await presence.policy(rules);
    await all(normal);
    await limits(normal);
    await self.client.disconnect();
    await all({});
    const again = presence.policy({ others: "chat" });
    self.client.connect();
    const last = presence.policy(rules);
    await Promise.all([again, last]);
    await self.client.ready();
    await all(normal);
    nobodyLeaked();
  });

  test("V01 an automatic answer to one who sees nothing does not tell that somebody is here", async () => {
    const { stream, iq } = await dial(server, watching("friend").account, "asking");
    const heard: XmlElement[] = [];
    stream.onStanza((stanza) => { if (stanza.name === "message") heard.push(stanza); });
    await stream.send(xml("jabber:client", "presence"));
    const to = `${user}/policy`;
    const ask = (resource: string): Promise<unknown> => iq.request({ to: parseJid(`${user}/${resource}`) as Jid, type: "get", payload: xml("http://jabber.org/protocol/disco#info", "query") })
      .then(() => "an answer", (error: unknown) => (error instanceof TransportError ? JSON.stringify([error.code, error.details]) : "?"));
    const [there, absent] = [await ask("policy"), await ask("nobody")];
    expect(there).toBe(absent);
    await stream.send(xml("jabber:client", "message", { to, type: "chat", id: "m1" }, xml("jabber:client", "body", {}, "there?"), xml("urn:xmpp:receipts", "request")));
    await delay(500);
    expect(heard).toEqual([]);
    await stream.close();
    nobodyLeaked();
  });

  test("V01 V02 another client of ours writes over the list in force", async () => {
    const other = await dial(server, user, "other");
    const lists = await self.client.privacyLists();
    const { active: name = "" } = await lists.refresh();
    expect(name).toMatch(/^sotto-/);
    await limits({ sister: "available", friend: "busy", team: "available" });
    await other.iq.request({ type: "set", payload: privacy(xml("jabber:iq:privacy", "list", { name }, xml("jabber:iq:privacy", "item", { action: "allow", order: "1" }))) }).catch(() => undefined);
    await expect.poll(async () => (await lists.refresh()).active).not.toBe(name); // another one is in force
    await all(normal);
    await watching("friend").logOut();
    await limits(normal);
    await watching("friend").logIn();
    await all(normal);
    await other.stream.close();
    nobodyLeaked();
  });

  if (make === "prosody") test("V02 another client cannot remove the list in force", async () => {
    const other = await dial(server, user, "other");
    const { active: name = "" } = await (await self.client.privacyLists()).refresh();
    await expect(other.iq.request({ type: "set", payload: privacy(xml("jabber:iq:privacy", "list", { name })) })).rejects.toMatchObject({ details: { condition: "conflict" } });
    await all(normal);
    await other.stream.close();
    nobodyLeaked();
  });
  else test("V01 V02 another client removes the list in force, a hidden friend comes, and our next list takes back what he saw", async () => {
    const other = await dial(server, user, "other");
    const { active: name = "" } = await (await self.client.privacyLists()).refresh();
    await limits({ ...normal, friend: "busy" });
    await other.iq.request({ type: "set", payload: privacy(xml("jabber:iq:privacy", "list", { name })) });
    await watching("friend").logOut();
    await watching("friend").logIn();
    await watching("friend").sees("busy"); // the default list holds: decision 0009
    const { reached } = await self.client.presence.policy({ ...rules, groups: { ...rules.groups, sister: "offline" } });
    expect(reached).toBe("in-force");
    await all({ team: "available" });
    await self.client.presence.policy(rules);
    await all(normal);
    await limits(normal);
    await other.stream.close();
    nobodyLeaked();
  });

  test("V01 one whom another client has blocked and unblocked sees what his rule says", async () => {
    const other = await dial(server, user, "other");
    const blocking = (what: "block" | "unblock", ...names: readonly string[]): Promise<unknown> => other.iq.request({
      type: "set", payload: xml("urn:xmpp:blocking", what, {}, ...names.map((each) => xml("urn:xmpp:blocking", "item", { jid: address(each) }))),
    });
    await blocking("block", "team");
    await watching("team").sees("offline");
    await blocking("unblock", "team");
    await all(normal);
    await blocking("block", "team");
    await watching("team").sees("offline");
    await watching("team").logOut();
    await watching("team").logIn(); // while blocked
    await blocking("unblock"); // everybody
    await all(normal);
    await other.stream.close();
    nobodyLeaked();
  });

  test("V01 rules that are taken away while the connection is lost: nothing stays behind when we go", async () => {
    const { presence } = self.client;
    await self.reconnect();
    await all(normal);
    await limits({ sister: "available", friend: "available", team: "available" });
    const back = self.reconnect();
    await new Promise<void>((resolve) => { const stop = self.client.status.subscribe(() => { if (self.client.status.getSnapshot().kind !== "online") { stop(); resolve(); } }); });
    await presence.policy(undefined);
    await back;
    await watching("team").sees("available");
    await watching("sister").sees("available");
    await presence.set("unavailable");
    await all({});
    nobodyLeaked();
  });
});
