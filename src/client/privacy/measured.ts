/**
 * Where servers do otherwise than XEP-0016 says, as data, and what a list does to a stanza there. Measured on Prosody 0.12.3 with
 * mod_privacy_lists and on ejabberd 23.01 with mod_privacy; other versions may differ. test/client/privacy-evaluator.node.test.ts holds it
 * against both: what is not in this list agrees with the specification, and each entry is needed.
 * Not here: what a single stanza does not show, as whose list is judged and what lists swallow at the end of a session: README.md.
 * @module
 */
import { domainOf, isFullJid, localOf, resourceOf, toBare, type BareJid, type Jid } from "../../base/jid.js";
import type { PrivacyRule } from "../../transport/xep/xep0016.js";
import { firstMatch, isAboutKind, isAboutPeer, type JudgedKind, type JudgedStanza, type PrivacyRoster, type PrivacyVerdict } from "./evaluate.js";

/** A server whose behaviour was measured: Prosody 0.12.3 with mod_privacy_lists, ejabberd 23.01 with mod_privacy. */
export type MeasuredServer = "prosody" | "ejabberd";

/** All of them. */
export const measuredServers: readonly MeasuredServer[] = ["prosody", "ejabberd"];

/** One way in which servers deviate. Each function answers `undefined` where they do as specified. */
export interface Deviation {
  readonly id: string;
  readonly servers: readonly MeasuredServer[];
  /** True for what is let through before any rule is looked at, false for what is judged although it should pass. */
  readonly passes?: (stanza: JudgedStanza, account: BareJid | undefined) => boolean | undefined;
  /** Whether a rule with these kinds is about a stanza of this one. */
  readonly kinds?: (kinds: readonly string[], kind: JudgedKind) => boolean | undefined;
  /** Whether a rule is about `peer`. */
  readonly peer?: (match: PrivacyRule["match"], peer: Jid) => boolean | undefined;
}

const withoutLocal = (peer: Jid): string => `${domainOf(peer)}/${resourceOf(peer) ?? ""}`;
/** What a server makes of an address when it looks for a rule about it, but for the full address with a local part. */
const wider = (peer: Jid): readonly string[] => [toBare(peer), domainOf(peer), ...(isFullJid(peer) ? [withoutLocal(peer)] : [])];

export const deviations: readonly Deviation[] = [
  {
    // Rules about messages and requests are applied to those that go out, too: whoever denies messages sends none either.
    id: "outgoing", servers: ["prosody"],
    kinds: (kinds, kind) => (kind === "message-out" ? kinds.includes("message") : kind === "iq-out" ? kinds.includes("iq") : undefined),
  },
  {
    // Rules about presence are applied to subscription stanzas, too.
    id: "subscriptions", servers: ["prosody"],
    kinds: (kinds, kind) => (kind === "subscription-in" ? kinds.includes("presence-in") : kind === "subscription-out" ? kinds.includes("presence-out") : undefined),
  },
  {
    // domain/resource is taken for that resource of everybody at the domain.
    id: "domain-resource", servers: ["prosody", "ejabberd"],
    peer: (match, peer) => (match.kind === "jid" && localOf(match.jid) === undefined && isFullJid(match.jid) && isFullJid(peer)
      ? match.jid === withoutLocal(peer) : undefined),
  },
  {
    // Subscription stanzas that go out pass without a look at the list.
    id: "subscriptions-out", servers: ["ejabberd"],
    passes: ({ kind }) => (kind === "subscription-out" ? true : undefined),
  },
  {
    // A group whose name is an address is taken for that address, unless it is a full one.
    id: "group-address", servers: ["prosody"],
    peer: (match, peer) => (match.kind === "group" && wider(peer).includes(match.group) ? true : undefined),
  },
  {
    // Other resources of the own account are judged like anybody else: a list that denies everything keeps them apart. The bare address passes.
    id: "own-resources", servers: ["ejabberd"],
    passes: ({ peer }, account) => (isFullJid(peer) && toBare(peer) === account ? false : undefined),
  },
  {
    // What goes to the own server or comes from it passes without a look at the list.
    id: "own-server", servers: ["ejabberd"],
    passes: ({ peer }, account) => (account !== undefined && localOf(peer) === undefined && domainOf(peer) === domainOf(account) ? true : undefined),
  },
];

/** What {@link evaluateMeasured} needs beside rules and stanza. */
export interface MeasuredBy {
  readonly server: MeasuredServer;
  readonly roster: PrivacyRoster;
  readonly account?: BareJid | undefined;
}

/** What `rules` do to `stanza` on a server as it was measured; `known`: the deviations that are taken into account. */
export function evaluateMeasured(
  rules: readonly PrivacyRule[], stanza: JudgedStanza, { server, roster, account }: MeasuredBy, known: readonly Deviation[] = deviations,
): PrivacyVerdict {
  const { kind, peer } = stanza;
  const own = known.filter(({ servers }) => servers.includes(server));
  if (firstWord(own, ({ passes }) => passes?.(stanza, account)) ?? toBare(peer) === account) return { verdict: "allow" };
  return firstMatch(rules, ({ match, kinds }) =>
    (firstWord(own, (each) => (kinds === undefined || kinds.length === 0 ? undefined : each.kinds?.(kinds, kind))) ?? isAboutKind(kinds, kind))
    && (firstWord(own, (each) => each.peer?.(match, peer)) ?? isAboutPeer(match, peer, roster)));
}

/** What the first deviation says that has something to say: they stand in the order in which a server looks. */
function firstWord(own: readonly Deviation[], ask: (deviation: Deviation) => boolean | undefined): boolean | undefined {
  for (const each of own) {
    const word = ask(each);
    if (word !== undefined) return word;
  }
  return undefined;
}
