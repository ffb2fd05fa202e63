/**
 * The contact policy, checked and evaluated: a pure function of the rules, the person and the time.
 * Threats V03, H04. Not here: who is who (gate.ts), what follows from it (receive/).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { type BareJid, parseJid, isFullJid } from "../../base/jid.js";
import { contactRulesMax } from "../../base/limits.js";
import { timeWindow, windowTest, type WindowTest } from "../time-window.js";
import type { Channel, ContactRules, Reach, ReachReport, Relation, Timed, TimedRule } from "./types.js";

/** Somebody, as the rules see him. */
export interface Person {
  readonly jid: BareJid;
  readonly relation: Relation;
  /** His groups in the roster. */
  readonly groups: readonly string[];
}

type Verdict = Reach | "separate" | boolean;

/** What is said about each channel, checked. */
type Circle = Readonly<Partial<Record<Channel, Timed<Verdict>>>>;

interface PreparedRule {
  readonly holds: WindowTest | undefined;
  readonly then: Verdict;
}

/** A circle, ready to be asked. */
type PreparedCircle = ReadonlyMap<string, readonly PreparedRule[]>;

/** The rules, ready to be asked. */
export interface PreparedRules {
  /** As they were handed in: plain data, nothing else left in. */
  readonly source: ContactRules;
  readonly contacts: PreparedCircle;
  readonly groups: ReadonlyMap<string, PreparedCircle>;
  readonly people: ReadonlyMap<string, PreparedCircle>;
  readonly strangers: PreparedCircle;
}

const reaches: readonly Verdict[] = ["notify", "quiet", "ignore"];
const flags: readonly Verdict[] = [true, false];
const channels: Readonly<Record<Channel, readonly Verdict[]>> = { message: reaches, call: reaches, file: reaches, typing: flags, receipts: flags };
const strangersChannels: Readonly<Partial<Record<Channel, readonly Verdict[]>>> = { message: [...reaches, "separate"], call: reaches, file: reaches };

/** Where no rule says anything: contacts as always; messages of strangers are shown, and nothing of theirs rings. */
const contactDefaults: Readonly<Record<Channel, Verdict>> = { message: "notify", call: "notify", file: "notify", typing: true, receipts: true };
const strangerDefaults: Readonly<Record<Channel, Verdict>> = { message: "notify", call: "quiet", file: "quiet", typing: false, receipts: false };
const nothing: Readonly<Record<Channel, Verdict>> = { message: "ignore", call: "ignore", file: "ignore", typing: false, receipts: false };

/** Less to more restrictive. */
const order: readonly Verdict[] = [true, "notify", "quiet", "separate", "ignore", false];

/**
 * Checks rules from outside, an application or a stored record. Unknown fields are an error: a misspelt rule must not be a missing one.
 * @throws UsageError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_JID`
 */
export function prepareRules(value: unknown): PreparedRules {
  const { contacts, groups, people, strangers } = fieldsOf(value, ["contacts", "groups", "people", "strangers"]);
  const checked = {
    contacts: circle(contacts, channels), strangers: circle(strangers, strangersChannels),
    groups: named(groups, (name) => name), people: named(people, address),
  };
  return {
    contacts: prepared(checked.contacts), strangers: prepared(checked.strangers),
    groups: preparedByName(checked.groups), people: preparedByName(checked.people),
    source: {
      ...(contacts === undefined ? {} : { contacts: checked.contacts }), ...(groups === undefined ? {} : { groups: checked.groups }),
      ...(people === undefined ? {} : { people: checked.people }), ...(strangers === undefined ? {} : { strangers: checked.strangers }),
    } as ContactRules,
  };
}

/** What `rules` say about everything that `person` may do at `now`, in milliseconds since 1970. */
export function reachOf(rules: PreparedRules | undefined, person: Person, now: number): ReachReport {
  const of = (channel: Channel): Verdict => verdict(rules, person, channel, now);
  return {
    jid: person.jid, relation: person.relation, message: of("message") as ReachReport["message"],
    call: of("call") as Reach, file: of("file") as Reach, typing: of("typing") as boolean, receipts: of("receipts") as boolean,
  };
}

function verdict(rules: PreparedRules | undefined, { jid, relation, groups }: Person, channel: Channel, now: number): Verdict {
  if (relation === "blocked") return nothing[channel];
  if (relation === "own") return contactDefaults[channel];
  const stranger = relation === "stranger";
  // Whatever is written for a person or a group: to a stranger nothing is told (threats V03).
  if (stranger && (channel === "typing" || channel === "receipts")) return false;
  const person = ruled(rules?.people.get(jid), channel, now);
  if (person !== undefined) return person;
  const ofGroups = groups.map((group) => ruled(rules?.groups.get(group), channel, now)).filter((each) => each !== undefined);
  if (ofGroups.length > 0) return ofGroups.reduce((a, b) => (order.indexOf(b) > order.indexOf(a) ? b : a));
  const [circle, defaults] = stranger ? [rules?.strangers, strangerDefaults] : [rules?.contacts, contactDefaults];
  return ruled(circle, channel, now) ?? defaults[channel];
}

const ruled = (circle: PreparedCircle | undefined, channel: Channel, now: number): Verdict | undefined =>
  circle?.get(channel)?.find(({ holds }) => holds === undefined || holds(now))?.then;

function circle(value: unknown, allowed: Readonly<Partial<Record<Channel, readonly Verdict[]>>>): Circle {
  const names = Object.keys(allowed) as readonly Channel[];
  const fields = fieldsOf(value ?? {}, names);
  const found: Partial<Record<Channel, Timed<Verdict>>> = {};
  for (const name of names) {
    const given = fields[name];
    if (given !== undefined) found[name] = timed(given, allowed[name] as readonly Verdict[]);
  }
  return found;
}

function timed(value: unknown, allowed: readonly Verdict[]): Timed<Verdict> {
  if (!Array.isArray(value)) return oneOf(value, allowed);
  const rules = value.map((each: unknown) => {
    const { between, then } = fieldsOf(each, ["between", "then"]);
    return { ...(between === undefined ? {} : { between: timeWindow(between) }), then: oneOf(then, allowed) };
  });
  if (rules.length > contactRulesMax) throw malformed("a list of rules is too long");
  if (rules.length === 0 || rules.findIndex(({ between }) => between === undefined) !== rules.length - 1) {
    throw malformed("of a list of rules exactly the last one has no window");
  }
  return rules;
}

const prepared = (rules: Circle): PreparedCircle =>
  new Map(Object.entries(rules).map(([channel, rule]) => [channel, (typeof rule === "object" ? rule : [{ then: rule }]).map(preparedRule)]));

const preparedRule = ({ between, then }: TimedRule<Verdict>): PreparedRule =>
  ({ holds: between === undefined ? undefined : windowTest(between), then });

/** Keys from outside go into a map (threats H04). */
const preparedByName = (circles: Readonly<Record<string, Circle>>): ReadonlyMap<string, PreparedCircle> =>
  new Map(Object.entries(circles).map(([name, rules]) => [name, prepared(rules)]));

function oneOf(value: unknown, allowed: readonly Verdict[]): Verdict {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw malformed("a rule of the contact policy has a value that it cannot have");
  return found;
}

function named(value: unknown, key: (name: string) => string): Readonly<Record<string, Circle>> {
  const entries = Object.entries(asObject(value ?? {}));
  if (entries.length > contactRulesMax) throw malformed("the contact policy names too many groups or people");
  const circles = new Map(entries.map(([name, rules]) => [key(name), circle(rules, channels)]));
  if (circles.size < entries.length) throw malformed("the contact policy names somebody twice, in two ways of writing an address");
  return Object.fromEntries(circles);
}

function address(text: string): BareJid {
  const jid = parseJid(text);
  if (jid === undefined || isFullJid(jid)) throw new UsageError("ERR_INVALID_JID", "the contact policy names somebody by something that is no bare address");
  return jid;
}

function fieldsOf<N extends string>(value: unknown, names: readonly N[]): Readonly<Partial<Record<N, unknown>>> {
  const object = asObject(value);
  if (Object.keys(object).some((name) => !(names as readonly string[]).includes(name))) throw malformed("the contact policy holds something that is no rule");
  return object as Readonly<Partial<Record<N, unknown>>>;
}

function asObject(value: unknown): object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed("the contact policy is made of objects");
  return value;
}

const malformed = (what: string): UsageError => new UsageError("ERR_INVALID_ARGUMENT", what);
