/**
 * What a privacy list does to a stanza, as the specification says: pure, for applications that show, explain and test lists.
 * Spec: XEP-0016 #protocol-syntax, #protocol-rules. Where servers deviate: README.md of this folder.
 * @module
 */
import { domainOf, isFullJid, localOf, toBare, type BareJid, type Jid } from "../../base/jid.js";
import type { PrivacyMatch, PrivacyRule, PrivacySubscription, StanzaKind } from "../../transport/xep/xep0016.js";

/** A stanza as rules see it. */
export interface JudgedStanza {
  /**
   * What it is. `presence-in` and `presence-out` are notifications (available, unavailable) only. `other`: what only rules about everything
   * match, that is subscription stanzas in both directions, and messages and requests that go out.
   */
  readonly kind: StanzaKind | "other";
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
export function evaluate(rules: readonly PrivacyRule[], stanza: JudgedStanza, roster: PrivacyRoster, account?: BareJid): PrivacyVerdict {
  const { kind, peer } = stanza;
  if (toBare(peer) === account) return { verdict: "allow" };
  const rule = rules.findIndex(({ match, kinds }) =>
    (kinds === undefined || kinds.length === 0 || (kind !== "other" && kinds.includes(kind))) && matches(match, peer, roster));
  return rule < 0 ? { verdict: "allow" } : { verdict: (rules[rule] as PrivacyRule).action, rule };
}

function matches(match: PrivacyMatch, peer: Jid, roster: PrivacyRoster): boolean {
  switch (match.kind) {
    case "all": return true;
    case "jid": return coversJid(match.jid, peer);
    case "group": return roster(toBare(peer))?.groups.includes(match.group) ?? false;
    case "subscription": return (roster(toBare(peer))?.subscription ?? "none") === match.subscription;
  }
}

/**
 * True if what is said about `jid` holds for `peer`: an address with a resource only for itself, `user@domain` for all its resources,
 * `domain` for itself and everything there (XEP-0016 #protocol-syntax, XEP-0191 #matching).
 */
export function coversJid(jid: Jid, peer: Jid): boolean {
  if (isFullJid(jid)) return jid === peer;
  return localOf(jid) === undefined ? jid === domainOf(peer) : jid === toBare(peer);
}
