/**
 * Presence that comes in: whose counts, and what is known from it.
 * Spec: RFC 6121 sections 4.2-4.6. Threats F22, V06, H06.
 * Counts: contacts that the server has confirmed as ones we see, addresses that we directed presence to, and our own other resources, which are
 * kept apart from all others. Not here: requests (roster/), what we say ourselves (own-presence.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { Emitter, type Unsubscribe } from "../../base/events.js";
import { type BareJid, type FullJid, type Jid, isFullJid, parseJid, toBare } from "../../base/jid.js";
import { unclaimedPresenceMax } from "../../base/limits.js";
import { isElement, type XmlElement } from "../../base/xml.js";
import { clientNamespace } from "../../transport/xep/namespaces.js";
import { decodePresence, type IncomingPresence, type PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import type { ClientEvent } from "../events.js";
import type { Subscription } from "../roster/contact.js";
import { seeOurs, seesTheirs } from "../roster/subscription.js";
import type { ResourcePresence } from "./contact-presence.js";
import { PresenceBook } from "./presence-book.js";

/** What presence needs of the roster: only what the server has confirmed. */
export interface PresenceContacts {
  confirmed(jid: BareJid): { readonly subscription: Subscription } | undefined;
  confirmedContacts(): readonly { readonly jid: BareJid; readonly subscription: Subscription }[];
  onChange(listener: (change: { readonly jid: BareJid }) => void): Unsubscribe;
}

/** A contact, or somebody we directed presence to, said that he is there. */
export interface AvailableEvent {
  /** Bare for gateways and other entities without resources. */
  readonly from: Jid;
  readonly content: PresenceContent;
  /** He was not known to be available there. */
  readonly fresh: boolean;
}

type Available = Extract<IncomingPresence, { kind: "available" }>;

export interface ContactWatchDeps {
  readonly account: BareJid;
  readonly clock: Clock;
  readonly contacts: PresenceContacts;
  /** Whether we directed presence to the address or one of its resources. */
  readonly directedTo: (jid: Jid) => boolean;
  readonly emit: (event: ClientEvent) => void;
  readonly onListenerError: (error: unknown) => void;
}

/** What is known of the presence of others, and of our own other resources. */
export class ContactWatch {
  readonly contacts: PresenceBook = new PresenceBook();
  readonly own: PresenceBook = new PresenceBook();
  readonly available: Emitter<AvailableEvent>;
  readonly unavailable: Emitter<{ readonly from: Jid }>;
  /** Told at most once per turn: at a login thousands of presences come at once. */
  readonly changes: Emitter<undefined>;
  readonly #d: ContactWatchDeps;
  readonly #unclaimed = new Map<Jid, Available>();
  #telling = false;

  constructor(deps: ContactWatchDeps) {
    this.#d = deps;
    this.available = new Emitter(deps.onListenerError);
    this.unavailable = new Emitter(deps.onListenerError);
    this.changes = new Emitter(deps.onListenerError);
    deps.contacts.onChange(({ jid }) => { this.reconsider(jid); });
  }

  /** A fresh stream: whatever was known may have ended since. */
  clear(): void {
    this.contacts.clear();
    this.own.clear();
    this.#unclaimed.clear();
    this.#changed();
  }

  /** Takes in a stanza; everything but presence without or with type `unavailable` and `error` is left to others. `self`: the address of the stream. */
  take(stanza: XmlElement, self: FullJid): void {
    if (!isElement(stanza, clientNamespace, "presence")) return;
    const presence = decodePresence(stanza);
    if (presence === undefined) {
      const from = parseJid(stanza.attrs["from"] ?? "");
      if (from !== undefined && this.#counts(from) !== "no") this.#d.emit({ kind: "malformed", what: "presence", from: toBare(from) });
    } else if (toBare(presence.from) === this.#d.account) {
      // Servers put the sender there (RFC 6120 section 8.1.2.1): nobody else can speak for our address, and what we said ourselves comes back.
      if (presence.from !== self && isFullJid(presence.from)) this.#takeOwn(presence);
    } else if (presence.kind === "available") {
      this.#takeAvailable(presence);
    } else if (presence.kind === "unavailable" || presence.kind === "error") {
      this.#takeUnavailable(presence);
    }
  }

  /** Whether this account's presence counts may have changed. */
  reconsider(jid: BareJid): void {
    if (this.#counts(jid) !== "yes") {
      const lost = this.contacts.forget(jid);
      if (lost.length > 0) this.#changed();
      for (const { jid: from } of lost) this.unavailable.emit({ from });
      return;
    }
    for (const presence of [...this.#unclaimed.values()]) {
      if (toBare(presence.from) !== jid) continue;
      this.#unclaimed.delete(presence.from);
      this.#takeAvailable(presence);
    }
  }

  #takeOwn(presence: IncomingPresence): void {
    if (presence.kind === "available") this.own.put(this.#resource(presence));
    else if (presence.kind === "unavailable") this.own.remove(presence.from);
    this.#changed();
  }

  #takeAvailable(presence: Available): void {
    const { from, content } = presence;
    const counts = this.#counts(from);
    if (counts !== "yes") {
      this.#keepUnclaimed(presence);
      // Somebody who sees us shows himself without our having asked to see him: nothing to keep, but he is there.
      if (counts === "heard") this.available.emit({ from, content, fresh: true });
      return;
    }
    const fresh = this.contacts.put(this.#resource(presence));
    this.#changed();
    this.available.emit({ from, content, fresh: fresh ?? true });
  }

  #takeUnavailable(presence: Extract<IncomingPresence, { kind: "unavailable" | "error" }>): void {
    const { from } = presence;
    this.#unclaimed.delete(from);
    const counts = this.#counts(from);
    if (this.contacts.remove(from, presence.kind === "unavailable" ? presence.statuses : undefined)) this.#changed();
    if (counts !== "no") this.unavailable.emit({ from });
  }

  #keepUnclaimed(presence: Available): void {
    this.#unclaimed.delete(presence.from);
    this.#unclaimed.set(presence.from, presence);
    for (const oldest of this.#unclaimed.keys()) {
      if (this.#unclaimed.size <= unclaimedPresenceMax) break;
      this.#unclaimed.delete(oldest);
    }
  }

  #counts(jid: Jid): "yes" | "heard" | "no" {
    const subscription = this.#d.contacts.confirmed(toBare(jid))?.subscription;
    if (seesTheirs(subscription) || this.#d.directedTo(jid)) return "yes";
    return seeOurs(subscription) ? "heard" : "no";
  }

  #resource({ from, content, caps }: Available): ResourcePresence {
    return { jid: from, ...content, priority: content.priority ?? 0, receivedAt: this.#d.clock.now(), ...(caps === undefined ? {} : { caps }) };
  }

  #changed(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.changes.emit(undefined);
    });
  }
}
