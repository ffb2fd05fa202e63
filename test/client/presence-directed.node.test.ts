/** What one resource is shown and hears while its broadcast presence comes and goes, on both real servers. Threats V01. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import type { PolicyRules } from "../../src/client/presence-policy/rules.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { befriend, Observer, Observers, secret } from "../support/policy-stage.js";
import { openPolicyClient, type PolicyClient } from "../support/policy-client.js";
import type { PrivateServer } from "../support/servers.js";

const makes = [
  { make: "prosody", start: (): Promise<PrivateServer> => startProsody({ extraModules: ["privacy_lists"], resumeSeconds: 30 }) },
  { make: "ejabberd", start: (): Promise<PrivateServer> => startEjabberd({ resumeSeconds: 30 }) },
];

describe.each(makes)("a real $make", ({ start }) => {
  let server: PrivateServer;
  let self: PolicyClient;
  const observers = new Observers();
  const address = (name: string): BareJid => bareJid(`${name}@${server.domain}`);
  const watching = (name: string): Observer => observers.get(name) as Observer;

  beforeAll(async () => {
    server = await start();
    const user = address("romeo");
    for (const name of ["romeo", "sister", "team", "follower", "stranger"]) await server.register(name, secret);
    for (const name of ["sister", "team", "follower", "stranger"]) {
      const observer = new Observer(server, address(name), user);
      observers.set(name, observer);
      if (name !== "stranger") await befriend(server, user, observer.account, [], name !== "follower");
    }
    for (const observer of observers.values()) await observer.logIn();
    self = await openPolicyClient(server, user, secret, memoryStore(memoryDisk()));
    await self.start();
  }, 120_000);

  afterAll(async () => {
    await self.client.close();
    for (const observer of observers.values()) await observer.logOut();
    await server.stop();
  }, 60_000);

  test("a contact who leaves while the user is unavailable is not shown as available ever after", async () => {
    const { presence } = self.client;
    const isThere = (name: string): boolean => presence.contact(address(name))?.available === true;
    await expect.poll(() => [isThere("sister"), isThere("team")], { timeout: 10_000 }).toEqual([true, true]);
    await presence.set("unavailable");
    await watching("sister").sees("offline");
    expect([isThere("sister"), isThere("team")]).toEqual([false, false]);
    await watching("sister").logOut();
    await presence.set({ show: "available" });
    await expect.poll(() => isThere("team"), { timeout: 10_000 }).toBe(true);
    expect(isThere("sister")).toBe(false);
    await watching("sister").logIn();
    await expect.poll(() => isThere("sister"), { timeout: 10_000 }).toBe(true);
  });

  test("a stranger to whom the application shows us goes on seeing us when a change of rules takes our presence back from everybody for a moment", async () => {
    const { presence } = self.client;
    const rules = (follower: "busy" | "offline"): PolicyRules => ({ contacts: { [address("stranger")]: "available", [address("follower")]: follower }, others: "available" });
    await presence.policy(rules("busy"));
    await presence.direct(address("stranger"), { show: "available" });
    await watching("stranger").sees("available");
    await presence.policy(rules("offline")); // who does not tell when he comes
    await observers.all({ sister: "available", team: "available", follower: "offline", stranger: "available" });
    expect(watching("stranger").seen.map(({ level }) => level)).toEqual(["available", "offline", "available"]);
  });
});
