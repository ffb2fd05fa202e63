/**
 * What the model checker finds in the presence policy (test/simulation/presence, the open ones), shown on a real server where it needs no race. Each
 * of these fails as soon as it is mended, and then goes to presence-policy-hostile.node.test.ts. Threats V01, V02.
 */
import { afterEach, expect, test } from "vitest";
import { bareJid } from "../../src/base/jid.js";
import { xml, type XmlElement } from "../../src/base/xml.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { befriend, dial, Observer, Observers, secret } from "../support/policy-stage.js";
import { openPolicyClient, type PolicyClient } from "../support/policy-client.js";
import type { PrivateServer } from "../support/servers.js";

const rules = { groups: { sister: "busy", friend: "offline", team: "available" }, others: "offline" } as const;

interface Scene {
  readonly server: PrivateServer;
  readonly self: PolicyClient;
  readonly observers: Observers;
  /** Another client of ours asks the server for this. */
  readonly ask: (payload: XmlElement) => Promise<void>;
  readonly end: () => Promise<void>;
}
let open: Scene | undefined;
afterEach(async () => {
  await open?.end();
  open = undefined;
});

/** The rules are in force, everybody watches, and another client of ours is there. */
async function scene(started: Promise<PrivateServer>): Promise<Scene> {
  const server = await started;
  const user = bareJid(`romeo@${server.domain}`);
  const observers = new Observers();
  await server.register("romeo", secret);
  for (const name of Object.keys(rules.groups)) {
    await server.register(name, secret);
    const observer = new Observer(server, `${name}@${server.domain}`, user);
    observers.set(name, observer);
    await befriend(server, user, observer.account, [name]);
    await observer.logIn();
  }
  const self = await openPolicyClient(server, user, secret, memoryStore(memoryDisk()));
  await self.client.presence.policy(rules);
  await self.start();
  await observers.all({ sister: "busy", team: "available" });
  const other = await dial(server, user, "other");
  open = {
    server, self, observers,
    ask: async (payload) => { await other.iq.request({ type: "set", payload }); },
    end: async () => {
      await self.client.close();
      await other.stream.close();
      for (const observer of observers.values()) await observer.logOut();
      await server.stop();
    },
  };
  return open;
}

test.fails("V01 V02 open: on ejabberd another client removes the list in force, a hidden friend comes, and our next list takes back what he saw", async () => {
  const { self, observers, ask } = await scene(startEjabberd({ resumeSeconds: 30 }));
  const { active: name = "" } = await (await self.client.privacyLists()).refresh();
  await ask(xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name })));
  await observers.get("friend")?.logOut();
  await observers.get("friend")?.logIn();
  await observers.get("friend")?.sees("busy"); // the default list holds: decision 0009
  const { state } = await self.client.presence.policy({ ...rules, groups: { ...rules.groups, sister: "offline" } });
  expect(state).toBe("in-force");
  await observers.all({ team: "available" });
});

test.fails("V01 open: on Prosody one whom another client has blocked and unblocked sees what his rule says", async () => {
  const { server, observers, ask } = await scene(startProsody({ extraModules: ["privacy_lists"], resumeSeconds: 30 }));
  const blocking = (what: "block" | "unblock"): XmlElement =>
    xml("urn:xmpp:blocking", what, {}, xml("urn:xmpp:blocking", "item", { jid: `team@${server.domain}` }));
  await ask(blocking("block"));
  await observers.get("team")?.sees("offline");
  await ask(blocking("unblock"));
  await observers.get("team")?.sees("available");
});
