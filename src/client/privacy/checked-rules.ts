/**
 * Rules and names as applications hand them in, checked before anything of them is written: a rule whose kinds nobody knows would be one about everything,
 * and an address that the server writes in another way would leave a list behind that nobody asked for.
 * Spec: XEP-0016 #protocol-syntax. Threats V02. Not here: what servers make of them (replace.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { parseJid } from "../../base/jid.js";
import { stanzaKinds, subscriptions, type PrivacyMatch, type PrivacyRule } from "../../transport/xep/xep0016.js";

/**
 * The rules with prepared addresses, nothing else left in.
 * @throws UsageError `ERR_INVALID_JID` for an address, `ERR_INVALID_ARGUMENT` for anything else that is no rule, and for no rules
 */
export function checkedRules(rules: unknown): readonly PrivacyRule[] {
  if (!Array.isArray(rules) || rules.length === 0) throw invalid("a privacy list needs a rule");
  return rules.map((rule: unknown) => {
    const { action, match, kinds } = fieldsOf(rule);
    if (action !== "allow" && action !== "deny") throw invalid("a privacy rule has an action, allow or deny");
    return { action, match: checkedMatch(match), ...(kinds === undefined ? {} : { kinds: checkedKinds(kinds) }) };
  });
}

/** For applications in JavaScript: what is no name would be one on the wire. @throws UsageError `ERR_INVALID_ARGUMENT` */
export function checkedName(name: unknown): void {
  if (typeof name !== "string" || name === "") throw invalid("a privacy list needs a name");
}

function checkedMatch(match: unknown): PrivacyMatch {
  const { kind, jid, group, subscription } = fieldsOf(match);
  if (kind === "all") return { kind };
  if (kind === "jid") {
    const prepared = typeof jid === "string" ? parseJid(jid) : undefined;
    if (prepared === undefined) throw new UsageError("ERR_INVALID_JID", "a privacy rule names somebody by something that is no XMPP address");
    return { kind, jid: prepared };
  }
  if (kind === "group" && typeof group === "string" && group !== "") return { kind, group };
  const known = subscriptions.find((each) => each === subscription);
  if (kind === "subscription" && known !== undefined) return { kind, subscription: known };
  throw invalid("a privacy rule matches all, a jid, a group or a subscription");
}

function checkedKinds(kinds: unknown): PrivacyRule["kinds"] & object {
  const given: readonly unknown[] = Array.isArray(kinds) ? kinds : [undefined];
  return given.map((kind) => {
    const known = stanzaKinds.find((each) => each === kind);
    if (known === undefined) throw invalid("a privacy rule is about message, iq, presence-in and presence-out");
    return known;
  });
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw invalid("a privacy rule and what it matches are objects");
  return value as Readonly<Record<string, unknown>>;
}

const invalid = (what: string): UsageError => new UsageError("ERR_INVALID_ARGUMENT", what);
