/**
 * What others send about subscriptions: requests to be answered, and what becomes of ours. Nothing here ever answers anybody (threats F22).
 * Spec: RFC 6121 sections 3.1.3, 3.2.3, 3.3.3, appendix A.3; XEP-0144. Threats F20-F22, F24, F25.
 * Not here: presence itself (client/presence/), answers (roster.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { domainOf, parseBareJid, type BareJid, type Jid } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import type { Delivery } from "../../transport/connection/stream.js";
import type { RosterService } from "../../transport/features/roster.js";
import type { IncomingIq } from "../../transport/stream/iq.js";
import { stanzaError } from "../../transport/stream/stanza-error.js";
import { looksConfusable } from "../../transport/xep/clean-text.js";
import { rosterExchangeNamespace } from "../../transport/xep/namespaces.js";
import { decodePresence, type IncomingPresence } from "../../transport/xep/rfc6121-presence.js";
import { decodeSuggestions } from "../../transport/xep/xep0144.js";
import type { ClientEvent } from "../events.js";
import type { Connection } from "../link.js";
import type { Edits } from "./edits.js";
import type { RosterMirror } from "./mirror.js";
import { noSubscription, seeOurs, transition } from "./subscription.js";

export interface IncomingDeps {
  readonly account: BareJid;
  readonly clock: Clock;
  readonly mirror: RosterMirror;
  readonly edits: Edits;
  readonly emit: (event: ClientEvent) => void;
  /** What can be seen of the roster is different now. */
  readonly changed: () => void;
  /** The contact will not, or no longer, show us their presence. */
  readonly refused: (jid: BareJid) => void;
}

/** Listens on one stream after the other. */
export class Incoming {
  readonly #d: IncomingDeps;
  /** Requests that came in this session of the server. */
  readonly #seen = new Set<BareJid>();
  #swept = false;

  constructor(deps: IncomingDeps) {
    this.#d = deps;
  }

  attach(connection: Connection, service: RosterService): void {
    if (!connection.continued) {
      this.#seen.clear();
      this.#swept = false;
    }
    connection.iq.handle(rosterExchangeNamespace, (request) => this.#suggestedByRequest(request));
    connection.stream.onStanza((stanza, delivery) => { this.#take(stanza, delivery, connection, service); });
  }

  #take(stanza: XmlElement, delivery: Delivery, connection: Connection, service: RosterService): void {
    const { edits, account } = this.#d;
    if (stanza.name === "message") this.#suggestedByMessage(stanza);
    if (stanza.name !== "presence") return;
    const presence = decodePresence(stanza);
    if (presence?.kind === "error") {
      const edit = edits.byId(stanza.attrs["id"]);
      if (edit !== undefined && edit.jid === parseBareJid(presence.from)) edit.failure = stanzaError(stanza);
    } else if (presence?.kind === "available" && presence.from === connection.stream.jid) {
      this.#sweep(connection, service);
    } else if (presence?.kind === "subscription" && presence.from !== account) {
      this.#subscription(presence, delivery);
    }
  }

  #subscription({ type, from, text, nick }: Extract<IncomingPresence, { kind: "subscription" }>, delivery: Delivery): void {
    const { mirror, clock, emit, changed } = this.#d;
    if (type === "unsubscribe" && mirror.removeRequest(from)) changed();
    if (type === "unsubscribed") this.#d.refused(from); // theirs to say; what they grant is only true once the server pushes it
    if (type !== "subscribe") return;
    const { subscription } = mirror.contacts.get(from) ?? noSubscription;
    if (!transition({ ...noSubscription, subscription }, "in", type).passed) return; // they see us already
    this.#seen.add(from);
    const named = { ...(nick === undefined ? {} : { name: nick }), confusable: looksConfusable(nick ?? "") };
    const words = text === undefined ? {} : { text };
    const release = delivery.hold(); // until it is durable the server must be ready to say it again
    const stored = mirror.addRequest({ jid: from, ...named, ...words, receivedAt: clock.now() });
    changed();
    stored.then((isNew) => {
      release();
      if (isNew) emit({ kind: "subscription-request", jid: from, ...named, ...words });
    }, () => undefined); // the mirror has told the failure
  }

  /**
   * The server repeats every request that still waits when we become available (section 3.1.3). Our own presence has come back: once it has
   * dealt with it, what it did not repeat was answered elsewhere, or taken back.
   */
  #sweep(connection: Connection, service: RosterService): void {
    const { mirror, changed } = this.#d;
    if (this.#swept) return;
    this.#swept = true;
    service.barrier(connection.signal).then(() => {
      const over = [...mirror.requests.keys()].filter((jid) => !this.#seen.has(jid));
      for (const jid of over) mirror.removeRequest(jid);
      if (over.length > 0) changed();
    }, () => { this.#swept = false; });
  }

  #suggestedByMessage(stanza: XmlElement): void {
    const from = stanza.attrs["from"] === undefined ? this.#d.account : parseBareJid(stanza.attrs["from"]);
    if (stanza.attrs["type"] !== "error" && from !== undefined && this.#mayPropose(from)) this.#suggested(from, stanza);
  }

  /** Whoever may see that we are there gets an answer (threats F24). */
  #suggestedByRequest({ type, from = this.#d.account, payload }: IncomingIq): null | undefined {
    const { mirror } = this.#d;
    const jid = parseBareJid(from);
    if (type !== "set" || jid === undefined || !this.#mayPropose(jid)) return undefined;
    if (mirror.contacts.has(jid) && !seeOurs(mirror.contacts.get(jid)?.subscription ?? "none")) return undefined;
    return this.#suggested(jid, payload) ? null : undefined;
  }

  /** Contacts, gateways among them, and our own server; nobody else has reason to. */
  #mayPropose(from: Jid): boolean {
    const { mirror, account } = this.#d;
    return mirror.contacts.has(from as BareJid) || from === account || from === domainOf(account);
  }

  #suggested(from: BareJid, element: XmlElement): boolean {
    const items = decodeSuggestions(element);
    if (items !== undefined) this.#d.emit({ kind: "contacts-suggested", from, items });
    return items !== undefined;
  }
}
