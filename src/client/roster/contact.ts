/**
 * A contact as applications see it, and what the roster as a whole looks like at one moment.
 * Spec: RFC 6121 sections 2.1.2 and 3. Threats F20, F21. Not here: how it comes about (mirror.ts, edits.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { RosterItem, Subscription } from "../../transport/xep/rfc6121-roster.js";

export type { Subscription } from "../../transport/xep/rfc6121-roster.js";

/** One entry of the roster. */
export interface Contact {
  readonly jid: BareJid;
  /** The name that the user gave them, cleaned for display (threats F20). It proves nothing: show the address beside it. */
  readonly name?: string;
  /** @internal The name as the server has it, where cleaning has changed it: it goes back with a change of the groups. Never for display. */
  readonly rawName?: string;
  /** Sorted, each once, as the server has them. */
  readonly groups: readonly string[];
  /** Who sees whose presence: `to`: we theirs; `from`: they ours. */
  readonly subscription: Subscription;
  /** We asked to see their presence, and they have not answered. */
  readonly pendingOut: boolean;
  /** They asked to see ours, and we have not answered. */
  readonly pendingIn: boolean;
  /** Their next request will be granted by the server (RFC 6121 section 3.4). */
  readonly approved: boolean;
  /** True while the server has not confirmed what is shown here. */
  readonly unconfirmed: boolean;
}

/** Somebody asks to see our presence. Nothing is granted by itself (threats F22). */
export interface SubscriptionRequest {
  readonly jid: BareJid;
  /** The nickname that the asker chose, cleaned; anybody can choose any. */
  readonly name?: string;
  /** The name could be taken for another one: it mixes scripts whose letters look alike, or uses foreign ones throughout (threats F20). False without a name. */
  readonly confusable: boolean;
  /** What the asker wrote, cleaned and shortened. */
  readonly text?: string;
  /** When it was first seen here, milliseconds since 1970. */
  readonly receivedAt: number;
}

/** The roster at one moment. */
export interface RosterSnapshot {
  /** By prepared address; unconfirmed changes of this device included. */
  readonly contacts: ReadonlyMap<BareJid, Contact>;
  /** Requests that wait for an answer, the oldest first; also from addresses that are not in the roster. */
  readonly requests: readonly SubscriptionRequest[];
  /** `cached`: what was known when the last stream ended; `synchronized`: what the server says. */
  readonly freshness: "cached" | "synchronized";
}

/** One confirmed change. */
export interface RosterChange {
  readonly jid: BareJid;
  /** Absent: was not in the roster. */
  readonly before?: Contact;
  /** Absent: is not in the roster any more. */
  readonly after?: Contact;
  /** `here`: a change that this client asked for. */
  readonly by: "server" | "here";
}

/** A contact of whom nothing is known but the address. */
export const blankContact = (jid: BareJid): Contact => ({
  jid, groups: [], subscription: "none", pendingOut: false, pendingIn: false, approved: false, unconfirmed: false,
});

/** An item of the roster as a confirmed contact; requests are not part of it. */
export function contactOf(item: RosterItem): Contact {
  const { jid, name, rawName, groups, subscription, ask, approved } = item;
  return { jid, ...(name === undefined ? {} : { name }), ...(rawName === undefined ? {} : { rawName }), groups, subscription, pendingOut: ask, pendingIn: false, approved, unconfirmed: false };
}

/** True if the server says the same of both. */
export function sameContact(a: Contact | undefined, b: Contact | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.name === b.name && a.rawName === b.rawName && a.subscription === b.subscription && a.pendingOut === b.pendingOut && a.approved === b.approved && sameGroups(a.groups, b.groups);
}

/** Both sorted. */
export function sameGroups(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((group, i) => group === b[i]);
}
