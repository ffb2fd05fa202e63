/** Privacy lists: what they do, changing them safely, following what others do to them (threats F09, V02). */
import { describe, expect, test } from "vitest";
import { bareJid, parseJid, type BareJid, type Jid } from "../../../src/base/jid.js";
import { xml } from "../../../src/base/xml.js";
import type { AnySottoError } from "../../../src/client/errors.js";
import type { ClientEvent } from "../../../src/client/events.js";
import { evaluate } from "../../../src/client/privacy/evaluate.js";
import { AccountPrivacyLists } from "../../../src/client/privacy/privacy-lists.js";
import { replaceList, sameRules, type ReplacedList } from "../../../src/client/privacy/replace.js";
import { PrivacyListsService } from "../../../src/transport/features/privacy-lists.js";
import { putListRequest, stanzaKinds, type PrivacyRule, type PrivacySubscription } from "../../../src/transport/xep/xep0016.js";
import { offline } from "../../support/no-stream.js";
import { closed, FakePrivacyServer, lost, refusal, type Fault } from "../../support/fake-privacy-server.js";
import { childElements, findChild, type XmlElement } from "../../../src/base/xml.js";

const me = bareJid("juliet@example.org");
const jid = (text: string): Jid => parseJid(text) as Jid;
const roster = (contact: BareJid): { subscription: PrivacySubscription; groups: readonly string[] } | undefined =>
  (({ "friend@x.example": { subscription: "both" as const, groups: ["Friends"] } }) as Record<string, { subscription: PrivacySubscription; groups: string[] }>)[contact];
const deny = (match: PrivacyRule["match"], ...kinds: PrivacyRule["kinds"] & object): PrivacyRule => ({ action: "deny", match, ...(kinds.length === 0 ? {} : { kinds }) });
const oldRules: readonly PrivacyRule[] = [deny({ kind: "jid", jid: jid("tybalt@example.org") })];
const newRules: readonly PrivacyRule[] = [...oldRules, deny({ kind: "all" }, "presence-out")];
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "fulfilled", (error: unknown) => (error as AnySottoError).code);
const itemsOf = (rules: readonly PrivacyRule[]): readonly XmlElement[] => childElements(findChild(putListRequest("l", rules), "jabber:iq:privacy", "list") as XmlElement);

describe("what a list does to a stanza", () => {
  const verdict = (rules: readonly PrivacyRule[], kind: Parameters<typeof evaluate>[1]["kind"], peer: string): unknown => {
    const { verdict: says, rule } = evaluate(rules, { kind, peer: jid(peer) }, roster, me);
    return rule === undefined ? says : `${says} ${String(rule)}`;
  };

  test("the first rule that matches decides; without one the stanza passes", () => {
    const rules: PrivacyRule[] = [{ action: "allow", match: { kind: "group", group: "Friends" } }, deny({ kind: "jid", jid: jid("x.example") }), deny({ kind: "subscription", subscription: "none" }, "message")];
    expect(verdict(rules, "message", "friend@x.example/a")).toBe("allow 0");
    expect(verdict(rules, "iq", "other@x.example")).toBe("deny 1");
    expect(verdict(rules, "message", "other@y.example")).toBe("deny 2");
    expect(verdict(rules, "iq", "other@y.example")).toBe("allow");
    expect(verdict([], "iq", "other@y.example")).toBe("allow");
  });

  test("addresses: a full one is itself, a bare one all its resources, a domain everybody there, a resource of a domain only that", () => {
    const named: [string, string[], string[]][] = [
      ["a@x.example/r", ["a@x.example/r"], ["a@x.example/s", "a@x.example", "x.example"]],
      ["a@x.example", ["a@x.example", "a@x.example/r"], ["b@x.example", "x.example", "a@y.example"]],
      ["x.example", ["x.example", "x.example/r", "a@x.example", "a@x.example/r"], ["y.example", "sub.x.example", "a@sub.x.example"]],
      ["x.example/r", ["x.example/r"], ["x.example", "a@x.example/r", "x.example/s"]],
    ];
    for (const [address, hit, missed] of named) {
      for (const peer of hit) expect([address, peer, verdict([deny({ kind: "jid", jid: jid(address) })], "iq", peer)]).toEqual([address, peer, "deny 0"]);
      for (const peer of missed) expect([address, peer, verdict([deny({ kind: "jid", jid: jid(address) })], "iq", peer)]).toEqual([address, peer, "allow"]);
    }
  });

  const unnamed = ["message-out", "iq-out", "subscription-in", "subscription-out"] as const;
  test("kinds: only those that are named; without any, everything, also what goes out", () => {
    for (const kind of stanzaKinds) {
      for (const tried of [...stanzaKinds, ...unnamed]) expect(verdict([deny({ kind: "all" }, kind)], tried, "a@x.example")).toBe(kind === tried ? "deny 0" : "allow");
    }
    for (const tried of [...stanzaKinds, ...unnamed]) expect(verdict([deny({ kind: "all" })], tried, "a@x.example")).toBe("deny 0");
    for (const tried of unnamed) expect(verdict([deny({ kind: "all" }, ...stanzaKinds)], tried, "a@x.example")).toBe("allow");
  });

  test("subscription none is also everybody who is not in the roster; own resources always pass", () => {
    for (const subscription of ["none", "to", "from", "both"] as const) {
      const rules = [deny({ kind: "subscription", subscription })];
      expect(verdict(rules, "iq", "friend@x.example")).toBe(subscription === "both" ? "deny 0" : "allow");
      expect(verdict(rules, "iq", "stranger@x.example")).toBe(subscription === "none" ? "deny 0" : "allow");
    }
    expect(verdict([deny({ kind: "all" })], "message", "juliet@example.org/phone")).toBe("allow");
  });
});

describe.each(["prosody", "ejabberd"] as const)("safe change on %s", (make) => {
  function setUp(force: "active" | "default" | "both" | "neither"): { server: FakePrivacyServer; replace: (change?: Parameters<typeof replaceList>[1]["change"]) => Promise<ReplacedList> } {
    const server = new FakePrivacyServer(make);
    server.lists.set("work", itemsOf(oldRules));
    if (force === "active" || force === "both") server.active = "work";
    if (force === "default" || force === "both") server.default = "work";
    const service = new PrivacyListsService({ iq: server.connect().iq });
    return { server, replace: (change = newRules) => replaceList(service, { name: "work", change, suffix: "abcdefgh" }) };
  }

  test("the new list is built, read back, activated, made the default, and only then the old one goes", async () => {
    const { server, replace } = setUp("both");
    expect(await replace()).toEqual({ name: "work~abcdefgh" });
    expect(server.log).toEqual(["get lists", "get list work", "set list work~abcdefgh", "get list work~abcdefgh", "get list work", "set active work~abcdefgh", "set default work~abcdefgh", "get lists", "set list work"]);
    expect([...server.lists.keys()]).toEqual(["work~abcdefgh"]);
    expect([server.active, server.default, server.inForce]).toEqual(["work~abcdefgh", "work~abcdefgh", newRules]);
  });

  test("the name does not grow with each change", async () => {
    const { server } = setUp("both");
    const service = new PrivacyListsService({ iq: server.connect().iq });
    const first = await replaceList(service, { name: "work", change: newRules, suffix: "aaaaaaaa" });
    expect(await replaceList(service, { name: first.name, change: (rules) => [...rules, ...oldRules], suffix: "bbbbbbbb" })).toEqual({ name: "work~bbbbbbbb" });
    expect(server.inForce).toEqual([...newRules, ...oldRules]);
  });

  const faults: readonly [string, Fault][] = [
    ["is refused", { when: "before", error: refusal("internal-server-error") }],
    ["is in conflict", { when: "before", error: refusal("conflict") }],
    ["is lost on its way", { when: "before", error: lost() }],
    ["is done, but the answer is lost", { when: "after", error: lost() }],
  ];
  const forces = ["active", "default", "both"] as const;
  const cases = forces.flatMap((force) => faults.flatMap(([what, fault]) => [false, true].map((forGood) => ({ force, what, fault, forGood }))));

  test.each(cases)("at every moment a list protects: $force, each step in turn $what, everything after fails, too: $forGood", async ({ force, fault, forGood }) => {
    for (let step = 1; ; step++) {
      const { server, replace } = setUp(force);
      const failed: number[] = [];
      server.fault = (number) => {
        if (number < step || (number > step && !forGood)) return undefined;
        failed.push(number);
        return number === step ? fault : { when: "before", error: closed() };
      };
      const moments: unknown[] = [];
      server.afterEach = () => { moments.push(server.inForce); };
      const outcome = await replace().catch((error: unknown) => error as AnySottoError);
      const context = `step ${String(step)}: ${server.log.join(", ")}`;
      for (const moment of moments) expect([context, sameRules(moment as PrivacyRule[], oldRules) || sameRules(moment as PrivacyRule[], newRules)]).toEqual([context, true]);
      if (failed.length === 0) break;
      if (!forGood && outcome instanceof Error) {
        // It gave up: everything is as it was, and nothing is left over.
        expect([context, server.inForce, [...server.lists.keys()]]).toEqual([context, oldRules, ["work"]]);
      } else if (!(outcome instanceof Error)) {
        expect([context, server.inForce, outcome.name]).toEqual([context, newRules, "work~abcdefgh"]);
        expect(outcome.left === undefined).toBe(!server.lists.has("work") && fault.when === "before");
      }
    }
  });

  test("V02 a server that drops or changes an item gets no trust: nothing is switched", async () => {
    for (const keep of [(items: readonly XmlElement[]) => items.slice(1), (items: readonly XmlElement[]) => items.map((item) => xml(item.ns, item.name, { ...item.attrs, action: "allow" }, ...item.children)), (items: readonly XmlElement[]) => [...items, xml("jabber:iq:privacy", "item")]]) {
      const { server, replace } = setUp("both");
      server.keep = keep;
      expect(await code(replace())).toBe("ERR_PRIVACY_LIST_NOT_KEPT");
      expect([server.inForce, [...server.lists.keys()], server.log.some((line) => line.startsWith("set active"))]).toEqual([oldRules, ["work"], false]);
    }
  });

  test("V02 a server that confirms and does not apply is noticed, and the old list holds", async () => {
    const { server, replace } = setUp("both");
    server.afterEach = () => { if (server.log.at(-1) === "set active work~abcdefgh") server.active = "work"; };
    expect(await code(replace())).toBe("ERR_PRIVACY_LIST_NOT_KEPT");
    expect([server.inForce, [...server.lists.keys()]]).toEqual([oldRules, ["work"]]);
  });

  test("a list that somebody edits meanwhile is not overwritten", async () => {
    const { server, replace } = setUp("both");
    const theirs = [...oldRules, deny({ kind: "jid", jid: jid("paris@example.org") })];
    server.afterEach = () => { if (server.log.at(-1)?.startsWith("set list") === true) server.lists.set("work", itemsOf(theirs)); };
    expect(await code(replace((rules) => [...rules, ...newRules.slice(1)]))).toBe("ERR_PRIVACY_LIST_CHANGED");
    expect([server.inForce, [...server.lists.keys()]]).toEqual([theirs, ["work"]]);
  });

  test("an old list that comes into force meanwhile is not removed, also where the server would do it", async () => {
    const { server, replace } = setUp("neither");
    server.afterEach = () => { if (server.log.at(-1)?.startsWith("set list work~") === true) server.default = "work"; };
    await replace();
    expect([server.inForce, server.lists.has("work")]).toEqual([oldRules, true]);
  });

  test("a new list that could not be taken out of force again is not removed either", async () => {
    const { server, replace } = setUp("default");
    server.fault = (_, what) => (what === "set default work~abcdefgh" ? { when: "after", error: lost() } : what === "set default work" ? { when: "before", error: refusal("conflict") } : undefined);
    expect(await code(replace())).toBe("ERR_IQ_TIMEOUT");
    expect(server.inForce).toEqual(newRules);
  });

  test("a change of rules that could not be read is refused; new rules are not", async () => {
    const { server, replace } = setUp("active");
    server.lists.set("work", [...itemsOf(oldRules), xml("jabber:iq:privacy", "item", { action: "deny", order: 9, type: "planet", value: "x" })]);
    expect(await code(replace((rules) => rules))).toBe("ERR_PRIVACY_LIST_NOT_KEPT");
    expect(await replace()).toEqual({ name: "work~abcdefgh" });
  });
});

test("a list that is active for another connection stays, and the result says so (Prosody)", async () => {
  const server = new FakePrivacyServer("prosody");
  server.lists.set("work", itemsOf(oldRules));
  server.active = "work";
  server.others.push("work");
  const service = new PrivacyListsService({ iq: server.connect().iq });
  expect(await replaceList(service, { name: "work", change: newRules, suffix: "abcdefgh" })).toMatchObject({ name: "work~abcdefgh", left: { code: "ERR_PRIVACY_LIST_CONFLICT" } });
  expect([server.inForce, [...server.lists.keys()]]).toEqual([newRules, ["work", "work~abcdefgh"]]);
});

test("a default list that another connection uses is not moved: typed, and everything is as it was (Prosody)", async () => {
  const server = new FakePrivacyServer("prosody");
  server.lists.set("work", itemsOf(oldRules));
  server.active = server.default = "work";
  server.others.push(undefined);
  const service = new PrivacyListsService({ iq: server.connect().iq });
  expect(await code(replaceList(service, { name: "work", change: newRules, suffix: "abcdefgh" }))).toBe("ERR_PRIVACY_LIST_CONFLICT");
  expect([server.active, server.default, [...server.lists.keys()]]).toEqual(["work", "work", ["work"]]);
});

describe("the lists of an account", () => {
  const settled = async (): Promise<void> => { for (let i = 0; i < 200; i++) await Promise.resolve(); };
  function setUp(make: "prosody" | "ejabberd" = "prosody", isOwned = (): boolean => false) {
    const server = new FakePrivacyServer(make);
    server.lists.set("work", itemsOf(oldRules));
    server.lists.set("home", itemsOf(newRules));
    server.default = "work";
    const events: ClientEvent[] = [];
    const errors: unknown[] = [];
    let suffix = 0;
    const lists = new AccountPrivacyLists({ account: me, newSuffix: () => `suffix0${String(suffix++)}`, roster, isOwned, emit: (event) => { events.push(event); }, onError: (error) => { errors.push(error); }, offline });
    return { server, lists, events, errors };
  }

  test("what is in force is known after a stream is there, and is old when it is gone", async () => {
    const { server, lists, errors } = setUp();
    expect(await code(lists.refresh())).toBe("ERR_OFFLINE");
    lists.attach(server.connect());
    await settled();
    expect(lists.getSnapshot()).toEqual({ state: "current", names: ["work", "home"], default: "work", contents: new Map([["work", { rules: oldRules, dropped: 0 }]]) });
    expect(lists.evaluate({ kind: "message", peer: jid("tybalt@example.org/x") })).toEqual({ verdict: "deny", rule: 0 });
    lists.detach();
    expect(lists.getSnapshot().state).toBe("unknown");
    expect(lists.evaluate({ kind: "message", peer: jid("tybalt@example.org/x") })).toBeUndefined();
    expect(errors).toEqual([]);
  });

  test("F09 a push of our own account is followed; one of anybody else is refused and changes nothing", async () => {
    const { server, lists } = setUp();
    lists.attach(server.connect());
    await settled();
    const push = xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name: "work" }));
    server.lists.set("work", itemsOf(newRules));
    for (const from of ["mallory@example.org", `${me}/phone`, "example.org", "juliet@example.com"]) {
      const asked = server.log.length;
      expect([from, server.ask(push, from)]).toEqual([from, undefined]);
      await settled();
      expect([from, server.log.length, lists.getSnapshot().contents.get("work")?.rules]).toEqual([from, asked, oldRules]);
    }
    expect(server.ask(push, undefined, "get")).toBeUndefined();
    for (const [from, rules] of [[undefined, newRules], [me, oldRules]] as const) {
      server.lists.set("work", itemsOf(rules));
      expect(server.ask(push, from)).toBeNull();
      await settled();
      expect(lists.getSnapshot().contents.get("work")?.rules).toEqual(rules);
    }
  });

  test("a push that overtakes an answer is not lost, and a flood of them ends", async () => {
    const { server, lists } = setUp();
    let left = 1;
    server.afterEach = () => {
      if (server.log.at(-1) !== "get list work" || left === 0) return;
      left--;
      server.lists.set("work", itemsOf(newRules));
      server.pushList("work");
    };
    lists.attach(server.connect());
    await settled();
    expect(lists.getSnapshot().contents.get("work")?.rules).toEqual(newRules);
    left = Infinity;
    server.log.length = 0;
    server.pushList("work");
    await settled();
    expect(server.log.length).toBeLessThanOrEqual(8);
    expect(lists.getSnapshot().state).toBe("current");
  });

  test("malformed items are told one by one, and the others hold", async () => {
    const { server, lists, events } = setUp();
    server.lists.set("work", [xml("jabber:iq:privacy", "item", { order: 1 }), ...itemsOf(oldRules), xml("jabber:iq:privacy", "item", { action: "deny", order: 2, type: "jid", value: "@" })]);
    lists.attach(server.connect());
    await settled();
    expect(events).toEqual([{ kind: "malformed", what: "privacy-item" }, { kind: "malformed", what: "privacy-item" }]);
    expect(lists.evaluate({ kind: "iq", peer: jid("tybalt@example.org") })).toEqual({ verdict: "deny", rule: 0 });
  });

  test("an active list holds also on the next stream, which begins without one; activation goes first", async () => {
    const { server, lists, errors } = setUp();
    lists.attach(server.connect());
    await lists.activate("home");
    expect(lists.getSnapshot().active).toBe("home");
    lists.detach();
    server.active = undefined;
    server.log.length = 0;
    lists.attach(server.connect());
    await settled();
    expect(server.log[0]).toBe("set active home");
    expect([lists.getSnapshot().active, lists.getSnapshot().contents.get("home")?.rules]).toEqual(["home", newRules]);
    await lists.replace("home", oldRules);
    lists.detach();
    server.active = undefined;
    server.log.length = 0;
    lists.attach(server.connect());
    await settled();
    expect([server.log[0], errors]).toEqual(["set active home~suffix00", []]);
  });

  test("a list in force is neither overwritten nor removed, also where the server would do it", async () => {
    const { server, lists } = setUp();
    lists.attach(server.connect());
    expect(await code(lists.put("work", newRules))).toBe("ERR_INVALID_ARGUMENT");
    expect(await code(lists.remove("work"))).toBe("ERR_PRIVACY_LIST_CONFLICT");
    expect(await code(lists.remove("nowhere"))).toBe("ERR_PRIVACY_LIST_UNKNOWN");
    await lists.remove("home");
    await lists.put("new", newRules);
    expect([server.inForce, lists.getSnapshot().names]).toEqual([oldRules, ["work", "new"]]);
    await lists.setDefault(undefined);
    expect(lists.getSnapshot().default).toBeUndefined();
    expect(lists.evaluate({ kind: "iq", peer: jid("tybalt@example.org") })).toEqual({ verdict: "allow" });
  });

  test("V01 while a presence policy owns the active list, nothing else is put in its place, nor does another one come with the next stream", async () => {
    const policy = { holds: false };
    const { server, lists } = setUp("prosody", () => policy.holds);
    lists.attach(server.connect());
    await lists.activate("home");
    policy.holds = true;
    expect(await code(lists.activate(undefined))).toBe("ERR_PRIVACY_LIST_CONFLICT");
    expect(await code(lists.activate("work"))).toBe("ERR_PRIVACY_LIST_CONFLICT");
    expect(await code(lists.replace("home", oldRules))).toBe("ERR_PRIVACY_LIST_CONFLICT");
    expect(server.active).toBe("home");
    lists.detach();
    server.active = undefined;
    lists.attach(server.connect());
    await settled();
    expect(server.active).toBeUndefined();
  });

  test("V02 what is no rule is refused before anything is written; addresses are prepared", async () => {
    const { server, lists } = setUp();
    lists.attach(server.connect());
    await settled();
    const deny = (match: unknown, kinds?: unknown): unknown => ({ action: "deny", match, ...(kinds === undefined ? {} : { kinds }) });
    const all = { kind: "all" };
    const wrong = [
      undefined, {}, [], [undefined], [{ action: "block", match: all }], [{ action: "deny" }], [deny({ kind: "everyone" })], [deny({ kind: "group" })], [deny({ kind: "group", group: "" })],
      [deny({ kind: "subscription", subscription: "all" })], [deny(all, ["messages"])], [deny(all, "message")],
    ];
    const before = server.log.length;
    for (const rules of wrong) {
      expect([rules, await code(lists.put("new", rules as never)), await code(lists.replace("home", rules as never))]).toEqual([rules, "ERR_INVALID_ARGUMENT", "ERR_INVALID_ARGUMENT"]);
    }
    for (const address of ["@", "", undefined]) expect(await code(lists.put("new", [deny({ kind: "jid", jid: address })] as never))).toBe("ERR_INVALID_JID");
    for (const name of ["", undefined, 5]) {
      for (const call of [lists.put(name as never, newRules), lists.get(name as never), lists.remove(name as never), lists.replace(name as never, newRules)]) expect(await code(call)).toBe("ERR_INVALID_ARGUMENT");
    }
    expect(server.log.length).toBe(before);
    expect(await code(lists.replace("work", () => undefined as never))).toBe("ERR_INVALID_ARGUMENT");
    expect(server.inForce).toEqual(oldRules);
    await lists.put("new", [deny({ kind: "jid", jid: "TYBALT@Example.org" }, [])] as never);
    expect((await lists.get("new")).rules).toEqual([{ action: "deny", match: { kind: "jid", jid: "tybalt@example.org" } }]);
  });

  test("changes follow one another: the second finds what the first has made", async () => {
    const { server, lists } = setUp();
    lists.attach(server.connect());
    const [first, second] = await Promise.all([lists.replace("work", newRules), lists.replace("work~suffix00", (rules) => rules.slice(0, 1))]);
    expect([first.name, second.name, server.inForce]).toEqual(["work~suffix00", "work~suffix01", oldRules]);
  });

  test("V02 a server without privacy lists is known as that", async () => {
    const { server, lists, errors } = setUp();
    server.fault = () => ({ when: "before", error: refusal("service-unavailable") });
    lists.attach(server.connect());
    await settled();
    expect([lists.getSnapshot().state, errors]).toEqual(["unsupported", []]);
    expect(await code(lists.activate("work"))).toBe("ERR_PRIVACY_LISTS_UNSUPPORTED");
  });

  test("a list that is named as active and is gone: nothing is claimed about what holds (ejabberd)", async () => {
    const { server, lists, errors } = setUp("ejabberd");
    server.active = "home";
    server.lists.delete("home");
    lists.attach(server.connect());
    await settled();
    expect([lists.getSnapshot().active, lists.evaluate({ kind: "iq", peer: jid("tybalt@example.org") }), errors]).toEqual(["home", undefined, []]);
  });
});
