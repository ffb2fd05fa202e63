/** Privacy lists and blocks of the application beside presence, with and without a policy, on real servers. Threats V01, V04. @module */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import { xml } from "../../src/base/xml.js";
import { memoryStore } from "../../src/storage/memory.js";
import { openPolicyClient } from "../support/policy-client.js";
import { befriend, dial, Observer, secret } from "../support/policy-stage.js";
import { type PrivateServer, servers } from "../support/servers.js";

describe.each(servers)("a real $make", ({ start }) => {
  let server: PrivateServer;
  beforeAll(async () => { server = await start({ extraModules: ["privacy_lists", "blocklist"] }); }, 60_000);
  afterAll(async () => { await server.stop(); });

  async function account(name: string): Promise<BareJid> {
    const user = `${name}-${randomUUID().slice(0, 8)}`;
    await server.register(user, secret);
    return bareJid(`${user}@${server.domain}`);
  }

  test("V04 who was directed presence to and is blocked then sees us no more, neither after the block nor after we have left", async () => {
    const [romeo, tybalt] = [await account("romeo"), await account("tybalt")];
    const { client, start: go } = await openPolicyClient(server, romeo, secret, memoryStore());
    await go();
    const eyes = new Observer(server, tybalt, romeo);
    await eyes.logIn();
    await client.presence.direct(tybalt, { show: "available" });
    await eyes.sees("available");
    await (await client.blocking()).block([tybalt]);
    await eyes.sees("offline");
    client.core.capabilities.add(["urn:x"]);
    await delay(300);
    expect(eyes.level).toBe("offline");
    await client.close();
    await eyes.logOut();
  }, 60_000);

  test("V01 another default list of ours is followed by the policy, also when somebody logs in behind it", async () => {
    const [romeo, juliet] = [await account("romeo"), await account("juliet")];
    await befriend(server, romeo, juliet, ["Friends"]);
    const { client, start: go } = await openPolicyClient(server, romeo, secret, memoryStore());
    await client.presence.policy({ others: "available" });
    await go();
    const eyes = new Observer(server, juliet, romeo);
    await eyes.logIn();
    await eyes.sees("available");
    const lists = await client.privacyLists();
    await lists.put("work", [{ action: "deny", match: { kind: "jid", jid: juliet }, kinds: ["presence-out"] }]);
    await lists.setDefault("work");
    await eyes.sees("offline");
    expect(client.presence.effective(juliet)).toMatchObject({ level: "offline", why: { kind: "blocked" } });
    await expect.poll(() => lists.evaluate({ kind: "presence-out", peer: juliet })?.verdict).toBe("deny");
    await eyes.logOut();
    await eyes.logIn();
    await delay(300);
    expect(eyes.level).toBe("offline");
    await eyes.logOut();
    await client.close();
  }, 60_000);

  test("V01 a list that was in force before the policy is in force behind it; whom it denies sees us at no moment of the change", async () => {
    const [romeo, juliet, nurse] = [await account("romeo"), await account("juliet"), await account("nurse")];
    for (const each of [juliet, nurse]) await befriend(server, romeo, each, ["Friends"]);
    const { client, start: go } = await openPolicyClient(server, romeo, secret, memoryStore());
    await client.presence.policy({ contacts: { [nurse]: "busy" }, others: "offline" });
    await go();
    const lists = await client.privacyLists();
    await lists.put("quiet", [{ action: "deny", match: { kind: "jid", jid: juliet }, kinds: ["presence-out"] }]);
    await client.presence.set("unavailable");
    await client.presence.policy(undefined);
    await lists.activate("quiet");
    await client.presence.policy({ contacts: { [nurse]: "busy" }, others: "offline" });
    const [eyes, others] = [new Observer(server, juliet, romeo), new Observer(server, nurse, romeo)];
    await eyes.logIn();
    await others.logIn();
    await client.presence.set({ show: "available" });
    await others.sees("busy");
    await client.presence.policy(undefined);
    await others.sees("available");
    await expect.poll(() => lists.getSnapshot().active).toBe("quiet");
    expect(eyes.level).toBe("offline");
    for (const each of [eyes, others]) await each.logOut();
    await client.close();
  }, 60_000);

  test("V01 a list that was in force and that another client has removed meanwhile: the next session shows nobody anything, and says so", async () => {
    const [romeo, juliet] = [await account("romeo"), await account("juliet")];
    await befriend(server, romeo, juliet, ["Friends"]);
    const { client, start: go } = await openPolicyClient(server, romeo, secret, memoryStore());
    const errors: string[] = [];
    client.onEvent((event) => { if (event.kind === "error") errors.push(event.error.code); });
    await go();
    const lists = await client.privacyLists();
    await lists.put("hide", [{ action: "deny", match: { kind: "jid", jid: juliet }, kinds: ["presence-out"] }]);
    await lists.activate("hide");
    await client.disconnect();
    const other = await dial(server, romeo, "other");
    await other.iq.request({ type: "set", payload: xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name: "hide" })) });
    await other.stream.close();
    const eyes = new Observer(server, juliet, romeo);
    await eyes.logIn();
    await go();
    await expect.poll(() => errors.length).toBe(1);
    await delay(300);
    expect([eyes.level, client.presence.own.getSnapshot().kind, errors]).toEqual(["offline", "unavailable", ["ERR_PRIVACY_LIST_UNKNOWN"]]);
    await client.presence.set({ show: "available" }); // whoever wants to be seen without it says so
    await eyes.sees("available");
    await eyes.logOut();
    await client.close();
  }, 60_000);
});
