/**
 * Where servers do otherwise than XEP-0016 says, as data: `matches` says whether a rule is about a stanza where the specification says the
 * opposite or where the server looks at it differently; `undefined`: as specified. Whatever is not in this list must agree with the evaluator.
 * The same list in words: src/client/privacy/README.md.
 * @module
 */
import { domainOf, isFullJid, localOf, resourceOf, toBare, type BareJid, type Jid } from "../../src/base/jid.js";
import { evaluate, type JudgedStanza, type PrivacyRoster, type PrivacyVerdict } from "../../src/client/privacy/evaluate.js";
import type { PrivacyRule, StanzaKind } from "../../src/transport/xep/xep0016.js";
import type { ServerMake } from "../support/servers.js";

/** A stanza of the test, with what some servers look at. */
export interface TriedStanza extends JudgedStanza {
  readonly what: "message" | "iq" | "presence" | "subscription";
  readonly direction: "in" | "out";
  /** To our bare address, or to our full one. */
  readonly toBare?: true;
}

export interface Deviation {
  readonly id: string;
  readonly servers: readonly ServerMake["make"][];
  /** Another view of the stanza's kinds: true if one of `kinds` is about it. */
  readonly kinds?: (kinds: readonly StanzaKind[], stanza: TriedStanza) => boolean | undefined;
  /** Another view of whom a rule is about. */
  readonly peer?: (rule: PrivacyRule, peer: Jid) => boolean | undefined;
  /** True for what is let through before any rule is looked at. */
  readonly passes?: (stanza: TriedStanza) => boolean;
}

const addresses = (peer: Jid): readonly string[] => [peer, toBare(peer), domainOf(peer), ...(isFullJid(peer) ? [`${domainOf(peer)}/${resourceOf(peer) ?? ""}`] : [])];

export const deviations: readonly Deviation[] = [
  {
    id: "rules about messages and requests are applied to those that go out, too", servers: ["prosody"],
    kinds: (kinds, { what, direction }) => (direction === "out" && (what === "message" || what === "iq") ? kinds.includes(what) : undefined),
  },
  {
    id: "rules about presence are applied to subscription stanzas, too", servers: ["prosody"],
    kinds: (kinds, { what, direction }) => (what === "subscription" ? kinds.includes(`presence-${direction}`) : undefined),
  },
  {
    id: "domain/resource is taken for that resource of everybody at the domain", servers: ["prosody", "ejabberd"],
    peer: ({ match }, peer) => (match.kind === "jid" && localOf(match.jid) === undefined && isFullJid(match.jid) && isFullJid(peer) && localOf(peer) !== undefined
      ? match.jid === `${domainOf(peer)}/${resourceOf(peer) ?? ""}` : undefined),
  },
  {
    id: "subscription stanzas that go out pass without a look at the list", servers: ["ejabberd"],
    passes: ({ what, direction }) => what === "subscription" && direction === "out",
  },
  {
    id: "a group whose name is an address is taken for that address", servers: ["prosody"],
    peer: ({ match }, peer) => (match.kind === "group" && addresses(peer).includes(match.group) ? true : undefined),
  },
];

/** What `make` does, and which deviations had a say. */
export function asMeasured(
  make: ServerMake["make"], rules: readonly PrivacyRule[], stanza: TriedStanza, roster: PrivacyRoster, account: BareJid,
): PrivacyVerdict & { readonly because: readonly string[] } {
  const own = deviations.filter(({ servers }) => servers.includes(make));
  const because = new Set<string>();
  for (const { id, passes } of own) if (passes?.(stanza) === true) return { verdict: "allow", because: [id] };
  const rule = rules.findIndex((each) => {
    const { action, match, kinds } = each;
    const one = (part: Partial<PrivacyRule>): boolean => evaluate([{ action, match: { kind: "all" }, ...part }], stanza, roster, account).rule === 0;
    let byKind = kinds === undefined ? true : one({ kinds });
    let byPeer = one({ match });
    const used: string[] = [];
    for (const deviation of own) {
      const kindSays = kinds === undefined ? undefined : deviation.kinds?.(kinds, stanza);
      const peerSays = deviation.peer?.(each, stanza.peer);
      if ((kindSays ?? byKind) !== byKind || (peerSays ?? byPeer) !== byPeer) used.push(deviation.id);
      byKind = kindSays ?? byKind;
      byPeer = peerSays ?? byPeer;
    }
    const holds = byKind && byPeer;
    if (holds !== (one({ match, ...(kinds === undefined ? {} : { kinds }) }))) for (const id of used) because.add(id);
    return holds;
  });
  return rule < 0 ? { verdict: "allow", because: [...because] } : { verdict: (rules[rule] as PrivacyRule).action, rule, because: [...because] };
}
