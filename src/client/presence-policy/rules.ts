/**
 * The rules of a presence policy as an application writes them and as they are kept: who may see what, at most, and when.
 * Not here: what the rules come to at a moment (moment.ts, compile.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { type BareJid, parseBareJid } from "../../base/jid.js";
import { isXmlText } from "../../base/xml.js";
import { policyChoicesMax, policyRulesMax, statusLengthMax } from "../../base/limits.js";
import { quoted } from "../quoted.js";
import { type TimeWindow, timeWindow } from "../time-window.js";
import { levels, type Level } from "./levels.js";

/** When a rule holds; of several conditions all must hold. */
export interface Condition {
  readonly between?: TimeWindow | undefined;
  /** The user is idle, as told by `setContext({ idleSince })`: at all, or for at least that many milliseconds. */
  readonly idle?: true | { readonly afterMs: number } | undefined;
  /** The user is in a call, as told by `setContext({ inCall })`. */
  readonly inCall?: true | undefined;
}

/** What may be seen, at most. `status` is shown to whom our own level is not shown unlowered; our own text is not. */
export interface LevelRule {
  readonly level: Level;
  readonly status?: string | undefined;
}

/** One of several: the first one whose `when` holds counts. */
export interface ConditionalRule extends LevelRule {
  readonly when?: Condition | undefined;
}

/** A level, a level with a text, or several of which the last has no `when`. */
export type Rule = Level | LevelRule | readonly ConditionalRule[];

/**
 * Who may see what, at most: nobody sees more than we say of ourselves, nor more than his rule. A contact of his own rule beats groups; of several
 * groups with rules the most restrictive one counts; `others` is for contacts without any. Whoever is not allowed to see our presence at all sees nothing.
 */
export interface PolicyRules {
  readonly groups?: Readonly<Record<string, Rule>> | undefined;
  /** By bare address. */
  readonly contacts?: Readonly<Record<string, Rule>> | undefined;
  readonly others: Rule;
}

/** Rules that were read: no names that could be anything but names (threats H04). */
export interface RuleBook {
  readonly groups: ReadonlyMap<string, readonly ConditionalRule[]>;
  readonly contacts: ReadonlyMap<BareJid, readonly ConditionalRule[]>;
  readonly others: readonly ConditionalRule[];
}

function invalid(what: string): never {
  throw new UsageError("ERR_INVALID_ARGUMENT", `a presence policy with ${what}`);
}

type Fields = Readonly<Record<string, unknown>>;

/** An object with no field but `known`: a rule that is only half understood could show too much. */
function fields(value: unknown, known: readonly string[]): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) invalid(`something else where an object with ${known.join(", ")} belongs`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) invalid(`an unknown field ${quoted(unknown)}: there may be ${known.join(", ")}`);
  return value as Fields;
}

/** @throws UsageError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_JID` */
export function readRules(value: unknown): RuleBook {
  const { groups, contacts, others } = fields(value, ["groups", "contacts", "others"]);
  const byContact = new Map<BareJid, readonly ConditionalRule[]>();
  for (const [text, rule] of entries(contacts)) {
    const jid = parseBareJid(text);
    if (jid === undefined || text.includes("/")) throw new UsageError("ERR_INVALID_JID", `a presence policy with a contact that is not a bare XMPP address: ${quoted(text)}`);
    if (byContact.has(jid)) invalid(`two rules for one contact, written in two ways: ${quoted(text)}`);
    byContact.set(jid, readRule(rule));
  }
  return { groups: new Map(entries(groups).map(([group, rule]) => [group, readRule(rule)])), contacts: byContact, others: readRule(others) };
}

function entries(value: unknown): [string, unknown][] {
  if (value === undefined) return [];
  // Of those Object.entries() sees nothing, and everybody would fall under `others`.
  if (typeof value !== "object" || value === null || value instanceof Map || Array.isArray(value)) invalid("something else where an object of rules by name belongs");
  const all = Object.entries(value);
  if (all.length > policyRulesMax) invalid("too many rules");
  return all;
}

function readRule(rule: unknown): readonly ConditionalRule[] {
  if (typeof rule === "string") return [readChoice({ level: rule })];
  if (!Array.isArray(rule)) return [readChoice(rule, false)];
  const choices = (rule as unknown[]).map((each) => readChoice(each));
  if (choices.length === 0 || choices.length > policyChoicesMax) invalid("no choice, or too many");
  if (choices.some(({ when }, i) => (when === undefined) !== (i === choices.length - 1))) invalid("a last choice under a condition, or another one without");
  return choices;
}

function readChoice(value: unknown, conditional = true): ConditionalRule {
  const { level, status, when } = fields(value, conditional ? ["level", "status", "when"] : ["level", "status"]);
  const known = levels.find((each) => each === level);
  if (known === undefined) invalid(unknownLevel(level));
  if (status !== undefined && (typeof status !== "string" || !isXmlText(status) || status.length > statusLengthMax)) invalid("an impossible status");
  return { level: known, ...(status === undefined || status === "" ? {} : { status }), ...(when === undefined ? {} : { when: readCondition(when) }) };
}

function readCondition(value: unknown): Condition {
  const { between, idle, inCall } = fields(value, ["between", "idle", "inCall"]);
  if (between === undefined && idle === undefined && inCall === undefined) invalid("an empty condition");
  if (inCall !== undefined && inCall !== true) invalid("an impossible condition");
  return {
    ...(between === undefined ? {} : { between: timeWindow(fields(between, ["from", "until", "days", "timeZone"])) }),
    ...(idle === undefined ? {} : { idle: readIdle(idle) }),
    ...(inCall === undefined ? {} : { inCall }),
  };
}

function readIdle(idle: unknown): true | { readonly afterMs: number } {
  if (idle === true) return true;
  const { afterMs } = fields(idle, ["afterMs"]);
  if (typeof afterMs !== "number" || !Number.isFinite(afterMs) || afterMs < 0) invalid("an impossible condition");
  return { afterMs };
}

/** What to say of a level that there is not; `dnd` is what the same thing is called in presence. */
export const unknownLevel = (level: unknown): string => {
  const which = level === undefined ? "no level" : `an unknown level${typeof level === "string" ? ` ${quoted(level)}` : ""}`;
  return `${which}: the levels are ${levels.join(", ")}${level === "dnd" ? '; what presence calls "dnd" is "busy" here' : ""}`;
};

/**
 * The rules as they were written, in a copy that nobody changes any more: to be kept and to be read back. What they are read as is read from the copy.
 * @throws UsageError as {@link readRules}
 */
export function keptRules(value: unknown): { readonly rules: PolicyRules; readonly book: RuleBook } {
  readRules(value); // first: a copy leaves out what cannot be written down, and that may be the mistake
  const rules = frozen(JSON.parse(JSON.stringify(value))) as PolicyRules;
  return { rules, book: readRules(rules) };
}

function frozen(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const each of Object.values(value)) frozen(each);
  return Object.freeze(value);
}
