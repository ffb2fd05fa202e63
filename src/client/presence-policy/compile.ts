/**
 * From rules, roster and default list to what each contact may see, and to the privacy list that lets exactly these through.
 *
 * The list names addresses, never groups: another client's change of a group must not let anybody through, or shut anybody out, before
 * we have acted upon it. It leaves everybody who has no subscription to the account's default list: the server tells those nothing by itself, and Prosody
 * would keep our subscription requests and answers back as well. Whoever becomes a subscriber is shut out until he is let through.
 *
 * Spec: XEP-0016 #protocol-syntax. Threats V01. Not here: how it comes into force (plan.ts).
 * @module
 */
import { type BareJid, domainOf, isFullJid, localOf } from "../../base/jid.js";
import type { PrivacyRule, PrivacySubscription, StanzaKind } from "../../transport/xep/xep0016.js";
import type { Availability } from "../presence/announcer.js";
import { evaluate } from "../privacy/evaluate.js";
import type { Contact } from "../roster/contact.js";
import { seeOurs, seesTheirs } from "../roster/subscription.js";
import { isWithin, type Level, lower, meet, type Visible, visibleSelf } from "./levels.js";
import { choose, type Moment } from "./moment.js";
import type { Target } from "./plan.js";
import type { LevelRule, RuleBook } from "./rules.js";

/** Why somebody sees what he sees. */
export type Reason =
  | { readonly kind: "contact" | "others" | "override" | "own-availability" | "blocked" | "no-subscription" }
  | { readonly kind: "group"; readonly group: string };

/** What somebody may see at most, and why. */
export interface Verdict {
  readonly level: Level;
  readonly status?: string;
  readonly why: Reason;
}

/** Everything that the target follows from. */
export interface Circumstances {
  readonly account: BareJid;
  readonly book: RuleBook;
  readonly moment: Moment;
  readonly override: Level | undefined;
  readonly own: Availability;
  readonly contacts: () => readonly Contact[];
  /** The account's default list, which an active list replaces. */
  readonly standard: readonly PrivacyRule[];
  /** False: the server has no privacy lists. */
  readonly lists: boolean;
  /** Counts changes of what goes with every presence. */
  readonly edition: number;
}

/** True if the server shows our presence to the contact. */
export const seesUs = (contact: Contact | undefined): boolean => seeOurs(contact?.subscription);

/** The rule for a contact, before our own availability. */
export function ruleFor(c: Circumstances, jid: BareJid, groups: readonly string[]): LevelRule & { readonly why: Reason } {
  const own = c.book.contacts.get(jid);
  const byGroup = groups.flatMap((group) => {
    const choices = c.book.groups.get(group);
    return choices === undefined ? [] : [{ ...choose(choices, c.moment), why: { kind: "group", group } as const }];
  });
  const rule = own !== undefined
    ? { ...choose(own, c.moment), why: { kind: "contact" } as const }
    : byGroup.length > 0
      ? byGroup.reduce((a, b) => (isWithin(b.level, a.level) && b.level !== a.level ? b : a))
      : { ...choose(c.book.others, c.moment), why: { kind: "others" } as const };
  return c.override !== undefined && c.override !== rule.level && isWithin(c.override, rule.level) ? { level: c.override, why: { kind: "override" } } : rule;
}

/** What `contact` may see; `undefined`: nothing. */
function visibleTo(c: Circumstances, contact: Contact, self: Visible): Visible | undefined {
  const rule = ruleFor(c, contact.jid, contact.groups);
  if (rule.level === "offline" || !isOpen(c, contact)) return undefined;
  if (isWithin(self.level, rule.level)) return { ...self, edition: c.edition };
  return { level: rule.level, edition: c.edition, ...(rule.status === undefined ? {} : { statuses: { "": rule.status } }) };
}

/** True if the account's default list, blocks included, lets our presence through to the contact. */
const isOpen = (c: Circumstances, contact: Contact): boolean => isPassed(c, contact.jid, contact, "presence-out");

/** True if it does, and keeps the contact's presence from us. Who is shut out in both directions was heard through the list before. */
const isMuted = (c: Circumstances, contact: Contact): boolean => isOpen(c, contact) && !isPassed(c, contact.jid, contact, "presence-in");

const isPassed = ({ standard }: Circumstances, peer: BareJid, contact: Contact | undefined, kind: StanzaKind): boolean =>
  evaluate(standard, { kind, peer }, () => contact).verdict === "allow";

/** What should be. */
export function compile(c: Circumstances): Target {
  const self = visibleSelf(c.own);
  const visible = new Map<BareJid, Visible>();
  const blind = new Set<BareJid>();
  const hidden = new Set<BareJid>();
  const hides = [c.book.others, ...c.book.groups.values()].some((choices) => choose(choices, c.moment).level === "offline");
  for (const contact of c.contacts()) {
    if (!seesUs(contact)) continue;
    if (!seesTheirs(contact.subscription) || isMuted(c, contact)) blind.add(contact.jid);
    const seen = self === undefined ? undefined : visibleTo(c, contact, self);
    if (seen === undefined) hidden.add(contact.jid);
    else visible.set(contact.jid, seen);
  }
  const least = [...visible.values()].reduce<Visible | undefined>((a, b) => (a === undefined ? b : meet(a, b)), undefined);
  const silent = self === undefined || (!c.lists && (hides || hidden.size > 0));
  return { broadcast: silent ? undefined : least ?? { level: "xa", edition: c.edition }, visible, blind, hidden, rules: c.lists ? listFor(c, visible) : [] };
}

/** Where these are the server does not ask for us: because a list hides us from them, or because there is no first presence. */
export const unasked = (contacts: readonly Contact[], { visible, broadcast }: Target): readonly BareJid[] =>
  contacts.filter(({ jid, subscription }) => subscription === "both" && (broadcast === undefined || !visible.has(jid))).map(({ jid }) => jid);

/** What `contact` may see and why, for people. */
export function verdict(c: Circumstances, jid: BareJid, contact: Contact | undefined): Verdict {
  const self = visibleSelf(c.own);
  if (contact === undefined || !seesUs(contact)) return { level: "offline", why: { kind: "no-subscription" } };
  if (!isOpen(c, contact)) return { level: "offline", why: { kind: "blocked" } };
  const { level, status, why } = ruleFor(c, jid, contact.groups);
  if (self === undefined || (self.level !== level && isWithin(self.level, level))) {
    const text = self?.statuses?.[""];
    return { level: lower(self?.level ?? "offline", level), ...(text === undefined ? {} : { status: text }), why: level === "offline" ? why : { kind: "own-availability" } };
  }
  const text = self.level === level ? self.statuses?.[""] : status;
  return { level, ...(text === undefined || level === "offline" ? {} : { status: text }), why };
}

function listFor(c: Circumstances, visible: ReadonlyMap<BareJid, Visible>): readonly PrivacyRule[] {
  const { account, standard } = c;
  const blocks = standard.findIndex((rule) => !isBlock(rule));
  const [first, behind] = blocks < 0 ? [standard, []] : [standard.slice(0, blocks), standard.slice(blocks)];
  const out = (action: PrivacyRule["action"], match: PrivacyRule["match"]): PrivacyRule => ({ action, match, kinds: ["presence-out"] });
  const to = (action: PrivacyRule["action"], jids: Iterable<BareJid>): readonly PrivacyRule[] => [...jids].map((jid) => out(action, { kind: "jid", jid }));
  const having = (action: PrivacyRule["action"], ...subscriptions: readonly PrivacySubscription[]): readonly PrivacyRule[] =>
    subscriptions.map((subscription) => out(action, { kind: "subscription", subscription }));
  return [
    { action: "allow", match: { kind: "jid", jid: account } }, // ejabberd would keep our own devices apart otherwise
    ...first,
    ...to("deny", shutBehindGateways(c, visible)),
    // Who could see us is decided here, contact by contact. The rest of the default list comes behind it, whole: a rule of it that denies many at once would
    // hide us from all of these, and one that allows somebody everything also allows what no kind names, as messages that go out.
    ...to("allow", visible.keys()),
    ...having("deny", "from", "both"),
    ...behind,
    ...having("allow", "none", "to"),
    out("deny", { kind: "all" }),
  ];
}

/** True if the rule shuts out one address, as a block does. */
const isBlock = ({ action, match }: PrivacyRule): boolean => action === "deny" && match.kind === "jid" && localOf(match.jid) !== undefined;

/** A domain in a list stands for everybody there: who is hidden there, and whom the default list denies by his address. */
function shutBehindGateways(c: Circumstances, visible: ReadonlyMap<BareJid, Visible>): ReadonlySet<BareJid> {
  const gateways = new Set([...visible.keys()].filter((jid) => localOf(jid) === undefined));
  if (gateways.size === 0) return new Set();
  const contacts = new Map(c.contacts().map((contact) => [contact.jid, contact]));
  const denied = c.standard.flatMap(({ match }) => (match.kind === "jid" && !isFullJid(match.jid) && !isPassed(c, match.jid, contacts.get(match.jid), "presence-out") ? [match.jid] : []));
  const hidden = [...contacts.values()].filter(seesUs).map(({ jid }) => jid);
  return new Set([...hidden, ...denied].filter((jid) => localOf(jid) !== undefined && gateways.has(domainOf(jid)) && !visible.has(jid)));
}
