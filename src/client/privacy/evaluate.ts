/**
 * What a privacy list does to a stanza, as the specification says: pure, for applications that show, explain and test lists.
 * Spec: XEP-0016 #protocol-syntax, #protocol-rules. Not here: where servers deviate (measured.ts), which rules are judged (evaluator.ts).
 * @module
 */
import { domainOf, isFullJid, localOf, toBare, type BareJid, type Jid } from "../../base/jid.js";
import type { PrivacyMatch, PrivacyRule, PrivacySubscription, StanzaKind } from "../../transport/xep/xep0016.js";

/**
 * What a stanza is to a list. `message` and `iq` are those that come in; `presence-in` and `presence-out` are notifications (available,
 * unavailable) only. The others have no name in the specification: by it, only rules about everything match them. Servers see that
 * differently, so each has a name here.
 */
export type JudgedKind = StanzaKind | "message-out" | "iq-out" | "subscription-in" | "subscription-out";

/** A stanza as rules see it. */
export interface JudgedStanza {
  readonly kind: JudgedKind;
  /** Who sent it, or whom it goes to. */
  readonly peer: Jid;
}

/** What rules about groups and subscriptions need to know of a contact; `undefined` for everybody who is not in the roster. */
export type PrivacyRoster = (jid: BareJid) => { readonly subscription: PrivacySubscription; readonly groups: readonly string[] } | undefined;

/** What becomes of it. `rule`: position of the rule that decided; absent if none matched and it passes for that. */
export interface PrivacyVerdict {
  readonly verdict: "allow" | "deny";
  readonly rule?: number;
}

/**
 * What `rules` do to `stanza`: the first rule that matches decides, and without one it passes. Stanzas among the resources of `account`
 * always pass, if `account` is given.
 */
export function evaluate(rules: readonly PrivacyRule[], { kind, peer }: JudgedStanza, roster: PrivacyRoster, account?: BareJid): PrivacyVerdict {
  if (toBare(peer) === account) return { verdict: "allow" };
  return firstMatch(rules, ({ match, kinds }) => isAboutKind(kinds, kind) && isAboutPeer(match, peer, roster));
}

/** The first of `rules` that matches decides (#protocol-rules, 6 and 7). */
export function firstMatch(rules: readonly PrivacyRule[], matches: (rule: PrivacyRule) => boolean): PrivacyVerdict {
  const rule = rules.findIndex(matches);
  return rule < 0 ? { verdict: "allow" } : { verdict: (rules[rule] as PrivacyRule).action, rule };
}

/** True if a rule with these kinds is about a stanza of this one; without any it is about everything. */
export function isAboutKind(kinds: PrivacyRule["kinds"], kind: JudgedKind): boolean {
  return kinds === undefined || kinds.length === 0 || (kinds as readonly JudgedKind[]).includes(kind);
}

/** True if `peer` is one of those whom `match` names. */
export function isAboutPeer(match: PrivacyMatch, peer: Jid, roster: PrivacyRoster): boolean {
  switch (match.kind) {
    case "all": return true;
    case "jid": return coversJid(match.jid, peer);
    case "group": return roster(toBare(peer))?.groups.includes(match.group) ?? false;
    case "subscription": return (roster(toBare(peer))?.subscription ?? "none") === match.subscription;
  }
}

/**
 * True if what is said about `jid` holds for `peer`: an address with a resource only for itself, `user@domain` for all its resources,
 * `domain` for itself and everything there (XEP-0016 #protocol-syntax, XEP-0191 #matching). XEP-0016 adds subdomains; XEP-0191 and both
 * servers do not, and neither is it done here: a rule that seems to protect and does not is worse than one more rule.
 */
export function coversJid(jid: Jid, peer: Jid): boolean {
  if (isFullJid(jid)) return jid === peer;
  return localOf(jid) === undefined ? jid === domainOf(peer) : jid === toBare(peer);
}
