/** A presence policy beside the privacy lists that the application puts in force itself, and a policy that cannot be taken away. Threats V01, V02. @module */
import { describe, expect, test } from "vitest";
import { type Jid, parseJid } from "../../../src/base/jid.js";
import { xml } from "../../../src/base/xml.js";
import type { PolicyRules } from "../../../src/client/presence-policy/rules.js";
import { policyKey } from "../../../src/client/presence-policy/policy-key.js";
import { AccountPrivacyLists } from "../../../src/client/privacy/privacy-lists.js";
import { StorageError } from "../../../src/storage/errors.js";
import type { PrivacyRule } from "../../../src/transport/xep/xep0016.js";
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
    changed: () => { world.policy.listsChanged(); }, emit: () => undefined, onError: (error) => { world.errors.push(error); },
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

test("a push of the default list while the policy is taken away changes nothing of that", async () => {
  const { world } = await both(sentence);
  const clearing = world.policy.set(undefined);
  world.arrive(xml("jabber:client", "iq", { type: "set", id: "p" }, xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name: "work" }))));
  await clearing;
  await world.quiet();
  expect([world.active, world.policy.current.getSnapshot()]).toEqual([undefined, undefined]);
});
