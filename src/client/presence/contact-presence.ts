/**
 * What is known of the presence of one address: its resources in one order that depends on nothing but what they said.
 * Spec: RFC 6121 sections 4.2.2 and 4.7.2. Threats V06. Not here: whose presence counts (presence.ts).
 * @module
 */
import type { BareJid, Jid } from "../../base/jid.js";
import { resourcesPerContactMax } from "../../base/limits.js";
import type { PresenceContent, Show } from "../../transport/xep/rfc6121-presence.js";
import type { CapsClaim } from "../../transport/xep/xep0115.js";

/** One resource that is available. `statuses`, `show` and all else are the claims of whoever runs it. */
export interface ResourcePresence extends PresenceContent {
  /** Full address; bare for gateways and other entities without resources. */
  readonly jid: Jid;
  readonly priority: number;
  /** When this presence came in, in milliseconds since the epoch. */
  readonly receivedAt: number;
  /** What it claims about its software; `client.presence.capabilities` asks what that stands for. */
  readonly caps?: CapsClaim;
}

/** The presence of one contact, merged. */
export interface ContactPresence {
  readonly jid: BareJid;
  readonly available: boolean;
  /** Best first: higher priority, then more present (`chat`, `available`, `dnd`, `away`, `xa`), then newer, then by name. At most 20. */
  readonly resources: readonly ResourcePresence[];
  /** The first of `resources`. */
  readonly best?: ResourcePresence;
  /** What the last resource said as it left. */
  readonly farewell?: Readonly<Record<string, string>>;
}

/** Somebody who is busy is there; somebody who is away is not. */
const presentness: Readonly<Record<Show, number>> = { chat: 4, available: 3, dnd: 2, away: 1, xa: 0 };

/** A resource and when it came, counted: clocks jump. */
export interface Seen {
  readonly presence: ResourcePresence;
  readonly order: number;
}

function compare({ presence: a, order: first }: Seen, { presence: b, order: second }: Seen): number {
  return b.priority - a.priority || presentness[b.show] - presentness[a.show] || second - first || (a.jid < b.jid ? -1 : 1);
}

/** The resources that are kept, best first: a contact with more than the limit is an attack or a mistake (threats V06). */
export function ranked(seen: Iterable<Seen>): readonly Seen[] {
  return [...seen].sort(compare).slice(0, resourcesPerContactMax);
}

/** What applications see of {@link ranked} resources. */
export function merged(jid: BareJid, best: readonly Seen[], farewell?: Readonly<Record<string, string>>): ContactPresence {
  const [first] = best;
  return {
    jid, available: first !== undefined, resources: best.map(({ presence }) => presence),
    ...(first === undefined ? {} : { best: first.presence }),
    ...(farewell === undefined || first !== undefined ? {} : { farewell }),
  };
}
