/** The policy read back and watched: one observable that says what holds, and tells of everything that changes what somebody sees. Threats V01, V02, N19. */
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { createClient } from "../../../src/client/create-client.js";
import { policyKey } from "../../../src/client/presence-policy/policy-key.js";
import type { PolicyRules } from "../../../src/client/presence-policy/rules.js";
import type { CurrentPolicy } from "../../../src/client/presence-policy/types.js";
import { Ledger } from "../../../src/session/ledger.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { ManualClock } from "../../support/memory-channel.js";
import { friend, PolicyWorld, type ServerWays, sister, team } from "../../support/policy-world.js";

const sentence: PolicyRules = { groups: { Family: "busy", Friends: { level: "offline" }, Team: [{ level: "available" }] }, others: "offline" };

async function opened(ways: ServerWays = {}, rules: PolicyRules = sentence): Promise<PolicyWorld> {
  const world = new PolicyWorld(ways);
  await world.open();
  await world.policy.set(rules);
  return world;
}

/** What was told since the last call: the kinds of state. */
function watched({ policy: { current } }: PolicyWorld): () => (string | undefined)[] {
  const told: (string | undefined)[] = [];
  current.subscribe(() => { told.push(current.getSnapshot()?.state.kind); });
  return () => told.splice(0);
}

const now = ({ policy }: PolicyWorld): CurrentPolicy | undefined => policy.current.getSnapshot();

describe("what is read back", () => {
  test("nothing without a policy; then the rules as they were given, how they stand, and nothing again when they are taken away", async () => {
    const world = new PolicyWorld();
    await world.open();
    expect(now(world)).toBeUndefined();
    const told = watched(world);
    await world.policy.set(sentence);
    expect(now(world)).toEqual({ rules: sentence, withoutPrivacyLists: "refuse", state: { kind: "waiting" }, outside: ["other-clients", "personal-events"], emptyGroups: [] });
    expect(now(world)).toBe(now(world));
    await world.connect();
    expect(now(world)?.state).toEqual({ kind: "in-force", losses: [] });
    expect(told()).toEqual(["waiting", "applying", "in-force"]);
    await world.policy.set(undefined);
    await world.quiet();
    expect(now(world)).toBeUndefined();
    expect(told().at(-1)).toBeUndefined();
  });

  test("rules and override survive a restart, word for word, before there is any stream", async () => {
    const world = await opened();
    await world.policy.override({ level: "xa", until: 5_000 });
    const again = new PolicyWorld({}, world.disk);
    await again.open();
    expect(now(again)).toEqual({ ...now(world), override: { level: "xa", until: 5_000 } });
    expect(JSON.stringify(now(again)?.rules)).toBe(JSON.stringify(sentence));
  });

  test("V01 the rules that are read back are nobody's to change, and neither are those that were given", async () => {
    const world = new PolicyWorld();
    await world.open();
    const rules = { groups: { Family: "busy" }, others: "offline" } as { groups: Record<string, "busy" | "chat">; others: "offline" };
    await world.policy.set(rules);
    rules.groups["Family"] = "chat";
    expect(now(world)?.rules.groups).toEqual({ Family: "busy" });
    expect(() => { (now(world)?.rules.groups as Record<string, string>)["Family"] = "chat"; }).toThrow(TypeError);
  });

  test("what was stored in the form of an earlier build is read", async () => {
    const disk = memoryDisk();
    const store = memoryStore(disk);
    const row = { v: 1, rules: { groups: { Family: [{ level: "busy" }] }, contacts: {}, others: [{ level: "offline" }] }, without: "refuse", ghosts: [] };
    await new Ledger(store, await store.acquire()).run((tx) => { tx.put(policyKey, utf8(JSON.stringify(row))); });
    const world = new PolicyWorld({}, disk);
    await world.open();
    expect(now(world)?.rules).toEqual(row.rules);
    await world.connect();
    expect(world.policy.effective(sister)).toMatchObject({ level: "busy" });
  });

  test("groups that no contact is in are named, as long as there are contacts to look at", async () => {
    const rules: PolicyRules = { groups: { Famly: "busy", Team: "available" }, others: "offline" };
    const world = new PolicyWorld();
    await world.open();
    expect(await world.policy.set(rules)).toMatchObject({ emptyGroups: ["Famly"] });
    const told = watched(world);
    world.contact(sister, "both", "Famly");
    await world.quiet();
    expect([now(world)?.emptyGroups, told().length]).toEqual([[], 1]);
    for (const jid of [sister, friend, team]) world.contacts.delete(jid);
    const before = await world.policy.set({ ...rules, groups: { Nobody: "busy" } });
    expect(before.emptyGroups).toEqual([]);
  });
});

describe("what is told", () => {
  test("a second policy: on its way, then in force; the event comes only with another state", async () => {
    const world = await opened();
    await world.connect();
    world.states.length = 0;
    const told = watched(world);
    await world.policy.set({ others: "busy" });
    await world.quiet();
    expect(now(world)).toMatchObject({ rules: { others: "busy" }, state: { kind: "in-force" } });
    expect([told().slice(-2), world.states]).toEqual([["applying", "in-force"], []]);
    expect(now(world)?.rules).toBe(now(world)?.rules);
  });

  test.each([false, true])("an override begins and ends by its time; online: %s", async (online) => {
    const world = await opened();
    if (online) await world.connect();
    const told = watched(world);
    await world.policy.override({ level: "offline", until: world.clock.now() + 30_000 });
    expect(now(world)?.override).toEqual({ level: "offline", until: 30_000 });
    expect(told().length).toBeGreaterThan(0);
    await world.turn(29_000);
    expect([now(world)?.override?.level, told()]).toEqual(["offline", []]);
    await world.turn(2_000);
    expect(now(world)).not.toHaveProperty("override");
    expect(world.policy.effective(team)).toMatchObject({ level: "available" });
    expect(told().length).toBeGreaterThan(0);
  });

  test.each([false, true])("context and time that make another choice count, and not those that do not; online: %s", async (online) => {
    const world = await opened({}, {
      groups: { Team: [{ level: "busy", when: { inCall: true } }, { level: "xa", when: { between: { from: "00:02", until: "00:04", timeZone: "UTC" } } }, { level: "available" }] },
      others: [{ level: "away", when: { idle: { afterMs: 240_000 } } }, { level: "offline" }],
    });
    if (online) await world.connect();
    const told = watched(world);
    const level = (): string | undefined => world.policy.effective(team)?.level;
    const before = now(world);
    world.policy.setContext({ inCall: false });
    await world.turn(61_000); // one look at the clock
    expect([level(), told(), now(world) === before]).toEqual(["available", [], true]);
    world.policy.setContext({ inCall: true });
    await world.quiet();
    expect([level(), told().length > 0, now(world) === before]).toEqual(["busy", true, false]);
    world.policy.setContext({ inCall: false });
    await world.quiet();
    told();
    await world.turn(60_000);
    expect([level(), told().length > 0]).toEqual(["xa", true]);
    await world.turn(120_000);
    expect([level(), told().length > 0]).toEqual(["available", true]);
    world.policy.setContext({ idleSince: world.clock.now() - 239_000 });
    await world.quiet();
    expect(told()).toEqual([]);
    await world.turn(2_000);
    expect(told().length).toBeGreaterThan(0);
  });

  test.each([false, true])("a window of time that begins while there was never a stream; after a restart: %s", async (restarted) => {
    const rules: PolicyRules = { others: [{ level: "xa", when: { between: { from: "00:01", until: "00:02", timeZone: "UTC" } } }, { level: "available" }] };
    let world = await opened({}, rules);
    if (restarted) {
      world = new PolicyWorld({}, world.disk);
      await world.open();
    }
    await world.quiet();
    const told = watched(world);
    await world.turn(61_000);
    expect([world.policy.effective(team)?.level, told()]).toEqual(["xa", ["waiting"]]);
  });

  test("being idle as the user says it of himself counts, too; what is told with the context wins", async () => {
    const world = await opened({}, { others: [{ level: "away", when: { idle: { afterMs: 60_000 } } }, { level: "available" }] });
    world.clock.advance(100_000);
    await world.connect();
    const level = (): string | undefined => world.policy.effective(team)?.level;
    await world.announcer?.changed({ kind: "available", show: "available", idleSince: 10_000 });
    expect(level()).toBe("away");
    world.policy.setContext({ idleSince: 90_000 });
    expect(level()).toBe("available");
    world.policy.setContext({ idleSince: undefined });
    expect(level()).toBe("away");
  });

  test("V01 a context that is none, or misspelt, is refused and changes nothing: somebody would go on seeing what a call is to keep from him", async () => {
    const world = await opened({}, { others: [{ level: "away", when: { inCall: true } }, { level: "busy", when: { idle: { afterMs: 60_000 } } }, { level: "available" }] });
    await world.connect();
    world.policy.setContext({ inCall: true });
    for (const context of [undefined, null, true, "call", 5, { incall: false }, { inCall: "no" }, { inCall: null }, { inCall: false, idle: 5 }, { inCall: false, idleSince: Number.NaN }, { inCall: false, idleSince: "noon" }, { inCall: false, idleSince: new Date(0) }]) {
      expect(() => { world.policy.setContext(context as never); }).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }) as Error);
    }
    expect(world.policy.effective(team)?.level).toBe("away");
    world.policy.setContext({ inCall: false, idleSince: undefined });
    expect(world.policy.effective(team)?.level).toBe("available");
  });

  test("what the user says of himself, and groups that change", async () => {
    const world = await opened();
    await world.connect();
    const told = watched(world);
    await world.announcer?.changed({ kind: "unavailable" });
    await world.quiet();
    expect(told().at(-1)).toBe("in-force");
    world.contact(sister, "both", "Family", "Team"); // shows her the same, for another reason
    await world.quiet();
    expect(told()).toEqual(["in-force"]);
  });

  test("somebody who comes sees what he may: told a little later, and once for all who come", async () => {
    const world = await opened();
    await world.connect();
    await world.turn(1_000);
    const told = watched(world);
    await world.comes(team);
    await world.comes(sister);
    expect(world.policy.effective(team)).toMatchObject({ shown: "exact" });
    await world.turn(999);
    expect(told()).toEqual([]);
    await world.turn(1);
    expect(told()).toEqual(["in-force"]);
  });

  test("V02 a refusal, a failed step, a lost stream", async () => {
    const refused = await opened({ lists: false });
    const told = watched(refused);
    await refused.connect();
    expect([told().at(-1), now(refused)?.state]).toMatchObject(["refused", { error: { code: "ERR_POLICY_UNSUPPORTED" } }]);
    const failing = await opened({ refuses: "list" });
    const also = watched(failing);
    await failing.connect();
    expect(also().at(-1)).toBe("failed");
    delete failing.ways.refuses;
    await failing.turn(5_000);
    expect(also().at(-1)).toBe("in-force");
    failing.disconnect();
    await failing.quiet();
    expect(also()).toEqual(["waiting"]);
  });

  test("V02 what is lost without privacy lists is what is lost now: other rules lose other things, and the event says so", async () => {
    const world = new PolicyWorld({ lists: false });
    await world.open();
    await world.connect();
    await world.policy.set(sentence, { withoutPrivacyLists: "degrade" });
    expect(now(world)).toMatchObject({ withoutPrivacyLists: "degrade", state: { kind: "in-force", losses: ["live-messages", "logins-unseen", "crash-leaves-presence"] } });
    await world.policy.set({ others: "busy" }, { withoutPrivacyLists: "degrade" });
    expect(now(world)?.state).toEqual({ kind: "in-force", losses: ["new-contacts-see-broadcast"] });
    expect(world.states.at(-1)).toEqual(now(world)?.state);
  });

  test("V01 rules that could not be stored are not shown as if they held", async () => {
    const world = await opened();
    await memoryStore(world.disk).acquire(); // from here on every commit of the old owner fails
    await expect(world.policy.set({ others: "chat" })).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    expect(now(world)?.rules).toEqual(sentence);
  });

  test("a listener that throws harms nobody", async () => {
    const world = await opened();
    world.policy.current.subscribe(() => { throw new TypeError("mine"); });
    const told = watched(world);
    await world.connect();
    expect([told().at(-1), world.errors.length > 0]).toEqual(["in-force", true]);
  });

  test("N19 a client that is closed has ended its policy", async () => {
    const clock = new ManualClock();
    const client = await createClient({ account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store: memoryStore(), autoConnect: false, clock });
    await client.presence.policy({ others: "available" });
    await client.presence.override({ level: "offline", until: 90_000 });
    expect(clock.pending).toBe(1);
    await client.close();
    expect(clock.pending).toBe(0);
  });

  test("N19 after the end of the client no clock runs for it", async () => {
    const rules: PolicyRules = { others: [{ level: "busy", when: { between: { from: "00:02", until: "00:04" } } }, { level: "offline" }] };
    const world = await opened({}, rules);
    await world.connect();
    await world.comes(sister);
    world.disconnect();
    expect(world.clock.pending).toBeGreaterThan(0);
    const { pending } = world.clock;
    world.policy.end();
    world.policy.setContext({ inCall: true });
    expect(pending - world.clock.pending).toBeGreaterThan(0);
    await world.turn(120_000);
    expect(world.clock.pending).toBe(0);
  });
});
