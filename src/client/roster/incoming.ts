/**
 * What others send about subscriptions: requests to be answered, and what becomes of ours. Nothing here ever answers anybody (threats F22).
 * Spec: RFC 6121 sections 3.1.3, 3.2.3, 3.3.3, appendix A.3; XEP-0144. Threats F20-F22, F24, F25.
 * Not here: presence itself (client/presence/), answers (roster.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { domainOf, parseBareJid, toBare, type BareJid, type Jid } from "../../base/jid.js";
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
import { noSubscription, transition } from "./subscription.js";

export interface IncomingDeps {
  readonly account: BareJid;
  readonly clock: Clock;
  readonly mirror: RosterMirror;
  readonly edits: Edits;
  readonly emit: (event: ClientEvent) => void;
  /** Whether a question of `from` may be answered: an answer tells that we are there (threats V01, F24). */
  readonly mayAsk: (from: Jid | undefined) => boolean;
  readonly onError: (error: unknown) => void;
  /** What can be seen of the roster is different now. */
  readonly changed: () => void;
  /** The contact will not, or no longer, show us their presence. */
  readonly refused: (jid: BareJid) => void;
}

/** Listens on one stream after the other. */
export class Incoming {
  readonly #d: IncomingDeps;
  /** Requests of earlier sessions that the server has not repeated in this one. */
  readonly #unrepeated = new Set<BareJid>();
  #swept = false;

  constructor(deps: IncomingDeps) {
    this.#d = deps;
  }

  attach(connection: Connection, service: RosterService): void {
    if (!connection.continued) {
      this.#unrepeated.clear();
      for (const jid of this.#d.mirror.requests.keys()) this.#unrepeated.add(jid);
      this.#swept = false;
    }
    connection.iq.handle(rosterExchangeNamespace, (request) => this.#suggestedByRequest(request));
    connection.stream.onStanza((stanza, delivery) => { this.#take(stanza, delivery, connection, service); });
  }

  #take(stanza: XmlElement, delivery: Delivery, connection: Connection, service: RosterService): void {
    const { account } = this.#d;
    if (stanza.name === "message") this.#suggestedByMessage(stanza);
    if (stanza.name !== "presence") return;
    const presence = decodePresence(stanza);
    if (presence?.kind === "error") {
      this.#failed(stanza, parseBareJid(presence.from));
    } else if (presence?.kind === "available" && presence.from === connection.stream.jid) {
      if ((presence.content.priority ?? 0) >= 0) this.#sweep(connection, service); // ejabberd repeats nothing to a resource with a negative one
    } else if (presence?.kind === "subscription" && presence.from !== account) {
      this.#subscription(presence, delivery);
    }
  }

  /** Presence of ours came back, which is told once. A server of somebody else's may say so when nobody waits for it any more: then it is an error of its own. */
  #failed(stanza: XmlElement, from: BareJid | undefined): void {
    const sent = this.#d.edits.byId(stanza.attrs["id"]);
    if (sent === undefined || sent.jid !== from || sent.failure !== undefined) return;
    sent.failure = stanzaError(stanza);
    if (!("amend" in sent)) this.#d.onError(sent.failure);
  }

  #subscription({ type, from, text, nick }: Extract<IncomingPresence, { kind: "subscription" }>, delivery: Delivery): void {
    const { mirror, clock, emit, changed } = this.#d;
    if (type === "unsubscribe" && mirror.removeRequest(from)) changed();
    if (type === "unsubscribed") this.#d.refused(from); // theirs to say; what they grant is only true once the server pushes it
    if (type !== "subscribe") return;
    const { subscription } = mirror.contacts.get(from) ?? noSubscription;
    if (!transition({ ...noSubscription, subscription }, "in", type).passed) return; // they see us already
    this.#unrepeated.delete(from);
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
      const over = [...this.#unrepeated].filter((jid) => mirror.removeRequest(jid));
      this.#unrepeated.clear();
      if (over.length > 0) changed();
    }, () => { this.#swept = false; });
  }

  #suggestedByMessage(stanza: XmlElement): void {
    const from = stanza.attrs["from"] === undefined ? this.#d.account : parseBareJid(stanza.attrs["from"]);
    if (stanza.attrs["type"] !== "error" && from !== undefined && this.#mayPropose(from)) this.#suggested(from, stanza);
  }

  /** Whoever may see that we are there gets an answer; for everybody else nobody is there. */
  #suggestedByRequest({ type, from, payload }: IncomingIq): null | undefined {
    const jid = from === undefined ? this.#d.account : toBare(from);
    if (type !== "set" || !this.#mayPropose(jid) || !this.#d.mayAsk(from)) return undefined;
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
