/**
 * Privacy lists and blocks on real servers: pushes and conflicts among the resources of an account, safe changes, what the two have to do with
 * each other, and what servers leave undone (threats F09, V04). The measured facts are those of src/client/privacy/README.md.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { parseJid, type BareJid, type Jid } from "../../src/base/jid.js";
import { xml } from "../../src/base/xml.js";
import { Blocking } from "../../src/client/blocking/blocking.js";
import type { AnySottoError } from "../../src/client/errors.js";
import type { Connection } from "../../src/client/link.js";
import { AccountPrivacyLists } from "../../src/client/privacy/privacy-lists.js";
import type { PrivacyRule, StanzaKind } from "../../src/transport/xep/xep0016.js";
import { offline } from "../support/no-stream.js";
import { servers, type PrivateServer, type ServerMake } from "../support/servers.js";
import { inShort, messageTo, presenceTo, settleAll, wireAccount, WirePeer } from "../support/wire-peer.js";

const jid = (text: string): Jid => parseJid(text) as Jid;
const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "ok", (error: unknown) => (error as AnySottoError).code);
const denyAll = (...kinds: StanzaKind[]): PrivacyRule[] => [{ action: "deny", match: { kind: "all" }, ...(kinds.length === 0 ? {} : { kinds }) }];
const deny = (address: Jid, ...kinds: StanzaKind[]): PrivacyRule => ({ action: "deny", match: { kind: "jid", jid: address }, ...(kinds.length === 0 ? {} : { kinds }) });
const allowAll: PrivacyRule[] = [{ action: "allow", match: { kind: "all" } }];

/** What differs, in the words of the README. */
const measured: Readonly<Record<ServerMake["make"], {
  readonly takesBackOnBlock: boolean;
  readonly showsAgainOnUnblock: boolean;
  readonly blocksAreTheDefaultList: boolean;
  readonly defaultConflicts: boolean;
  readonly removesWhatIsActiveElsewhere: boolean;
  readonly swallowsSubscriptions: boolean;
  readonly finalUnavailable: "swallowed" | "only with another resource online";
  readonly stopsOwnResources: boolean;
  readonly judgesOwnServer: boolean;
  readonly defaultListHoldsOffline: boolean;
  readonly oneSessionForAll: boolean;
  readonly answersForBareAddress: boolean;
}>> = {
  prosody: {
    takesBackOnBlock: true, showsAgainOnUnblock: true, blocksAreTheDefaultList: false, defaultConflicts: true, removesWhatIsActiveElsewhere: false,
    swallowsSubscriptions: true, finalUnavailable: "only with another resource online",
    stopsOwnResources: false, judgesOwnServer: true, defaultListHoldsOffline: false, oneSessionForAll: true, answersForBareAddress: false,
  },
  ejabberd: {
    takesBackOnBlock: false, showsAgainOnUnblock: false, blocksAreTheDefaultList: true, defaultConflicts: false, removesWhatIsActiveElsewhere: true,
    swallowsSubscriptions: false, finalUnavailable: "swallowed",
    stopsOwnResources: true, judgesOwnServer: false, defaultListHoldsOffline: true, oneSessionForAll: false, answersForBareAddress: true,
  },
};

describe.each(servers)("$make", ({ make, start }) => {
  const facts = measured[make];
  let server: PrivateServer;
  const open: WirePeer[] = [];
  beforeAll(async () => { server = await start({ extraModules: ["privacy_lists"] }); });
  afterAll(async () => {
    await Promise.all(open.map((peer) => peer.close()));
    await server.stop();
  });

  const account = (name: string): Promise<BareJid> => wireAccount(server, `${name}-${randomUUID().slice(0, 8)}`);
  async function login(who: BareJid, resource: string): Promise<WirePeer> {
    const peer = await WirePeer.connect(server, who, { resource });
    open.push(peer);
    return peer;
  }
  const connection = (peer: WirePeer): Connection => ({ stream: peer.stream, iq: peer.iq, signal: new AbortController().signal, continued: false, epoch: 1 } as unknown as Connection);
  const fail = (error: unknown): never => { throw error; };
  function listsOf(peer: WirePeer): AccountPrivacyLists {
    const lists = new AccountPrivacyLists({ account: peer.account, newSuffix: () => randomUUID().slice(0, 8), roster: () => undefined, isOwned: () => false, emit: fail, onError: fail, offline });
    lists.attach(connection(peer));
    return lists;
  }
  function blocksOf(peer: WirePeer, watchers: readonly BareJid[] = []): Blocking {
    const blocking = new Blocking({ account: peer.account, clock: systemClock, watchers: () => watchers, emit: fail, onError: fail, offline });
    blocking.attach(connection(peer));
    return blocking;
  }
  const until = async (what: () => boolean): Promise<void> => { await expect.poll(what, { interval: 25, timeout: 5_000 }).toBe(true); };
  async function befriend(one: WirePeer, other: WirePeer): Promise<void> {
    for (const [from, to] of [[one, other], [other, one]] as const) {
      await from.send(presenceTo(to.account, "subscribe"));
      await settleAll(from, to);
      await to.send(presenceTo(from.account, "subscribed"));
      await settleAll(to, from);
    }
    for (const peer of [one, other]) peer.take();
  }
  /** What `peer` was told beside requests, in short and without names' random parts. */
  const heard = (peer: WirePeer): string[] => peer.take().map(inShort).filter((line) => !line.startsWith("iq/")).map((line) => line.replace(/-[0-9a-f]{8}/, "")).sort();
  const pair = async (): Promise<{ phone: WirePeer; laptop: WirePeer; romeo: WirePeer }> => {
    const [juliet, friend] = await Promise.all([account("juliet"), account("romeo")]);
    const [phone, laptop, romeo] = await Promise.all([login(juliet, "phone"), login(juliet, "laptop"), login(friend, "orchard")]);
    await settleAll(phone, laptop, romeo);
    await befriend(phone, romeo);
    await settleAll(phone, laptop, romeo);
    for (const peer of [phone, laptop, romeo]) peer.take();
    return { phone, laptop, romeo };
  };

  test("an edit reaches the account's other resources by a push, and what is in force there is read again", async () => {
    const { phone, laptop, romeo } = await pair();
    const [here, there] = [listsOf(phone), listsOf(laptop)];
    const rules = [deny(romeo.account, "message"), { action: "allow", match: { kind: "all" } } as const];
    await here.put("work", rules);
    await there.activate("work");
    expect(there.getSnapshot()).toMatchObject({ state: "current", active: "work", names: ["work"] });
    expect(there.evaluate({ kind: "message", peer: romeo.jid })).toEqual({ verdict: "deny", rule: 0 });
    // Every kind at once is not the same as no kinds, and comes back as it was sent.
    const all: PrivacyRule[] = [deny(romeo.account, "message", "iq", "presence-in", "presence-out"), deny(jid("mantua.example/gate")), { action: "deny", match: { kind: "group", group: "Capulets & <co>" } }, { action: "allow", match: { kind: "subscription", subscription: "none" }, kinds: ["iq"] }];
    await here.put("work", all);
    await until(() => there.getSnapshot().contents.get("work")?.rules.length === 4);
    expect(there.getSnapshot().contents.get("work")).toEqual({ rules: all, dropped: 0 });
    await here.setDefault(undefined).catch(() => undefined);
    await there.activate(undefined);
    await here.remove("work");
    expect((await there.refresh()).names).toEqual([]);
  });

  test("conflicts with another resource are typed, and differ as measured", async () => {
    const { phone, laptop } = await pair();
    const [here, there] = [listsOf(phone), listsOf(laptop)];
    await here.put("one", denyAll("iq"));
    await here.put("two", denyAll("message"));
    expect(await code(here.setDefault("one"))).toBe(facts.defaultConflicts ? "ERR_PRIVACY_LIST_CONFLICT" : "ok");
    await there.activate("two");
    // A resource with an active list does not use the default list: that can be set now everywhere.
    expect(await code(here.setDefault("one"))).toBe("ok");
    expect(await code(here.remove("one"))).toBe("ERR_PRIVACY_LIST_CONFLICT");
    expect(await code(here.remove("two"))).toBe(facts.removesWhatIsActiveElsewhere ? "ok" : "ERR_PRIVACY_LIST_CONFLICT");
    if (facts.removesWhatIsActiveElsewhere) {
      // The other resource still believes in its list; we know better than to say what holds.
      expect((await there.refresh()).active).toBe("two");
      expect(there.evaluate({ kind: "iq", peer: jid("romeo@mantua.example") })).toBeUndefined();
    }
    expect(await code(here.activate("nowhere"))).toBe("ERR_PRIVACY_LIST_UNKNOWN");
    expect(await code(here.setDefault("nowhere"))).toBe("ERR_PRIVACY_LIST_UNKNOWN");
    expect(await code(here.get("nowhere"))).toBe("ERR_PRIVACY_LIST_UNKNOWN");
    expect(await code(here.remove("nowhere"))).toBe("ERR_PRIVACY_LIST_UNKNOWN");
  });

  test("a list in force is replaced while messages come: not one gets through", async () => {
    const { phone, laptop, romeo } = await pair();
    await laptop.close();
    await settleAll(phone);
    phone.take();
    const lists = listsOf(phone);
    await lists.put("work", denyAll("message"));
    await lists.activate("work");
    await lists.setDefault("work");
    const talk = (async () => { for (let i = 0; i < 60; i++) { await romeo.send(messageTo(phone.jid, `m${String(i)}`)); await romeo.settle(); } })();
    let name = "work";
    for (let i = 0; i < 5; i++) {
      const replaced = await lists.replace(name, (rules) => [...rules, deny(jid(`p${String(i)}@mantua.example`))]);
      expect(replaced.left).toBeUndefined();
      name = replaced.name;
    }
    await talk;
    await settleAll(romeo, phone);
    expect(heard(phone)).toEqual([]);
    expect(lists.getSnapshot()).toMatchObject({ active: name, default: name, names: [name] });
    expect(lists.getSnapshot().contents.get(name)?.rules).toHaveLength(6);
    await lists.activate(undefined);
    await lists.setDefault(undefined);
    await romeo.send(messageTo(phone.jid, "at last"));
    await settleAll(romeo, phone);
    expect(heard(phone)).toEqual(["message/chat romeo"]);
  });

  test("V04 a block: the contact sees that we are gone before it, then nothing more goes either way; a report does no harm", async () => {
    const { phone, laptop, romeo } = await pair();
    await laptop.close();
    await settleAll(romeo);
    romeo.take();
    const blocking = blocksOf(phone, [romeo.account]);
    await until(() => blocking.isCurrent);
    const before: string[] = [];
    blocking.beforeBlock((jids) => { before.push(...jids); });
    expect(await blocking.block([romeo.account], { report: { reason: "spam", text: "poems" } })).toEqual({ reported: false }); // neither server takes reports
    await settleAll(phone, romeo);
    expect(before).toEqual([romeo.account]);
    const gone = heard(romeo);
    expect(new Set(gone)).toEqual(new Set(["presence/unavailable juliet"]));
    expect(gone.length > 1).toBe(facts.takesBackOnBlock); // the server's own, beside ours
    expect(blocking.isBlocked(romeo.jid)).toBe(true);
    phone.take();

    // Nothing of his arrives; presence, messages and receipts of ours do not leave.
    await romeo.send(messageTo(phone.account, "a"), messageTo(phone.jid, "b"), presenceTo(undefined, undefined, "away"), presenceTo(phone.jid, undefined, "chat"), presenceTo(phone.account, "probe"));
    await phone.send(presenceTo(undefined, undefined, "dnd"), presenceTo(romeo.account), presenceTo(romeo.jid, undefined, "chat"), messageTo(romeo.account, "c"),
      xml("jabber:client", "message", { to: romeo.jid, id: "d" }, xml("urn:xmpp:receipts", "received", { id: "a" })));
    await settleAll(phone, romeo);
    const toPhone = heard(phone);
    expect(toPhone.filter((line) => !line.includes("error") && !line.includes("juliet"))).toEqual([]);
    expect(toPhone.filter((line) => line.startsWith("message/error"))).toHaveLength(2);
    expect(heard(romeo).filter((line) => line.includes("juliet") && !line.startsWith("message/error"))).toEqual([]);

    // He logs in again: the probe on his behalf is not answered.
    await romeo.close();
    const again = await login(romeo.account, "again");
    await settleAll(again, phone);
    expect([heard(again).filter((line) => line.includes("juliet")), heard(phone)]).toEqual([[], []]);

    await blocking.unblock([romeo.account]);
    await settleAll(phone, again);
    expect(heard(again).filter((line) => line.includes("juliet")).length > 0).toBe(facts.showsAgainOnUnblock);
    await phone.send(presenceTo(undefined, undefined, "chat"));
    await settleAll(phone, again);
    expect(heard(again)).toContain("presence juliet chat");
  });

  test("F09 blocks reach the other resource by a push; pushes of a stranger and of another device are refused and change nothing", async () => {
    const { phone, laptop, romeo } = await pair();
    const [here, there] = [blocksOf(phone), blocksOf(laptop)];
    const theirLists = listsOf(laptop);
    await until(() => here.isCurrent && there.isCurrent);
    const victim = "victim@mantua.example";
    await here.block([victim, "mantua.example", "paris@elsewhere.example/tomb"]);
    await until(() => there.getSnapshot().size === 3);
    expect([...there.getSnapshot()].sort()).toEqual([...here.getSnapshot()].sort());
    // Where blocks are a privacy list it is read again by now, perhaps twice.
    await until(() => [...theirLists.getSnapshot().contents.values()].flatMap(({ rules }) => rules).length === (facts.blocksAreTheDefaultList ? 3 : 0) && theirLists.getSnapshot().state === "current");
    for (let i = 0; i < 3; i++) await settleAll(laptop);
    const before = theirLists.getSnapshot();
    for (const liar of [romeo, phone]) {
      for (const payload of [xml("urn:xmpp:blocking", "unblock"), xml("urn:xmpp:blocking", "block", {}, xml("urn:xmpp:blocking", "item", { jid: romeo.account })), xml("jabber:iq:privacy", "query", {}, xml("jabber:iq:privacy", "list", { name: "x" }))]) {
        expect(await code(liar.iq.request({ type: "set", to: laptop.jid, payload }))).toBe("ERR_STANZA_ERROR");
      }
    }
    await settleAll(phone, laptop, romeo);
    expect(there.getSnapshot().size).toBe(3);
    expect(theirLists.getSnapshot()).toBe(before);
    await there.unblock("all");
    await until(() => here.getSnapshot().size === 0);
  });

  test("blocks and privacy lists on one account, as measured", async () => {
    const { phone, laptop, romeo } = await pair();
    await laptop.close();
    const lists = listsOf(phone);
    const blocking = blocksOf(phone, [romeo.account]);
    await blocking.block([romeo.account]);
    const { default: standard } = await lists.refresh();
    expect(standard).toBe(facts.blocksAreTheDefaultList ? "Blocked contacts" : undefined);
    if (standard !== undefined) expect(lists.getSnapshot().contents.get(standard)?.rules).toEqual([deny(romeo.account)]);
    const reaches = async (): Promise<boolean> => {
      phone.take();
      await romeo.send(messageTo(phone.jid, "hark"));
      await settleAll(romeo, phone);
      return heard(phone).includes("message/chat romeo");
    };
    expect(await reaches()).toBe(false);

    // An active list: on ejabberd it replaces the default list, and with it the blocks, unless it repeats them.
    await lists.put("open", allowAll);
    await lists.activate("open");
    expect(await reaches()).toBe(facts.blocksAreTheDefaultList);
    const replaced = await lists.replace("open", (rules) => [...[...blocking.getSnapshot()].map((each) => deny(each)), ...rules]);
    expect(await reaches()).toBe(false);
    await lists.activate(undefined);

    // Another default list: on ejabberd its rules about addresses are the block list then, and a block is put at its head.
    await lists.setDefault(replaced.name);
    await lists.put("mine", [{ action: "allow", match: { kind: "jid", jid: romeo.account } }, deny(jid("carol@mantua.example"), "message"), deny(jid("iago@mantua.example"))]);
    await lists.setDefault("mine");
    const others = facts.blocksAreTheDefaultList ? ["iago@mantua.example"] : [];
    expect([...(await blocking.refresh())].sort()).toEqual(facts.blocksAreTheDefaultList ? others : [romeo.account]);
    await blocking.block([romeo.account]);
    expect([...(await blocking.refresh())].sort()).toEqual([...others, romeo.account].sort());
    const { rules } = await lists.get("mine");
    expect(rules.slice(0, -3)).toEqual(facts.blocksAreTheDefaultList ? [deny(romeo.account)] : []);
    expect(await reaches()).toBe(false);

    // Who is unblocked by name takes no other rule along; declining the default list empties ejabberd's block list.
    await blocking.unblock([romeo.account]);
    expect((await lists.get("mine")).rules).toContainEqual(deny(jid("carol@mantua.example"), "message"));
    await blocking.block(["paris@mantua.example"]);
    await lists.setDefault(undefined);
    expect((await blocking.refresh()).size).toBe(facts.blocksAreTheDefaultList ? 0 : 1);
    await blocking.unblock("all");
  });

  test("what a list that denies presence-out swallows: everything that is shown, and where the end of the stream", async () => {
    const { phone, laptop, romeo } = await pair();
    const stranger = await login(await account("tybalt"), "duel");
    await settleAll(stranger);
    await phone.send(presenceTo(stranger.account, undefined, "chat"));
    await settleAll(phone, romeo, stranger);
    expect(heard(stranger)).toContain("presence juliet chat");
    const lists = listsOf(phone);
    await lists.put("hidden", denyAll("presence-out"));
    await lists.activate("hidden");
    await settleAll(phone, romeo, stranger);
    expect([heard(romeo), heard(stranger)]).toEqual([[], []]); // activating takes nothing back
    await phone.send(presenceTo(undefined, undefined, "away"), presenceTo(romeo.account, undefined, "dnd"), presenceTo(romeo.jid, "unavailable"), presenceTo(stranger.account, "unavailable"), messageTo(romeo.account, "m"));
    await settleAll(phone, romeo, stranger);
    expect([heard(romeo), heard(stranger)]).toEqual([["message/chat juliet"], []]);
    await romeo.send(presenceTo(phone.account, "probe"), presenceTo(phone.jid, "probe"));
    await settleAll(romeo, phone, laptop);
    expect(heard(romeo).filter((line) => !line.startsWith("presence/unavailable") && line.includes("away"))).toEqual([]);
    await phone.send(presenceTo(stranger.account, "subscribe"));
    await settleAll(phone, stranger);
    expect(heard(stranger).includes("presence/subscribe juliet")).toBe(!facts.swallowsSubscriptions);
    await phone.close();
    await settleAll(romeo, stranger, laptop);
    expect([heard(romeo), heard(stranger)]).toEqual([[], []]); // with another resource online: on both
    const alone = await login(phone.account, "phone");
    await laptop.close();
    await settleAll(alone, romeo);
    romeo.take();
    await alone.lists.activate("hidden");
    await alone.close();
    await settleAll(romeo);
    expect(heard(romeo)).toEqual(facts.finalUnavailable === "swallowed" ? [] : ["presence/unavailable juliet"]);
  });

  test("a list that denies everything: what the own account and the own server still get through, and who is judged by it", async () => {
    const { phone, laptop, romeo } = await pair();
    const lists = listsOf(phone);
    const ask = (from: WirePeer, to?: Jid): Promise<unknown> => code(from.iq.request({ type: "get", ...(to === undefined ? {} : { to }), payload: xml("http://jabber.org/protocol/disco#info", "query") }));
    await lists.put("closed", denyAll());
    await lists.activate("closed");

    // The own account: answers and pushes always come.
    expect(await ask(phone)).toBe("ok");
    await phone.iq.request({ type: "get", payload: xml("jabber:iq:roster", "query") }); // who has not asked gets no roster pushes
    phone.asked.length = 0;
    await laptop.iq.request({ type: "set", payload: xml("jabber:iq:roster", "query", {}, xml("jabber:iq:roster", "item", { jid: "nurse@mantua.example" })) });
    await phone.settle();
    expect(phone.asked.map(({ payload }) => payload.ns)).toEqual(["jabber:iq:roster"]);
    expect(await ask(phone, server.domain as Jid)).toBe(facts.judgesOwnServer ? "ERR_STANZA_ERROR" : "ok");
    await laptop.send(messageTo(phone.jid, "from laptop"));
    await phone.send(messageTo(laptop.jid, "from phone"));
    await settleAll(phone, laptop);
    for (const peer of [phone, laptop]) expect(heard(peer).includes("message/chat juliet")).toBe(!facts.stopsOwnResources);
    // The cure is a rule for the own address; it does no harm where it is not needed.
    await lists.replace("closed", (rules) => [{ action: "allow", match: { kind: "jid", jid: phone.account } }, ...rules]);
    await laptop.send(messageTo(phone.jid, "from laptop"));
    await phone.send(messageTo(laptop.jid, "from phone"));
    await settleAll(phone, laptop);
    for (const peer of [phone, laptop]) expect(heard(peer)).toContain("message/chat juliet");

    // Presence to the bare address: the resource without a list gets it where each is judged by its own. Messages go to the highest priority.
    await phone.send(presenceTo(undefined, undefined, "away"), xml("jabber:client", "presence", {}, xml("jabber:client", "priority", {}, "5")));
    await settleAll(phone, laptop, romeo);
    for (const peer of [phone, laptop, romeo]) peer.take();
    await romeo.send(messageTo(phone.account, "to all"), presenceTo(undefined, undefined, "xa"));
    await settleAll(romeo, phone, laptop);
    expect(heard(phone)).toEqual([]);
    expect(heard(laptop)).toEqual(facts.oneSessionForAll ? [] : ["presence romeo xa"]);
    expect(await ask(romeo, phone.account)).toBe(facts.answersForBareAddress ? "ok" : "ERR_STANZA_ERROR");

    // Nobody online: the default list.
    const standard = lists.getSnapshot().active as string;
    await laptop.close();
    await phone.settle();
    await lists.setDefault(standard);
    await phone.close();
    await romeo.settle();
    romeo.take();
    await romeo.send(messageTo(phone.account, "later"));
    await settleAll(romeo);
    expect(heard(romeo).some((line) => line.startsWith("message/error juliet"))).toBe(facts.defaultListHoldsOffline);
    const back = await WirePeer.connect(server, phone.account, { resource: "phone", presence: null });
    open.push(back);
    await back.lists.setDefault(undefined);
    await back.send(presenceTo());
    await settleAll(back, romeo);
    expect(heard(back).includes("message/chat romeo")).toBe(!facts.defaultListHoldsOffline);
  });

  test("an active list survives a resumed session and no other", async () => {
    const juliet = await account("juliet");
    const first = await login(juliet, "phone");
    await first.lists.put("hidden", denyAll("presence-out"));
    await first.lists.activate("hidden");
    const resumed = await WirePeer.connect(server, juliet, { resume: first.stream.session as NonNullable<typeof first.stream.session>, presence: null });
    open.push(resumed);
    expect(resumed.stream.start.kind).toBe("resumed");
    expect((await resumed.lists.lists()).active).toBe("hidden");
    await resumed.close();
    expect((await (await login(juliet, "phone")).lists.lists()).active).toBeUndefined();
  });
});
