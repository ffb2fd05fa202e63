/** A presence policy beside the privacy lists that the application puts in force itself, and a policy that cannot be taken away. Threats V01, V02. @module */
import { describe, expect, test } from "vitest";
import { type Jid, parseJid } from "../../../src/base/jid.js";
import { xml } from "../../../src/base/xml.js";
import type { PolicyRules } from "../../../src/client/presence-policy/rules.js";
import { policyKey } from "../../../src/client/presence-policy/policy-key.js";
import { AccountPrivacyLists } from "../../../src/client/privacy/privacy-lists.js";
import { StorageError } from "../../../src/storage/errors.js";
import type { PrivacyRule } from "../../../src/transport/xep/xep0016.js";
import { offline } from "../../support/no-stream.js";
import { account, friend, PolicyWorld, team } from "../../support/policy-world.js";

const sentence: PolicyRules = { groups: { Family: "busy", Friends: "offline", Team: "available" }, others: "offline" };
const withoutFriend: readonly PrivacyRule[] = [{ action: "deny", match: { kind: "jid", jid: friend as Jid }, kinds: ["presence-out"] }];

/** The two of them on one connection, as `client.privacyLists()` puts them together. */
async function both(rules?: PolicyRules): Promise<{ world: PolicyWorld; lists: AccountPrivacyLists }> {
  const world = new PolicyWorld();
  await world.open();
  if (rules !== undefined) await world.policy.set(rules);
  await world.connect();
  const lists = new AccountPrivacyLists({
    account, newSuffix: () => "abcd1234", roster: (jid) => world.contacts.get(jid), isOwned: () => world.policy.current.getSnapshot() !== undefined,
    changed: () => { world.policy.listsChanged(); }, emit: () => undefined, onError: (error) => { world.errors.push(error); }, offline,
  });
  world.policy.useLists(lists);
  if (world.connection !== undefined) lists.attach(world.connection);
  await world.quiet();
  world.said();
  return { world, lists };
}

/** What is said without a list between us and whom it is said to. */
const toFriend = (said: readonly string[]): readonly string[] => said.filter((text) => text.startsWith("friend:"));

describe("another default list", () => {
  test.each(["set", "replaced"] as const)("V01 that we have %s ourselves is followed by the policy, although the server tells nobody: whom it denies is told that we are gone, and shut out", async (how) => {
    const { world, lists } = await both({ others: "available" });
    if (how === "replaced") {
      await lists.put("work", [{ action: "deny", match: { kind: "jid", jid: parseJid("tybalt@verona.example") as Jid }, kinds: ["presence-out"] }]);
      await lists.setDefault("work");
      await world.quiet();
    }
    expect([world.reached(), toFriend(world.said())]).toEqual([["sister", "friend", "team"], []]);
    if (how === "set") {
      await lists.put("work", withoutFriend);
      await lists.setDefault("work");
    } else await lists.replace("work", withoutFriend);
    await world.quiet();
    expect([world.reached(), toFriend(world.said())]).toEqual([["sister", "team"], ["friend: gone"]]);
    expect(world.policy.effective(friend)).toMatchObject({ level: "offline", why: { kind: "blocked" } });
  });
});

describe("what is known of the lists", () => {
  test("V02 is what the policy has put in force last, and what is left of its lists", async () => {
    const { world, lists } = await both(sentence);
    const known = (): unknown => [lists.getSnapshot().state, lists.getSnapshot().active, lists.getSnapshot().names, lists.evaluate({ kind: "presence-out", peer: friend })?.verdict];
    const real = (verdict: string): unknown => ["current", world.active, [...world.serverLists.keys()], verdict];
    expect(known()).toEqual(real("deny"));
    await world.policy.set({ others: "available" });
    await world.quiet();
    expect(known()).toEqual(real("allow"));
    await world.policy.set(undefined);
    await world.quiet();
    expect(known()).toEqual(["current", undefined, [], "allow"]);
  });
});

describe("a list that the application had put in force before the policy", () => {
  test("V01 is in force again without a moment in between when the policy is taken away, and whom it denies is shown nothing on the way", async () => {
    const { world, lists } = await both();
    await lists.put("quiet", withoutFriend);
    await lists.activate("quiet");
    await world.policy.set({ others: "busy" });
    expect(world.reached()).toEqual(["sister", "friend", "team"]);
    world.said();
    await world.policy.set(undefined);
    await world.quiet();
    const said = world.said();
    expect([world.active, [...world.serverLists.keys()]]).toEqual(["quiet", ["quiet"]]);
    expect(said.filter((text) => text.startsWith("in force: ")).at(-1)).toBe("in force: quiet");
    expect(said).not.toContain("in force: none");
    // He is told while he can be, and everybody hears what we say of ourselves behind a list that keeps it from him.
    expect(toFriend(said)).toEqual(["friend: gone"]);
    expect(said.indexOf("all: available (at my desk)")).toBeGreaterThan(said.indexOf("friend: gone"));
    expect(lists.getSnapshot().active).toBe("quiet");
  });

  test("and that is gone by then is told, and the policy is taken away all the same", async () => {
    const { world, lists } = await both();
    await lists.put("quiet", withoutFriend);
    await lists.activate("quiet");
    await world.policy.set({ others: "busy" });
    world.serverLists.delete("quiet");
    const { ways } = world;
    const answered = world.errors.length;
    ways.forgets = true;
    await world.policy.set(undefined);
    await world.quiet();
    expect([world.active, world.policy.current.getSnapshot()]).toEqual([undefined, undefined]);
    expect(world.errors.slice(answered)).toMatchObject([{ code: "ERR_PRIVACY_LIST_UNKNOWN" }]);
  });
});

describe("a policy that cannot be taken away", () => {
  function full(world: PolicyWorld): () => void {
    const { rows } = world.disk;
    const remove = rows.delete.bind(rows);
    rows.delete = (key) => {
      if (key === policyKey) throw new StorageError("ERR_STORE_FULL", "full");
      return remove(key);
    };
    return () => { rows.delete = remove; };
  }

  test("V01 because the store does not take it holds as before: who was shown something meanwhile is told that we are gone", async () => {
    const { world } = await both(sentence);
    const before = world.reached();
    const mend = full(world);
    await expect(world.policy.set(undefined)).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
    await world.quiet();
    expect([world.policy.current.getSnapshot()?.rules, world.policy.state.getSnapshot().kind, world.reached()]).toEqual([sentence, "in-force", before]);
    expect(toFriend(world.said()).at(-1)).toBe("friend: gone");
    expect(world.policy.effective(friend)).toMatchObject({ level: "offline", shown: "nothing" });
    world.disconnect();
    await world.connect({ continued: true });
    expect(world.reached()).toEqual(before);
    mend();
    await world.policy.set(undefined);
    expect([world.active, world.policy.current.getSnapshot()]).toEqual([undefined, undefined]);
  });

  test("V01 and whose link breaks just then holds again when the session goes on", async () => {
    const { world } = await both(sentence);
    const before = world.reached();
    full(world);
    const { rows } = world.disk;
    const fails = rows.delete.bind(rows);
    rows.delete = (key) => {
      if (key === policyKey) world.disconnect();
      return fails(key);
    };
    await expect(world.policy.set(undefined)).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
    await world.connect({ continued: true });
    await world.quiet();
    const said = world.said();
    expect([world.reached(), world.policy.state.getSnapshot().kind]).toEqual([before, "in-force"]);
    expect(said.lastIndexOf("all: gone")).toBeGreaterThan(said.lastIndexOf("in force: none")); // nothing kept that from him
  });

  test("V01 is not put in force again by whatever happens while the store is at work", async () => {
    const { world } = await both(sentence);
    const { rows } = world.disk;
    const remove = rows.delete.bind(rows);
    rows.delete = (key) => {
      if (key === policyKey) world.contact(team, "both", "Friends");
      return remove(key);
    };
    await world.policy.set(undefined);
    await world.quiet();
    expect([world.active, [...world.serverLists.keys()]]).toEqual([undefined, []]);
  });
});

test("V01 a default list that changes while the policy cannot be taken away is not forgotten for the one before it", async () => {
  const { world } = await both({ groups: { Team: "offline" }, others: "available" });
  world.ways.refuses = "active";
  const clearing = world.policy.set(undefined);
  world.serverLists.set("work", xml("jabber:iq:privacy", "list", { name: "work" }, xml("jabber:iq:privacy", "item", { type: "jid", value: friend, action: "deny", order: "1" })));
  world.standard = "work";
  world.arrive(xml("jabber:client", "iq", { type: "set", id: "p" }, xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name: "work" }))));
  await expect(clearing).rejects.toMatchObject({ code: "ERR_POLICY_FAILED" });
  delete world.ways.refuses;
  await world.turn(60_000);
  expect([world.reached(), world.policy.state.getSnapshot().kind]).toEqual([["sister"], "in-force"]);
});

test("a push of the default list while the policy is taken away changes nothing of that", async () => {
  const { world } = await both(sentence);
  const clearing = world.policy.set(undefined);
  world.arrive(xml("jabber:client", "iq", { type: "set", id: "p" }, xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name: "work" }))));
  await clearing;
  await world.quiet();
  expect([world.active, world.policy.current.getSnapshot()]).toEqual([undefined, undefined]);
});

describe("a policy that is taken away while the connection is gone", () => {
  test("V01 is out of force as soon as the session goes on, and the list that the application wants is in force in its place", async () => {
    for (const wanted of [undefined, "quiet"]) {
      const { world, lists } = await both();
      if (wanted !== undefined) {
        await lists.put(wanted, withoutFriend);
        await lists.activate(wanted);
      }
      await world.policy.set({ others: "busy" });
      world.disconnect();
      expect(await world.policy.set(undefined)).toMatchObject({ reached: "stored" });
      expect(world.policy.current.getSnapshot()).toBeUndefined();
      world.said();
      await world.connect({ continued: true });
      await world.quiet();
      expect([world.active, [...world.serverLists.keys()], world.announcer, world.policy.state.getSnapshot()]).toEqual([wanted, wanted === undefined ? [] : [wanted], undefined, { kind: "none" }]);
      expect(toFriend(world.said())).toEqual(wanted === undefined ? [] : ["friend: gone"]);
    }
  });

  test("is out of force at once in another session", async () => {
    const { world } = await both(sentence);
    world.disconnect();
    await world.policy.set(undefined);
    await world.connect();
    await world.quiet();
    expect([world.active, world.announcer, world.policy.state.getSnapshot()]).toEqual([undefined, undefined, { kind: "none" }]);
  });

  test("V01 and comes and goes again just then is out of force with the one after that", async () => {
    const pass = async (turns: number): Promise<void> => { for (let i = 0; i < turns; i++) await Promise.resolve(); };
    for (let turns = 0; turns < 60; turns++) {
      const { world } = await both(sentence);
      world.disconnect();
      const clearing = world.policy.set(undefined).then(() => true, () => false); // it may find the connection, and lose it
      await pass(turns % 8);
      void world.connect({ continued: true });
      await pass(turns);
      world.disconnect();
      const isCleared = await clearing;
      await world.quiet();
      await world.connect({ continued: true });
      await world.quiet();
      expect(world.policy.current.getSnapshot() === undefined).toBe(isCleared);
      if (!isCleared) await world.policy.set(undefined);
      await world.quiet();
      expect([world.active, world.announcer, world.policy.state.getSnapshot(), world.errors]).toEqual([undefined, undefined, { kind: "none" }, []]);
    }
  });

  test("V01 and set anew there holds as if it had never been away", async () => {
    const { world } = await both(sentence);
    const before = world.reached();
    world.disconnect();
    await world.policy.set(undefined);
    await world.policy.set(sentence);
    await world.connect({ continued: true });
    await world.quiet();
    expect([world.reached(), world.policy.state.getSnapshot().kind, toFriend(world.said()).filter((text) => !text.endsWith("gone"))]).toEqual([before, "in-force", []]);
  });

  test("and that the server then does not let go holds on, which is told; its owner is somebody else", async () => {
    const { world } = await both(sentence);
    const before = world.reached();
    world.disconnect();
    await world.policy.set(undefined);
    world.ways.refuses = "list";
    const { announcer } = world;
    const connecting = world.connect({ continued: true });
    for (let i = 0; i < 12; i++) await announcer?.changed({ kind: "available", show: i % 2 === 0 ? "xa" : "away" }); // nobody is left waiting for it
    await connecting;
    await world.quiet();
    expect([world.reached(), world.announcer, world.errors]).toMatchObject([before, undefined, [{ code: "ERR_POLICY_FAILED" }]]);
  });
});

test.each([true, false])("V01 a policy that could not begin gives back the list that the application wants before anybody is shown anything; that is there: %s", async (isThere) => {
  const { world, lists } = await both();
  await lists.put("quiet", withoutFriend);
  await lists.activate("quiet");
  await world.policy.set(sentence);
  world.disconnect();
  world.ways.brokenRoster = true;
  await world.connect();
  expect([world.active, world.policy.state.getSnapshot().kind]).toEqual([undefined, "failed"]);
  if (!isThere) world.ways.lists = false;
  world.errors.length = 0;
  await world.policy.set(undefined);
  expect([world.active, world.announcer, world.errors]).toMatchObject(isThere ? ["quiet", undefined, []] : [undefined, undefined, [{ code: "ERR_PRIVACY_LISTS_UNSUPPORTED" }]]);
});
