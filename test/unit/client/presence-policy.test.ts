/** Presence policy: rules, moments, what they come to, and how they are kept in force on a scripted server. Threats V01, V02, H04. */
import { describe, expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { xml } from "../../../src/base/xml.js";
import { choose } from "../../../src/client/presence-policy/moment.js";
import { policyKey } from "../../../src/client/presence-policy/policy-key.js";
import { type PolicyRules, readRules, type Rule } from "../../../src/client/presence-policy/rules.js";
import { Ledger } from "../../../src/session/ledger.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { friend, PolicyWorld, type ServerWays, sister, team } from "../../support/policy-world.js";

const sentence: PolicyRules = { groups: { Family: "busy", Friends: "offline", Team: "available" }, others: "offline" };

async function online(rules: PolicyRules = sentence, ways: ServerWays = {}): Promise<PolicyWorld> {
  const world = new PolicyWorld(ways);
  await world.open();
  await world.policy.set(rules);
  await world.connect();
  return world;
}

describe("rules", () => {
  test.each<[string, unknown]>([
    ["no others", { groups: {} }], ["an unknown level", { others: "invisible" }], ["an unknown field", { others: "busy", group: {} }],
    ["an unknown condition", { others: [{ level: "busy", when: { moon: "full" } }, { level: "offline" }] }],
    ["an empty condition", { others: [{ level: "busy", when: {} }, { level: "offline" }] }],
    ["a last choice under a condition", { others: [{ level: "busy", when: { inCall: true } }] }],
    ["a choice behind one without a condition", { others: [{ level: "busy" }, { level: "offline" }] }],
    ["no choice", { others: [] }], ["a time zone that does not exist", { others: [{ level: "busy", when: { between: { from: "08:00", until: "09:00", timeZone: "Mars/Base" } } }, "offline"] }],
    ["characters that cannot be sent", { others: { level: "busy", status: "\u0000" } }], ["a full address", { contacts: { "a@b/c": "busy" }, others: "offline" }],
  ])("%s is refused", (_what, rules) => { expect(() => readRules(rules)).toThrow(); });

  test("H04 a group that is called like a part of every object is a group", () => {
    const book = readRules(JSON.parse('{ "groups": { "__proto__": "busy", "constructor": "away" }, "others": "offline" }'));
    expect([...book.groups.keys()]).toEqual(["__proto__", "constructor"]);
    expect(readRules({ others: "offline" }).groups.get("constructor")).toBeUndefined();
  });

  test("time windows are wall-clock time in their zone, over midnight and on the days on which they begin", () => {
    const rule: Rule = [{ level: "xa", when: { between: { from: "22:00", until: "07:00", days: ["fri"], timeZone: "Europe/Rome" } } }, { level: "available" }];
    const at = (iso: string): string => choose(readRules({ others: rule }).others, { now: Date.parse(iso), inCall: false, idleSince: undefined }).level;
    expect(at("2026-11-20T20:59:00Z")).toBe("available"); // Friday, 21:59 in Rome
    expect(at("2026-11-20T21:00:00Z")).toBe("xa");
    expect(at("2026-11-21T05:59:00Z")).toBe("xa"); // Saturday morning
    expect(at("2026-11-21T06:00:00Z")).toBe("available");
    expect(at("2026-11-21T22:00:00Z")).toBe("available"); // Saturday night
    expect(at("2026-07-03T20:00:00Z")).toBe("xa"); // summer time
  });

  test("idle and in a call", () => {
    const book = readRules({ others: [{ level: "busy", when: { inCall: true } }, { level: "away", when: { idle: { afterMs: 1000 } } }, { level: "available" }] });
    const level = (inCall: boolean, idleSince?: number): string => choose(book.others, { now: 5000, inCall, idleSince }).level;
    expect([level(true, 0), level(false, 4000), level(false, 4001), level(false)]).toEqual(["busy", "away", "available", "available"]);
  });
});

describe("what each one may see", () => {
  test("V01 lists before presence, the least of all as broadcast, more than that directed to who comes", async () => {
    const world = await online();
    expect(world.said()).toEqual(["friend: probe", "stored: sotto-7-0", "in force: sotto-7-0", "all: dnd"]);
    expect(world.reached()).toEqual(["sister", "team"]);
    await world.comes(team);
    await world.comes(sister);
    await world.comes(friend);
    expect(world.said()).toEqual(["team: available (at my desk)"]);
  });

  test("V01 presence that only goes on is not answered, so that two of us do not answer each other for ever", async () => {
    const world = await online();
    await world.comes(team);
    world.said();
    await world.comes(team);
    expect(world.said()).toEqual([]);
    await world.comes(team, "desk");
    expect(world.said()).toEqual(["team: available (at my desk)"]);
  });

  test("V01 of several groups the most restrictive counts, a rule of one's own beats them, and nobody sees more than we say of ourselves", async () => {
    const world = new PolicyWorld();
    world.contact(sister, "both", "Team", "Family");
    world.contact(friend, "both", "Friends");
    await world.open();
    await world.policy.set({ ...sentence, contacts: { [friend]: { level: "away", status: "on tour" } } });
    world.own = { kind: "available", show: "away", statuses: { "": "my own words" } };
    await world.connect();
    const said = (jid: string): unknown => world.policy.effective(jid);
    expect(said(sister)).toMatchObject({ level: "away", why: { kind: "own-availability" } });
    expect(said(friend)).toMatchObject({ level: "away", status: "my own words", why: { kind: "contact" } });
    world.own = { kind: "available", show: "chat" };
    await world.announcer?.changed(world.own);
    expect(said(sister)).toEqual({ level: "busy", why: { kind: "group", group: "Family" }, shown: "at-most" });
    expect(said(friend)).toMatchObject({ level: "away", status: "on tour", why: { kind: "contact" } });
    expect(said("nobody@verona.example")).toEqual({ level: "offline", why: { kind: "no-subscription" }, shown: "nothing" });
  });

  test("V01 our own words go only to whom our own level is shown", async () => {
    const world = await online({ groups: { Family: { level: "busy", status: "working" }, Team: "available" }, others: "offline" });
    expect(world.said().at(-1)).toBe("all: dnd");
    await world.comes(sister);
    expect(world.said()).toEqual(["sister: dnd (working)"]);
  });

  test("V01 presence that the application directs is no more than the rules allow, and nothing to whom no rule names", async () => {
    const world = await online({ ...sentence, contacts: { "room@rooms.verona.example": "busy" } });
    const limit = (jid: string): unknown => world.announcer?.limit?.(bareJid(jid), { show: "chat", statuses: { "": "hello" } });
    expect(limit(sister)).toEqual({ show: "dnd" });
    expect(limit(friend)).toBeUndefined();
    expect(limit("room@rooms.verona.example")).toEqual({ show: "dnd" });
    await world.policy.set({ others: "available" });
    expect(limit("stranger@verona.example")).toBeUndefined();
  });

  test("V01 the account's default list and the blocks in it hold; a change of it is followed", async () => {
    const world = new PolicyWorld();
    world.standard = "mine";
    const block = (jid: string): void => {
      world.serverLists.set("mine", xml("jabber:iq:privacy", "list", { name: "mine" }, xml("jabber:iq:privacy", "item", { type: "jid", value: jid, action: "deny", order: 1 })));
    };
    block("spam@verona.example");
    await world.open();
    await world.policy.set(sentence);
    await world.connect();
    expect(world.reached()).toEqual(["sister", "team"]);
    world.said();
    block(team);
    world.arrive(xml("jabber:client", "iq", { type: "set", id: "p" }, xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name: "mine" }))));
    await world.quiet();
    expect(world.said()).toEqual(["stored: sotto-7-1", "team: gone", "in force: sotto-7-1", "removed: sotto-7-0"]);
    expect(world.policy.effective(team)).toMatchObject({ level: "offline", why: { kind: "blocked" } });
    const [own, first] = world.serverLists.get("sotto-7-1")?.children ?? [];
    expect([own, first]).toMatchObject([{ attrs: { value: "romeo@verona.example", action: "allow" } }, { attrs: { value: team, action: "deny" } }]);
    // Nobody else can make us ask.
    world.arrive(xml("jabber:client", "iq", { type: "set", id: "p", from: friend }, xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name: "mine" }))));
    expect(world.sent.filter(({ attrs }) => attrs["type"] === "get")).toEqual([]);
  });
});

describe("changes", () => {
  test("V01 tightening: told first, shut out then; loosening: let in first, told then", async () => {
    const world = await online();
    await world.comes(team);
    world.said();
    await world.policy.set({ groups: { Team: "busy" }, others: "offline" });
    expect(world.said()).toEqual(["stored: sotto-7-1", "sister: gone", "in force: sotto-7-1", "team: dnd", "removed: sotto-7-0"]);
    await world.policy.set({ groups: { Team: "available", Friends: "xa" }, others: "offline" });
    expect(world.said()).toEqual(["stored: sotto-7-2", "all: xa", "in force: sotto-7-2", "team: available (at my desk)", "removed: sotto-7-1"]);
  });

  test("V01 who comes between the two is looked for: nothing is broadcast while he is told", async () => {
    const world = await online();
    world.said();
    const changing = world.policy.set({ groups: { Team: "available" }, others: "offline" });
    while (!world.sent.some(({ attrs }) => attrs["to"] === sister)) await new Promise<void>((resolve) => { queueMicrotask(resolve); });
    world.arrive(xml("jabber:client", "presence", { from: `${sister}/phone` }));
    await changing;
    expect(world.said().slice(0, 8)).toEqual([
      "stored: sotto-7-1", "sister: gone", "in force: sotto-7-1", "stored: sotto-7-2", "all: gone", "in force: sotto-7-0", "sister: gone", "in force: sotto-7-2",
    ]);
  });

  test("V01 for one who does not tell when he comes nothing is broadcast during the change", async () => {
    const world = new PolicyWorld();
    world.contact(sister, "from", "Family");
    await world.open();
    await world.policy.set(sentence);
    await world.connect();
    world.said();
    await world.policy.set({ groups: { Team: "available" }, others: "offline" });
    expect(world.said()).toEqual(["stored: sotto-7-1", "all: gone", "in force: sotto-7-1", "all: available (at my desk)", "removed: sotto-7-0"]);
  });

  test("V01 another client's change of groups, and a new subscriber, are followed", async () => {
    const world = await online();
    world.said();
    world.contact(sister, "both", "Friends");
    await world.quiet();
    expect(world.said()).toEqual(["stored: sotto-7-1", "sister: gone", "in force: sotto-7-1", "all: available (at my desk)", "removed: sotto-7-0"]);
    world.contact(bareJid("new@verona.example"), "from", "Team");
    await world.quiet();
    expect(world.said()).toContain("new: available (at my desk)");
  });

  test("V01 time windows, idleness, calls and an override that expires change what is shown, without anybody asking", async () => {
    const world = await online({ groups: { Team: [{ level: "busy", when: { inCall: true } }, { level: "away", when: { idle: { afterMs: 300_000 } } }, { level: "available" }] }, others: "offline" });
    world.said();
    world.policy.setContext({ inCall: true });
    await world.quiet();
    expect(world.said()).toEqual(["all: dnd"]);
    world.policy.setContext({ inCall: false, idleSince: 0 });
    await world.quiet();
    expect(world.said()).toEqual(["all: available (at my desk)"]);
    for (let i = 0; i < 6; i++) await world.turn(60_000);
    expect(world.said()).toEqual(["all: away"]);
    await world.policy.override({ level: "offline", until: world.clock.now() + 90_000 });
    expect(world.said()).toContain("team: gone");
    expect(world.policy.effective(team)).toMatchObject({ level: "offline", why: { kind: "override" } });
    for (let i = 0; i < 3; i++) await world.turn(60_000);
    expect(world.said().filter((what) => what.includes(": a"))).not.toEqual([]);
    expect(world.reached()).toEqual(["team"]);
  });

  test("V01 own availability: offline tells everybody, and coming back begins with the list in force", async () => {
    const world = await online();
    await world.comes(team);
    world.said();
    await world.announcer?.changed({ kind: "unavailable" });
    expect(world.said()).toEqual(["team: gone", "all: gone"]);
    await world.announcer?.changed({ kind: "available", show: "dnd" });
    expect(world.said()[0]).toBe("all: dnd");
  });

  test("V01 the end: everybody who was shown more is told, then all", async () => {
    const world = await online();
    await world.comes(team);
    world.said();
    await world.announcer?.farewell(world.connection as never);
    expect(world.said()).toEqual(["team: gone", "all: gone"]);
  });

  test("V01 taking the policy away lets everybody in before the list goes", async () => {
    const world = await online();
    world.said();
    expect(await world.policy.set(undefined)).toEqual({ reached: "in-force", losses: [], outside: [], emptyGroups: [] });
    expect(world.said()).toEqual(["stored: sotto-7-1", "in force: sotto-7-1", "all: available (at my desk)", "removed: sotto-7-0", "in force: none", "removed: sotto-7-1"]);
    expect(world.announcer).toBeUndefined();
    expect(world.policy.effective(team)).toBeUndefined();
  });

  test.each([false, true])("V01 a policy set in the middle of a session takes over from presence that everybody sees, once; resumed: %s", async (resumed) => {
    const world = new PolicyWorld();
    await world.open();
    await world.connect();
    if (resumed) await world.connect({ continued: true });
    expect(await world.policy.set(sentence)).toEqual({ reached: "in-force", losses: [], outside: ["other-clients", "personal-events"], emptyGroups: [] });
    expect(world.said()).toEqual(["stored: sotto-7-0", "all: dnd", "friend: gone", "in force: sotto-7-0"]);
  });
});

describe("servers that do not do what they are asked", () => {
  test("V02 without privacy lists the policy is refused, and nothing changes", async () => {
    const world = new PolicyWorld({ lists: false });
    await world.open();
    await world.connect();
    await expect(world.policy.set(sentence)).rejects.toMatchObject({ code: "ERR_POLICY_UNSUPPORTED" });
    expect(world.announcer).toBeUndefined();
    expect(world.said()).toEqual([]);
  });

  test("V02 a kept policy that meets a server without lists shows nobody anything, with an event", async () => {
    const world = await online(sentence, { lists: false });
    expect(world.said()).toEqual([]);
    expect(world.states.at(-1)).toMatchObject({ kind: "refused", error: { code: "ERR_POLICY_UNSUPPORTED" } });
  });

  test("V02 the degraded mode directs everything and names what is lost", async () => {
    const world = new PolicyWorld({ lists: false });
    await world.open();
    await world.connect();
    const result = await world.policy.set(sentence, { withoutPrivacyLists: "degrade" });
    expect(result).toEqual({ reached: "in-force", losses: ["live-messages", "logins-unseen", "crash-leaves-presence"], outside: ["other-clients", "personal-events"], emptyGroups: [] });
    expect(world.said()).toEqual(["sister: probe", "friend: probe", "team: probe", "all: gone"]);
    await world.comes(sister);
    await world.comes(friend);
    expect(world.said()).toEqual(["sister: dnd"]);
    expect((await world.policy.set({ others: "busy" }, { withoutPrivacyLists: "degrade" })).losses).toEqual(["new-contacts-see-broadcast"]);
  });

  test.each<[string, ServerWays]>([["drops an item of the list", { drops: true }], ["does not put it in force", { ignores: true }], ["refuses the list", { refuses: "list" }]])(
    "V02 a server that %s is noticed before anybody is shown anything; tried again later", async (_what, ways) => {
      const world = await online(sentence, ways);
      expect(world.said().filter((what) => what.startsWith("all"))).toEqual([]);
      expect(world.states.at(-1)).toMatchObject({ kind: "failed" });
      delete world.ways.drops; delete world.ways.ignores; delete world.ways.refuses;
      await world.turn(5_000);
      expect(world.said().filter((what) => what.startsWith("all")).at(-1)).toBe("all: dnd");
      expect(world.states.at(-1)).toEqual({ kind: "in-force", losses: [] });
    });

  test("V02 a server that cannot say what lists there are: nobody is shown anything, and it is asked again", async () => {
    const world = await online(sentence, { broken: true });
    expect(world.said()).toEqual([]);
    expect(world.states.at(-1)).toMatchObject({ kind: "failed" });
    delete world.ways.broken;
    await world.turn(5_000);
    expect(world.said().at(-1)).toBe("all: dnd");
  });

  test("V01 rules that could not be stored are not in force", async () => {
    const world = await online();
    await memoryStore(world.disk).acquire(); // from here on every commit of the old owner fails
    await expect(world.policy.set({ others: "chat" })).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await world.comes(friend);
    expect(world.policy.effective(friend)).toMatchObject({ level: "offline" });
  });

  test("V01 without the roster of this stream nobody is shown anything: the cached one may be old", async () => {
    const world = await online(sentence, { brokenRoster: true });
    expect(world.said()).toEqual([]);
    expect(world.states.at(-1)).toMatchObject({ kind: "failed" });
    delete world.ways.brokenRoster;
    await world.turn(5_000);
    expect(world.said().at(-1)).toBe("all: dnd");
  });

  test("V02 the same if the connection is resumed meanwhile", async () => {
    const world = await online(sentence, { broken: true });
    world.disconnect();
    delete world.ways.broken;
    await world.connect({ continued: true });
    expect(world.said().at(-1)).toBe("all: dnd");
    expect(world.reached()).toEqual(["sister", "team"]);
  });

  test("V01 a step that is refused while somebody sees too much: nobody sees anything; a loosening that is refused leaves it as it was", async () => {
    const world = await online();
    await world.comes(team);
    world.said();
    world.ways.refuses = "list";
    await expect(world.policy.set({ groups: { ...sentence.groups, Friends: "away" }, others: "offline" })).rejects.toMatchObject({ code: "ERR_POLICY_FAILED", retryable: true });
    expect(world.said()).toEqual(["stored: sotto-7-1"]);
    await expect(world.policy.set({ groups: { Team: "busy" }, others: "offline" })).rejects.toMatchObject({ code: "ERR_POLICY_FAILED" });
    expect(world.said().at(-1)).toBe("all: gone");
  });

  test("V01 a list that somebody has removed is noticed with the next change", async () => {
    const world = await online();
    world.said();
    world.serverLists.delete("sotto-7-0");
    await world.announcer?.changed({ kind: "available", show: "away" });
    expect(world.said()).toEqual(["all: away", "all: gone"]);
    await world.turn(5_000);
    expect(world.reached()).toEqual(["sister", "team"]);
  });

  test("V01 more contacts than a list can name are refused before anything is changed", async () => {
    const world = new PolicyWorld();
    for (let i = 0; i < 2_000; i++) world.contact(bareJid(`contact${i.toString()}@verona.example`), "both", "Team");
    await world.open();
    await expect(world.policy.set(sentence)).rejects.toMatchObject({ code: "ERR_POLICY_TOO_LARGE" });
    world.contact(bareJid("contact0@verona.example"), "both");
    world.contact(bareJid("contact1@verona.example"), "both");
    expect(await world.policy.set(sentence)).toMatchObject({ reached: "stored" });
  });
});

describe("restarts", () => {
  test("V01 a kept policy holds from the first presence on, and lists of the last run are removed", async () => {
    const world = await online();
    await world.policy.override({ level: "away", until: 1_000_000 });
    const next = new PolicyWorld({}, world.disk);
    for (const [name, list] of world.serverLists) next.serverLists.set(name, list);
    await next.open();
    expect(next.announcer).toBeDefined();
    await next.connect();
    expect(next.said()).toEqual(["friend: probe", "stored: sotto-7-2", "in force: sotto-7-2", "all: away", "removed: sotto-7-1"].map((what) => what.replace("7-2", "7-1").replace(/removed.*/, "removed: sotto-7-0")));
  });

  test("V01 whom a crash left with our presence is told once that we are gone, and is looked after no more", async () => {
    const disk = memoryDisk(), store = memoryStore(disk);
    const row = { v: 1, rules: { groups: { Friends: "offline" }, others: "available" }, without: "refuse", ghosts: [friend] };
    await new Ledger(store, await store.acquire()).run((tx) => { tx.put(policyKey, new TextEncoder().encode(JSON.stringify(row))); });
    const world = new PolicyWorld({}, disk);
    await world.open();
    await world.connect();
    expect(world.said()).toContain("friend: gone");
    await world.policy.set({ groups: { Friends: "offline" }, others: "busy" });
    expect(world.said()).toEqual(["all: dnd"]); // the list that is in force stays
  });

  test("V01 a record that cannot be read is an error, not a policy that allows everything", async () => {
    const disk = memoryDisk();
    const store = memoryStore(disk);
    const ledger = new Ledger(store, await store.acquire());
    await ledger.run((tx) => { tx.put(policyKey, new TextEncoder().encode('{"v":1,"rules":{"others":"invisible"},"without":"refuse","ghosts":[]}')); });
    await expect(new PolicyWorld({}, disk).open()).rejects.toMatchObject({ code: "ERR_RECORD_INVALID" });
  });

  test("V01 whom a crash in mid-change may have left with our presence is told with the next start", async () => {
    const world = await online();
    const changing = world.policy.set({ groups: { Team: "available" }, others: "offline" });
    while (!world.sent.some(({ attrs }) => attrs["to"] === sister)) await new Promise<void>((resolve) => { queueMicrotask(resolve); });
    world.disconnect(); // and our process with it
    const next = new PolicyWorld({}, world.disk);
    await next.open();
    await next.connect();
    expect(next.said()).toContain("sister: gone");
    await changing.catch(() => undefined);
  });

  test("V01 a resumed session goes on; what did not arrive is made good in silence", async () => {
    const world = await online();
    world.said();
    world.disconnect();
    await world.connect({ continued: true });
    expect(world.said()).toEqual([]);
    world.disconnect();
    await world.connect({ continued: true, handled: 0 });
    expect(world.said()).toEqual(["stored: sotto-7-1", "all: gone", "in force: sotto-7-1", "all: dnd", "removed: sotto-7-0"]);
  });
});
