/**
 * "Busy for my sister, offline for friends, available for the team", watched by those whom it is about, on both real servers: nobody is ever shown
 * more than he may see, nobody keeps what he saw when it is over, and everybody gets to see what is meant for him. Threats V01, V02.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bareJid, type BareJid } from "../../src/base/jid.js";
import { xml } from "../../src/base/xml.js";
import type { Level } from "../../src/client/presence-policy/levels.js";
import { memoryDisk, memoryStore } from "../../src/storage/memory.js";
import { startEjabberd } from "../../scripts/lib/ejabberd.mjs";
import { startProsody } from "../../scripts/lib/prosody.mjs";
import { befriend, dial, type Limit, Observer, Observers, secret, type Words } from "../support/policy-stage.js";
import { openPolicyClient, type PolicyClient } from "../support/policy-client.js";
import type { PrivateServer } from "../support/servers.js";

const makes = [
  { make: "prosody", start: (): Promise<PrivateServer> => startProsody({ extraModules: ["privacy_lists"], resumeSeconds: 1 }) },
  { make: "ejabberd", start: (): Promise<PrivateServer> => startEjabberd({ resumeSeconds: 1 }) },
];

describe.each(makes)("a real $make", ({ start }) => {
  let server: PrivateServer;
  let user: BareJid;
  const observers = new Observers();
  const { limits, all, nobodyLeaked } = observers;
  const disk = memoryDisk();
  let client: PolicyClient | undefined;

  /** What he says of himself until his process dies, for those who may see just this level. */
  const desk: Words = { level: "available", status: "at my desk", idleSince: Date.UTC(2026, 10, 20, 8, 30) };
  const own: Limit = { level: "available", words: [desk] };

  const watching = (name: string): Observer => observers.get(name) as Observer;
  const connect = async (): Promise<PolicyClient> => {
    client = await openPolicyClient(server, user, secret, memoryStore(disk));
    return client;
  };

  beforeAll(async () => {
    server = await start();
    user = bareJid(`romeo@${server.domain}`);
    for (const name of ["romeo", "sister", "friend", "team", "follower", "stranger"]) await server.register(name, secret);
    const groups: Readonly<Record<string, string>> = { sister: "Family", friend: "Friends", team: "Team", follower: "Team" };
    for (const name of ["sister", "friend", "team", "follower", "stranger"]) {
      const observer = new Observer(server, `${name}@${server.domain}`, user, "words");
      observers.set(name, observer);
      const group = groups[name];
      if (group !== undefined) await befriend(server, user, observer.account, [group], name !== "follower");
    }
    await limits({});
    for (const observer of observers.values()) await observer.logIn();
  }, 120_000);

  afterAll(async () => {
    await client?.client.close();
    for (const observer of observers.values()) await observer.logOut();
    await server.stop();
  }, 60_000);

  test("V01 busy for my sister, offline for friends, available for the team", async () => {
    const { client: { presence }, start: goOnline, states } = await connect();
    await presence.set({ show: "available", statuses: { "": desk.status }, idleSince: desk.idleSince as number });
    const rules = { groups: { Family: "busy", Friends: "offline", Team: "available" }, others: "offline" } as const;
    expect(await presence.policy(rules)).toMatchObject({ reached: "stored" });
    await limits({ sister: "busy", team: own, follower: own });
    await goOnline();
    await all({ sister: "busy", team: "available", follower: "available" });
    nobodyLeaked();
    expect(watching("team").statuses).toEqual(["at my desk"]);
    expect(watching("sister").statuses).toEqual([""]);
    expect(["team", "follower", "sister"].map((name) => watching(name).seen.at(-1)?.idleSince)).toEqual([desk.idleSince, desk.idleSince, undefined]);
    expect(states.at(-1)).toEqual({ kind: "in-force", losses: [] });
    expect(presence.effective(`sister@${server.domain}`)).toEqual({ level: "busy", why: { kind: "group", group: "Family" }, shown: "exact" });
    expect(presence.effective(`friend@${server.domain}`)).toMatchObject({ level: "offline", shown: "nothing" });
  });

  test("V01 each of them logs in again", async () => {
    for (const observer of observers.values()) {
      await observer.logOut();
      await observer.logIn();
    }
    // Who does not tell us when he comes is answered with the broadcast: less than he may see, and not nothing.
    await all({ sister: "busy", team: "available", follower: "busy" });
    nobodyLeaked();
  });

  test("V01 tightening: the team sees busy, the sister nothing", async () => {
    const { presence } = (client as PolicyClient).client;
    await presence.policy({ groups: { Team: "busy" }, others: "offline" });
    await limits({ team: "busy", follower: "busy" });
    await all({ team: "busy", follower: "busy" });
    await watching("sister").logOut();
    await watching("sister").logIn();
    await all({ team: "busy", follower: "busy" });
    nobodyLeaked();
  });

  test("V01 tightening for one who does not tell when he comes, and loosening for all", async () => {
    const { presence } = (client as PolicyClient).client;
    await presence.policy({ contacts: { [`follower@${server.domain}`]: "offline" }, groups: { Team: "busy" }, others: "offline" });
    await limits({ team: "busy" });
    await all({ team: "busy" });
    await limits({ sister: own, friend: "away", team: own, follower: "xa" });
    await presence.policy({ groups: { Family: "available", Friends: "away", Team: "available" }, contacts: { [`follower@${server.domain}`]: "xa" }, others: "offline" });
    await all({ sister: "available", friend: "away", team: "available", follower: "xa" });
    nobodyLeaked();
  });

  test("V01 another client of ours moves the friend into another group, and revokes the follower", async () => {
    const other = await dial(server, user, "other");
    await limits({ sister: own, friend: own, team: own, follower: "xa" });
    const item = (jid: string, group: string): Parameters<typeof other.stream.send>[0] => ({
      name: "query", ns: "jabber:iq:roster", attrs: {}, children: [{
        name: "item", ns: "jabber:iq:roster", attrs: { jid }, children: [{ name: "group", ns: "jabber:iq:roster", attrs: {}, children: [group] }],
      }],
    });
    await other.iq.request({ type: "set", payload: item(`friend@${server.domain}`, "Team") });
    await watching("friend").sees("available");
    await other.stream.send({ name: "presence", ns: "jabber:client", attrs: { to: `follower@${server.domain}`, type: "unsubscribed" }, children: [] });
    await watching("follower").sees("offline");
    await other.iq.request({ type: "set", payload: item(`friend@${server.domain}`, "Strangers") });
    await all({ sister: "available", team: "available" });
    await limits({ sister: own, team: own });
    await other.stream.close();
    nobodyLeaked();
  });

  test("V01 crash of the user's process: nobody keeps it, and the policy holds from the first presence of the next one", async () => {
    await (client as PolicyClient).crash();
    await all({});
    const { start: goOnline, states } = await connect();
    await goOnline();
    await all({ sister: "available", team: "available" });
    expect(states.at(-1)?.kind).toBe("in-force");
    nobodyLeaked();
  });

  test("V01 the user's connection is cut, and he comes back", async () => {
    const { reconnect } = client as PolicyClient;
    await reconnect();
    await all({ sister: "available", team: "available" });
    nobodyLeaked();
  });

  test("V01 going offline and coming back", async () => {
    const { presence } = (client as PolicyClient).client;
    await presence.set("unavailable");
    await limits({});
    await all({});
    await limits({ sister: "available", team: "available" });
    await presence.set({ show: "away" });
    await all({ sister: "away", team: "away" });
    nobodyLeaked();
  });

  test("V01 who is blocked by another client of ours sees nothing, and after that what is meant for him", async () => {
    const { presence } = (client as PolicyClient).client;
    const other = await dial(server, user, "other");
    const team = watching("team").account;
    const ask = (name: string): Promise<unknown> => other.iq.request({
      type: "set", payload: xml("urn:xmpp:blocking", name, {}, xml("urn:xmpp:blocking", "item", { jid: team })),
    });
    await ask("block");
    await watching("team").sees("offline");
    await ask("unblock");
    // Prosody's own answer to the unblocking is the broadcast, which is less than the rule here only until he comes again.
    await presence.set({ show: "xa" });
    await presence.set({ show: "away" });
    await all({ sister: "away", team: "away" });
    await other.stream.close();
    nobodyLeaked();
  });

  test("V01 rules change again and again while those whom they are about come and go", async () => {
    const { presence } = (client as PolicyClient).client;
    await presence.set({ show: "chat" });
    const sides = [{ sister: "offline", team: "busy", friend: "xa" }, { sister: "available", team: "offline", friend: "chat" }] as const;
    for (let round = 0; round < 8; round++) {
      const levels = sides[round % 2] as (typeof sides)[number];
      await limits({ sister: "available", team: "chat", friend: "chat" });
      const change = { done: false };
      const restless = ["sister", "team"].map(async (name) => {
        do {
          await watching(name).logOut();
          await watching(name).logIn();
        } while (!change.done);
      });
      const { sister, team, friend } = levels;
      await presence.policy({ contacts: { [watching("sister").account]: sister, [watching("team").account]: team, [watching("friend").account]: friend }, others: "offline" });
      change.done = true;
      await Promise.all(restless);
      await limits(levels);
      await all(levels);
    }
    nobodyLeaked();
    const rest: Readonly<Record<string, Level>> = { sister: "away", team: "away" };
    await limits({ sister: "available", team: "available", friend: "chat" });
    await presence.policy({ groups: { Family: "available", Team: "available" }, others: "offline" });
    await presence.set({ show: "away" });
    await limits(rest);
    await all(rest);
  });

  test("V01 without rules everybody sees the same, and rules set in the middle of a session hide us from those whom they hide us from", async () => {
    const { presence } = (client as PolicyClient).client;
    await limits({ sister: "away", friend: "away", team: "away" });
    expect(await presence.policy(undefined)).toEqual({ reached: "in-force", losses: [], outside: [], emptyGroups: [] });
    await all({ sister: "away", friend: "away", team: "away" });
    await presence.policy({ groups: { Family: "available" }, others: "offline" });
    await limits({ sister: "away" });
    await all({ sister: "away" });
    nobodyLeaked();
  });

  test("V01 the end of the client, by the application", async () => {
    await (client as PolicyClient).client.close();
    client = undefined;
    await limits({});
    await all({});
    for (const observer of observers.values()) {
      await observer.logOut();
      await observer.logIn();
    }
    await all({});
    expect(watching("stranger").seen.filter(({ level }) => level !== "offline")).toEqual([]);
    nobodyLeaked();
  });
});

describe("a server without privacy lists", () => {
  let server: PrivateServer;
  let user: BareJid;
  let sister: Observer;
  let friend: Observer;

  beforeAll(async () => {
    server = await startProsody({ resumeSeconds: 1 });
    user = bareJid(`romeo@${server.domain}`);
    for (const name of ["romeo", "sister", "friend"]) await server.register(name, secret);
    [sister, friend] = [new Observer(server, `sister@${server.domain}`, user, "words"), new Observer(server, `friend@${server.domain}`, user, "words")];
    await befriend(server, user, sister.account, ["Family"]);
    await befriend(server, user, friend.account, ["Friends"]);
    for (const observer of [sister, friend]) {
      await observer.limit("offline");
      await observer.logIn();
    }
  }, 60_000);
  afterAll(async () => {
    await sister.logOut();
    await friend.logOut();
    await server.stop();
  }, 60_000);

  const rules = { groups: { Family: "busy", Friends: "offline" }, others: "offline" } as const;

  test("V02 a policy that was kept is refused before presence is sent, with an event", async () => {
    const { client, start, states } = await openPolicyClient(server, user, secret, memoryStore());
    await client.presence.policy(rules);
    await start();
    expect(states.at(-1)).toMatchObject({ kind: "refused", error: { code: "ERR_POLICY_UNSUPPORTED" } });
    await expect(client.presence.policy(rules)).rejects.toMatchObject({ code: "ERR_POLICY_UNSUPPORTED" });
    await client.close();
    for (const observer of [sister, friend]) await observer.sees("offline");
    expect([...sister.seen, ...friend.seen].filter(({ level }) => level !== "offline")).toEqual([]);
  });

  test("V02 the degraded mode shows each one no more than his rule, and says what is lost", async () => {
    const { client, start } = await openPolicyClient(server, user, secret, memoryStore());
    await client.presence.policy(rules, { withoutPrivacyLists: "degrade" });
    await sister.limit("busy");
    await start();
    const { losses } = await client.presence.policy({ ...rules, groups: { ...rules.groups, Family: "busy" } }, { withoutPrivacyLists: "degrade" });
    expect(losses).toEqual(["live-messages", "logins-unseen", "crash-leaves-presence"]);
    await sister.sees("busy");
    await client.close();
    await sister.sees("offline");
    expect([...sister.leaks, ...friend.leaks]).toEqual([]);
  });
});
