/** The contact policy as a function: who, how, when. */
import { expect, test } from "vitest";
import { contactRulesMax } from "../../../src/base/limits.js";
import { type Person, prepareRules, reachOf } from "../../../src/client/contact-policy/rules.js";
import type { ContactRules } from "../../../src/client/contact-policy/types.js";
import { mercutio, romeo } from "../../support/omemo-world.js";

const monday = Date.parse("2026-01-05T12:00:00Z");
const stranger: Person = { jid: mercutio, relation: "stranger", groups: [] };
const contact = (...groups: readonly string[]): Person => ({ jid: romeo, relation: "contact", groups });
const reach = (rules: ContactRules | undefined, person: Person, now = monday): ReturnType<typeof reachOf> =>
  reachOf(rules === undefined ? undefined : prepareRules(rules), person, now);

test("without rules contacts reach the user in every way, strangers' messages are delivered, and nothing of theirs rings or is answered", () => {
  expect(reach(undefined, contact())).toEqual({ jid: romeo, relation: "contact", message: "notify", call: "notify", file: "notify", typing: true, receipts: true });
  expect(reach(undefined, stranger)).toEqual({ jid: mercutio, relation: "stranger", message: "notify", call: "quiet", file: "quiet", typing: false, receipts: false });
});

test("the narrowest circle that has a rule decides: person, groups, contacts", () => {
  const rules: ContactRules = {
    contacts: { message: "quiet", call: "ignore" }, groups: { Family: { call: "notify" }, Work: { call: "quiet", file: "ignore" } },
    people: { "Romeo@example.org": { file: "notify" } },
  };
  expect(reach(rules, contact())).toMatchObject({ message: "quiet", call: "ignore", file: "notify" });
  expect(reach(rules, contact("Family"))).toMatchObject({ message: "quiet", call: "notify", file: "notify" });
  expect(reach(rules, contact("Work"))).toMatchObject({ file: "notify" });
  expect(reach(rules, { ...contact("Family"), jid: mercutio })).toMatchObject({ file: "notify" });
  expect(reach(rules, { ...contact("Work"), jid: mercutio })).toMatchObject({ file: "ignore" });
  expect(reach(rules, { ...contact("Unknown"), jid: mercutio })).toMatchObject({ call: "ignore" });
});

test("of several groups the most restrictive one holds, whatever their order", () => {
  const rules: ContactRules = { groups: { Family: { message: "notify", receipts: true }, Work: { message: "quiet", receipts: false }, Loud: { message: "ignore" } } };
  for (const groups of [["Family", "Work"], ["Work", "Family"]]) expect(reach(rules, contact(...groups))).toMatchObject({ message: "quiet", receipts: false });
  expect(reach(rules, contact("Loud", "Family", "Work"))).toMatchObject({ message: "ignore", receipts: false });
});

test("V03 V04 no rule, not even one for the person, gives receipts or typing to a stranger, or anything to somebody blocked", () => {
  const everything = { message: "notify", call: "notify", file: "notify", typing: true, receipts: true } as const;
  const rules: ContactRules = { people: { [mercutio]: everything }, contacts: everything };
  expect(reach(rules, stranger)).toMatchObject({ message: "notify", call: "notify", typing: false, receipts: false });
  expect(reach(rules, { ...stranger, relation: "blocked" })).toMatchObject({ message: "ignore", call: "ignore", file: "ignore", typing: false, receipts: false });
});

test("rules by time: the first that holds, and the last for the rest of the time", () => {
  const rules: ContactRules = {
    contacts: {
      message: [
        { between: { from: "22:00", until: "07:00", timeZone: "UTC" }, then: "quiet" },
        { between: { from: "08:00", until: "18:00", days: ["mon"], timeZone: "UTC" }, then: "ignore" },
        { then: "notify" },
      ],
    },
  };
  const then = (time: string): unknown => reach(rules, contact(), Date.parse(time)).message;
  expect([then("2026-01-05T23:00:00Z"), then("2026-01-05T09:00:00Z"), then("2026-01-06T09:00:00Z"), then("2026-01-06T06:59:59Z"), then("2026-01-06T07:00:00Z")])
    .toEqual(["quiet", "ignore", "notify", "quiet", "notify"]);
});

test("H04 groups and people named like parts of an object are names and nothing else", () => {
  const rules = prepareRules(JSON.parse('{"groups":{"__proto__":{"message":"ignore"},"constructor":{"message":"quiet"}}}'));
  expect(({} as Record<string, unknown>)["message"]).toBeUndefined();
  expect(reachOf(rules, contact("__proto__"), monday).message).toBe("ignore");
  expect(reachOf(rules, contact("constructor"), monday).message).toBe("quiet");
  expect(reachOf(rules, contact("toString"), monday).message).toBe("notify");
  expect(reachOf(prepareRules(JSON.parse(JSON.stringify(rules.source))), contact("__proto__"), monday).message).toBe("ignore");
});

test("F21 V03 rules for one person under two ways of writing his address are refused, for only one of them would hold", () => {
  const people = { "Ann@Example.org": { message: "ignore" }, "ann@example.org": { message: "notify" } };
  expect(() => prepareRules({ people })).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }));
  expect(prepareRules({ groups: people }).groups.size).toBe(2); // groups are names
});

test("H08 rules that cannot hold are refused as a whole, misspelt ones included", () => {
  const rule = { between: { from: "22:00", until: "07:00" }, then: "quiet" };
  const many = Object.fromEntries(Array.from({ length: contactRulesMax + 1 }, (_, i) => [`g${String(i)}`, {}]));
  const bad: readonly unknown[] = [
    null, [], "quiet", { contact: {} }, { contacts: { messages: "quiet" } }, { contacts: { message: "separate" } }, { contacts: { message: "loud" } }, { contacts: { receipts: "no" } },
    { strangers: { receipts: true } }, { strangers: { typing: true } }, { contacts: { message: [] } }, { contacts: { message: [rule] } }, { contacts: { message: [{ then: "quiet" }, rule] } },
    { contacts: { message: [{ then: "quiet" }, { then: "notify" }] } }, { contacts: { message: [{ ...rule, between: { from: "x", until: "07:00" } }, { then: "notify" }] } },
    { contacts: { message: [{ ...rule, when: 1 }, { then: "notify" }] } }, { groups: many }, { groups: [] }, { people: { [romeo]: { message: "separate" } } },
  ];
  for (const value of bad) expect(() => prepareRules(value), JSON.stringify(value).slice(0, 80)).toThrow(expect.objectContaining({ code: "ERR_INVALID_ARGUMENT" }));
  const asManyAsMayBe = Object.fromEntries(Object.entries(many).slice(1));
  expect(prepareRules({ groups: asManyAsMayBe }).groups.size).toBe(contactRulesMax);
  for (const name of ["", "a@b/c", "@", "a b@c"]) expect(() => prepareRules({ people: { [name]: {} } })).toThrow(expect.objectContaining({ code: "ERR_INVALID_JID" }));
});
