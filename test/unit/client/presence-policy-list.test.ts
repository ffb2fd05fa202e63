/**
 * The privacy list that a policy makes, judged by the evaluator of the specification and by what was measured on the servers: presence goes to whom the
 * policy names and to nobody else who could see us, and everything else is as the account's default list has it. Threats V01.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BareJid, bareJid, domainOf, parseJid } from "../../../src/base/jid.js";
import { type Circumstances, compile, seesUs, verdict } from "../../../src/client/presence-policy/compile.js";
import { effective } from "../../../src/client/presence-policy/effective.js";
import type { Target } from "../../../src/client/presence-policy/plan.js";
import { type PolicyRules, readRules } from "../../../src/client/presence-policy/rules.js";
import { evaluate, type JudgedKind } from "../../../src/client/privacy/evaluate.js";
import { evaluateMeasured, type MeasuredServer, measuredServers } from "../../../src/client/privacy/measured.js";
import type { Contact, Subscription } from "../../../src/client/roster/contact.js";
import { type PrivacyMatch, type PrivacyRule, type StanzaKind, stanzaKinds, subscriptions } from "../../../src/transport/xep/xep0016.js";

const account = bareJid("romeo@verona.example");
const [ann, bob, cid, gateway, behind] = ["ann@x.example", "bob@x.example", "cid@y.example", "gw.example", "dora@gw.example"].map((jid) => bareJid(jid)) as [BareJid, BareJid, BareJid, BareJid, BareJid];
const stranger = bareJid("eve@x.example");
const spam = bareJid("spam@gw.example");
const everyone: readonly BareJid[] = [ann, bob, cid, gateway, behind, stranger, spam];

const contact = (jid: BareJid, subscription: Subscription, ...groups: readonly string[]): Contact =>
  ({ jid, groups, subscription, pendingIn: false, pendingOut: false, approved: false, unconfirmed: false });
const rule = (action: "allow" | "deny", match: PrivacyMatch, ...kinds: readonly StanzaKind[]): PrivacyRule => ({ action, match, ...(kinds.length === 0 ? {} : { kinds }) });
const all: PrivacyMatch = { kind: "all" };
const group = (name: string): PrivacyMatch => ({ kind: "group", group: name });
const address = (jid: string): PrivacyMatch => ({ kind: "jid", jid: bareJid(jid) });

const under = (standard: readonly PrivacyRule[], contacts: readonly Contact[], rules: PolicyRules = { others: "available" }): Circumstances => ({
  account, book: readRules(rules), moment: { now: 0, inCall: false, idleSince: undefined }, override: undefined, own: { kind: "available", show: "available" },
  contacts: () => contacts, standard, lists: true, edition: 0,
});

const rosterOf = (contacts: readonly Contact[]) => (jid: BareJid): Contact | undefined => contacts.find((each) => each.jid === jid);
/** What becomes of a stanza: by the specification, or on a server as it was measured. */
function judge(rules: readonly PrivacyRule[], contacts: readonly Contact[], kind: JudgedKind, jid: BareJid, server?: MeasuredServer): "allow" | "deny" {
  const [roster, peer] = [rosterOf(contacts), parseJid(kind === "presence-out" ? jid : `${jid}/there`) ?? jid];
  return server === undefined ? evaluate(rules, { kind, peer }, roster, account).verdict : evaluateMeasured(rules, { kind, peer }, { server, roster, account }).verdict;
}
const reached = ({ rules }: Target, contacts: readonly Contact[]): readonly BareJid[] =>
  contacts.filter((each) => judge(rules, contacts, "presence-out", each.jid) === "allow" && seesUs(each)).map(({ jid }) => jid);

const friends: readonly Contact[] = [contact(ann, "both", "Friends"), contact(bob, "both", "Work"), contact(cid, "from", "Friends")];

describe("a default list that denies many at once, behind those whom it allows", () => {
  test.each<[string, readonly PrivacyRule[], readonly BareJid[]]>([
    ["a group, and nobody else", [rule("allow", group("Friends")), rule("deny", all)], [ann, cid]],
    ["one of a domain", [rule("allow", address(ann)), rule("deny", address("x.example"))], [ann, cid]],
    ["who sees us and is seen", [rule("allow", { kind: "subscription", subscription: "both" }), rule("deny", all, "presence-out")], [ann, bob]],
    ["a block before it", [rule("deny", address(ann)), rule("allow", group("Friends")), rule("deny", all)], [cid]],
    ["nobody at all", [rule("deny", all)], []],
  ])("V01 %s: our presence reaches just these, and the policy says so", (_what, standard, visible) => {
    const c = under(standard, friends);
    const target = compile(c);
    expect(reached(target, friends)).toEqual(visible);
    const said = friends.filter(({ jid }) => verdict(c, jid, rosterOf(friends)(jid)).level === "available").map(({ jid }) => jid);
    expect(said).toEqual(visible);
  });

  test("V01 what is said to be shown exactly is let through", () => {
    const c = under([rule("allow", group("Friends")), rule("deny", all)], friends);
    const target = compile(c);
    const { shown } = effective(c, ann, friends[0], { target, shownTo: () => target.broadcast });
    expect([shown, judge(target.rules, friends, "presence-out", ann)]).toEqual(["exact", "allow"]);
  });

  test.each([undefined, ...measuredServers])("V01 messages to those whom it allows go out, and nobody else's come in; %s", (server) => {
    const { rules } = compile(under([rule("allow", group("Friends")), rule("deny", all)], friends));
    const verdicts = (["message", "message-out", "iq-out"] as const).map((kind) => [ann, bob].map((jid) => judge(rules, friends, kind, jid, server)).join());
    expect(verdicts).toEqual(["allow,deny", "allow,deny", "allow,deny"]);
  });
});

test("V01 blocks stand before everything that a policy allows", () => {
  const { rules } = compile(under([rule("deny", address(spam)), rule("deny", address(bob)), rule("allow", group("Friends")), rule("deny", all)], friends));
  expect(rules.slice(1, 3)).toEqual([rule("deny", address(spam)), rule("deny", address(bob))]);
  expect(rules[3]).toEqual(rule("allow", address(ann), "presence-out"));
});

test("V01 a gateway that may see us lets nobody through behind it who is hidden, or whom the default list denies", () => {
  const contacts = [contact(gateway, "both"), contact(behind, "both")];
  const standard = [rule("allow", group("Friends")), rule("deny", address(spam)), rule("deny", address("x.example"))];
  const { rules } = compile(under(standard, contacts, { contacts: { [behind]: "offline" }, others: "available" }));
  expect([gateway, behind, spam].map((jid) => judge(rules, contacts, "presence-out", jid))).toEqual(["allow", "deny", "deny"]);
});

test("V01 whose presence the default list keeps from us is treated like one who does not tell when he comes", () => {
  const { blind } = compile(under([rule("deny", address(ann), "presence-in")], friends));
  expect([...blind]).toEqual([ann, cid]);
});

const someMatch: fc.Arbitrary<PrivacyMatch> = fc.oneof(
  fc.constant(all), fc.constantFrom("Friends", "Work").map(group), fc.constantFrom(...everyone, "x.example").map(address),
  fc.constantFrom(...subscriptions).map((subscription): PrivacyMatch => ({ kind: "subscription", subscription })),
);
const someRule = fc.tuple(fc.constantFrom("allow", "deny"), someMatch, fc.subarray([...stanzaKinds])).map(([action, match, kinds]) => rule(action, match, ...kinds));
const someContact = (jid: BareJid): fc.Arbitrary<readonly Contact[]> => fc.option(fc.tuple(fc.constantFrom(...subscriptions), fc.subarray(["Friends", "Work"])))
  .map((given) => (given === null ? [] : [contact(jid, given[0], ...given[1])]));
const someRoster = fc.tuple(...everyone.map(someContact)).map((each) => each.flat());
const others: readonly JudgedKind[] = ["message", "iq", "presence-in", "message-out", "iq-out", "subscription-in"];

test("V01 whatever the default list says: presence reaches whom it is meant for and nobody else who could see us; strangers and everything else stay with the default list", () => {
  // Strangers behind a gateway that may see us are let through with it: decision 0009.
  fc.assert(fc.property(fc.array(someRule, { maxLength: 6 }), someRoster, fc.constantFrom<PolicyRules>({ others: "available" }, { groups: { Work: "offline" }, others: "busy" }), (standard, contacts, rules) => {
    const target = compile(under(standard, contacts, rules));
    for (const server of [undefined, ...measuredServers]) {
      for (const jid of everyone) {
        const isSubscriber = contacts.some((each) => each.jid === jid && seesUs(each));
        const out = judge(target.rules, contacts, "presence-out", jid, server);
        if (isSubscriber) expect(out, jid).toBe(target.visible.has(jid) ? "allow" : "deny");
        else if (!target.visible.has(domainOf(jid))) expect(out, jid).toBe(judge(standard, contacts, "presence-out", jid, server));
        for (const kind of others) expect(judge(target.rules, contacts, kind, jid, server), `${kind} ${jid}`).toBe(judge(standard, contacts, kind, jid, server));
      }
    }
  }), { numRuns: 500 });
});
