/**
 * A presence policy beside what the account had before it, on both real servers: blocks hold, those from before as well, for messages too; and a default list
 * that denies many at once hides us from nobody whom it allows before that, nor stops what we write to him. Threats V01, V02.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, type BareJid, parseJid, toBare } from "../../src/base/jid.js";
import { findChild, isElement, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import type { PolicyRules } from "../../src/client/presence-policy/rules.js";
import { memoryStore } from "../../src/storage/memory.js";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { openPolicyClient, type PolicyClient } from "../support/policy-client.js";
import { befriend, dial, Observer, Observers, secret } from "../support/policy-stage.js";
import type { PrivateServer } from "../support/servers.js";

const makes = [
  { make: "prosody", start: (): Promise<PrivateServer> => startProsody({ extraModules: ["privacy_lists"], resumeSeconds: 1 }) },
  { make: "ejabberd", start: (): Promise<PrivateServer> => startEjabberd({ resumeSeconds: 1 }) },
];
const client = "jabber:client";
const privacy = "jabber:iq:privacy";
const message = (to: BareJid, body: string): XmlElement => xml(client, "message", { to, type: "chat", id: body }, xml(client, "body", {}, body));
/** Who wrote what, of all that came. */
const texts = (stanzas: readonly XmlElement[]): readonly string[] => stanzas.flatMap((stanza) => {
  const body = isElement(stanza, client, "message") && stanza.attrs["type"] !== "error" ? findChild(stanza, client, "body") : undefined;
  const from = parseJid(stanza.attrs["from"] ?? "");
  return body === undefined || from === undefined ? [] : [`${toBare(from).replace(/@.*/, "")}: ${textOf(body)}`];
});

describe.each(makes)("a real $make", ({ start }) => {
  let server: PrivateServer;
  let user: BareJid;
  let self: PolicyClient;
  const observers = new Observers();
  const { limits, all, nobodyLeaked } = observers;
  const rules: PolicyRules = { groups: { Friends: "available", Work: "busy" }, others: "offline" };
  const address = (name: string): BareJid => bareJid(`${name}@${server.domain}`);

  /** The user by another client, for a moment. */
  const elsewhere = async (...payloads: readonly XmlElement[]): Promise<void> => {
    const { stream, iq } = await dial(server, user, "elsewhere");
    for (const payload of payloads) await iq.request({ type: "set", payload });
    await stream.close();
  };
  const block = (what: "block" | "unblock", name: string): XmlElement => xml("urn:xmpp:blocking", what, {}, xml("urn:xmpp:blocking", "item", { jid: address(name) }));
  /** Resolves when the server has handled it. */
  const writes = async (name: string, body: string): Promise<void> => {
    const { stream, iq } = await dial(server, address(name), "writing");
    await stream.send(message(user, body));
    await iq.request({ type: "get", payload: xml("urn:xmpp:ping", "ping") }).catch(() => undefined);
    await stream.close();
  };

  beforeAll(async () => {
    server = await start();
    user = address("romeo");
    for (const name of ["romeo", "friend", "team", "pest", "nuisance"]) await server.register(name, secret);
    for (const [name, group] of [["friend", "Friends"], ["team", "Work"], ["pest", "Friends"], ["nuisance", "Friends"]] as const) {
      const observer = new Observer(server, address(name), user, "words");
      observers.set(name, observer);
      await befriend(server, user, observer.account, [group]);
    }
    await elsewhere(block("block", "pest"));
    await limits({});
    for (const observer of observers.values()) await observer.logIn();
    self = await openPolicyClient(server, user, secret, memoryStore());
    await self.client.presence.policy(rules);
    await limits({ friend: "available", team: "busy", nuisance: "available" });
    await self.start();
  }, 120_000);

  afterAll(async () => {
    await self.client.close();
    for (const observer of observers.values()) await observer.logOut();
    await server.stop();
  }, 60_000);

  test("V01 V02 who was blocked before the policy sees nothing of us, and his messages stay out", async () => {
    await all({ friend: "available", team: "busy", nuisance: "available" });
    await writes("pest", "let me in");
    await writes("friend", "hello");
    await expect.poll(() => texts(self.heard)).toEqual(["friend: hello"]);
    nobodyLeaked();
  });

  test("V01 V02 the same for one who is blocked while the policy holds, until he is unblocked", async () => {
    await writes("nuisance", "still here");
    await elsewhere(block("block", "nuisance"));
    await all({ friend: "available", team: "busy" });
    await expect.poll(() => self.client.presence.currentPolicy.getSnapshot()?.state.kind).toBe("in-force");
    await limits({ friend: "available", team: "busy" });
    await writes("nuisance", "and now");
    await writes("friend", "second");
    await expect.poll(() => texts(self.heard)).toEqual(["friend: hello", "nuisance: still here", "friend: second"]);
    await limits({ friend: "available", team: "busy", nuisance: "available" });
    await elsewhere(block("unblock", "nuisance"));
    await all({ friend: "available", team: "busy", nuisance: "available" });
    nobodyLeaked();
  });

  test("V01 a default list that denies all but friends: they see us and hear from us, and nobody else does", async () => {
    const item = (order: number, action: string, more: Readonly<Record<string, string>> = {}): XmlElement => xml(privacy, "item", { action, order, ...more });
    const list = xml(privacy, "list", { name: "closed" },
      item(1, "deny", { type: "jid", value: address("pest") }), item(2, "allow", { type: "group", value: "Friends" }), item(3, "allow", { type: "jid", value: user }), item(4, "deny"));
    await elsewhere(xml(privacy, "query", {}, list));
    await self.client.close();
    await all({});
    await elsewhere(xml(privacy, "query", {}, xml(privacy, "default", { name: "closed" })));
    self = await openPolicyClient(server, user, secret, memoryStore());
    await self.client.presence.policy(rules);
    await limits({ friend: "available", nuisance: "available" });
    await self.start();
    await all({ friend: "available", nuisance: "available" });
    expect(self.client.presence.effective(address("friend"))).toMatchObject({ level: "available", shown: "exact" });
    expect(self.client.presence.effective(address("team"))).toMatchObject({ level: "offline", why: { kind: "blocked" } });

    const ears = await Promise.all(["friend", "team"].map(async (name) => {
      const { stream, iq } = await dial(server, address(name), "ears");
      const heard: XmlElement[] = [];
      stream.onStanza((stanza) => { heard.push(stanza); });
      await stream.send(xml(client, "presence", {}, xml(client, "priority", {}, "9")));
      await iq.request({ type: "get", payload: xml("urn:xmpp:ping", "ping") }).catch(() => undefined);
      return { stream, heard };
    }));
    await self.say(message(address("team"), "not for you"));
    await self.say(message(address("friend"), "for you"));
    await writes("team", "hello?");
    await writes("pest", "let me in");
    await writes("friend", "third");
    await expect.poll(() => ears.map(({ heard }) => texts(heard))).toEqual([["romeo: for you"], []]);
    await expect.poll(() => texts(self.heard)).toEqual(["friend: third"]);
    nobodyLeaked();
    for (const { stream } of ears) await stream.close();
  });
});
