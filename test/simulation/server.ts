/**
 * An XMPP server in memory, as strict as real ones and as forgetful: it hands out connections that are authenticated already.
 * Spec: RFC 6120, RFC 6121; XEP-0030, 0060/0163, 0160, 0198, 0199, 0280, 0313, 0359. It notes what a client must not do as a breach.
 * Not here: stream management (session.ts), archive and PEP (account.ts).
 * @module
 */
import { type BareJid, type FullJid, isFullJid, parseJid, toBare } from "../../src/base/jid.js";
import { childElements, findChild, xml, type XmlElement } from "../../src/base/xml.js";
import { managementNamespace } from "../../src/transport/stream/management.js";
import {
  archiveNamespace, carbonsNamespace, clientNamespace, discoInfoNamespace, forwardNamespace, pubsubEventNamespace, pubsubNamespace,
  pubsubOwnerNamespace, readPositionsNamespace, stanzaIdNamespace,
} from "../../src/transport/xep/namespaces.js";
import { Account, type Answer, otherSide } from "./account.js";
import type { Scheduler } from "./scheduler.js";
import { isRedeliverable, ServerConnection, Session } from "./session.js";
import { addressOf, delayElement, errorFor, iqResult, isStored, nameOf, withAttrs, withChildren, withStanzaId } from "./stanzas.js";
import type { Wire } from "./wire.js";

/** How this server differs from others. */
export interface ServerOptions {
  readonly domain: string;
  /** Seconds for which a session without a connection is kept; 0: none is. */
  readonly resumeSeconds: number;
  /** `<failed/>` tells how much of a lost session was handled. */
  readonly tellsHandled: boolean;
  /** Offers stream management at all. */
  readonly managed: boolean;
  readonly archived: boolean;
}

const features = (managed: boolean): XmlElement => xml("http://etherx.jabber.org/streams", "features", {},
  xml("urn:ietf:params:xml:ns:xmpp-bind", "bind"), managed ? xml(managementNamespace, "sm") : undefined);

/** The server, and what a test may know of it. */
export class Server {
  options: ServerOptions;
  readonly features: XmlElement;
  readonly accounts: Map<BareJid, Account>;
  /** What clients did against the rules. Must stay empty. */
  readonly breaches: string[] = [];
  /** Origin-ids of all messages that came from clients: how often each was handled. */
  readonly handled = new Map<string, number>();
  /** Told of each item that is published. */
  onPublished: (account: BareJid, node: string, item: XmlElement) => void = () => undefined;
  readonly #scheduler: Scheduler;
  readonly #sessions = new Map<FullJid, Session>();
  readonly #former = new Map<string, number>();
  #ids: number;

  constructor(scheduler: Scheduler, options: ServerOptions, from?: Server) {
    this.#scheduler = scheduler;
    this.options = options;
    this.features = features(options.managed);
    this.accounts = new Map([...(from?.accounts ?? [])].map(([jid, account]) => [jid, account.copy()]));
    this.#ids = from === undefined ? 1_000 : from.#ids;
  }

  register(jid: BareJid): void {
    this.accounts.set(jid, new Account(jid));
  }

  accept(account: BareJid, wire: Wire): void {
    new ServerConnection(this, account, wire);
  }

  newId(): string {
    this.#ids += 1;
    return String(this.#ids);
  }

  breach(what: string): void {
    this.breaches.push(what);
  }

  // Sessions.

  bind(connection: ServerConnection, resource: string | undefined): Session {
    const jid = `${connection.account}/${resource ?? this.newId()}` as FullJid;
    const former = this.#sessions.get(jid);
    if (former !== undefined) {
      former.connection?.end("conflict");
      this.destroy(former);
    }
    const session = new Session(jid, connection.account, connection);
    this.#sessions.set(jid, session);
    return session;
  }

  resumable(account: BareJid, id: string): Session | undefined {
    return [...this.#sessions.values()].find((session) => session.account === account && session.management?.id === id);
  }

  formerCount(account: BareJid, id: string): number | undefined {
    return this.#former.get(`${account} ${id}`);
  }

  /** The connection is gone; the client has its time to come back. */
  keep(session: Session): void {
    session.cancelExpiry = this.#scheduler.after(this.options.resumeSeconds * 1_000, () => { this.destroy(session); });
  }

  /** Sessions without a connection end now, as if their time were over. */
  expire(): void {
    for (const session of [...this.#sessions.values()]) if (session.connection === undefined) this.destroy(session);
  }

  /** What the client has not acknowledged goes to its other devices, or waits for it. */
  destroy(session: Session): void {
    if (this.#sessions.get(session.jid) !== session) return;
    session.cancelExpiry();
    this.#sessions.delete(session.jid);
    const { management, account } = session;
    if (management?.id !== undefined) this.#former.set(`${account} ${management.id}`, management.inbound);
    for (const stanza of management?.queue.splice(0) ?? []) {
      if (isRedeliverable(stanza, account)) this.#toAccount(stanza, account, false);
    }
  }

  // Stanzas.

  handle(session: Session, stanza: XmlElement): void {
    const stamped = withAttrs(stanza, { from: session.jid });
    if (stanza.name === "presence") this.#presence(session, stamped);
    else if (stanza.name === "iq") this.#iq(session, stamped);
    else this.#message(session, stamped);
  }

  #presence(session: Session, stanza: XmlElement): void {
    if (stanza.attrs["to"] !== undefined) return;
    if (stanza.attrs["type"] === "unavailable") {
      session.available = false;
      return;
    }
    if (session.available) return;
    session.available = true;
    const account = this.#account(session.account);
    for (const message of account.offline.splice(0)) session.deliver(withAttrs(message, { to: session.jid }));
    for (const owner of this.accounts.values()) {
      for (const [node, { items }] of owner.nodes) {
        const last = [...items.values()].at(-1);
        if (last !== undefined && isOfInterest(node, owner.jid === session.account)) session.deliver(event(owner.jid, session.jid, node, last));
      }
    }
  }

  #message(session: Session, stanza: XmlElement): void {
    const name = nameOf(stanza);
    if (name !== undefined) this.handled.set(name, (this.handled.get(name) ?? 0) + 1);
    const to = addressOf(stanza.attrs["to"])?.bare ?? session.account;
    const recipient = this.accounts.get(to);
    const own = this.#archive(session.account, stanza);
    for (const other of this.#available(session.account)) {
      if (other !== session && other.carbons && stanza.attrs["type"] === "chat") other.deliver(carbon("sent", other, stanza));
    }
    if (recipient === undefined) {
      if (stanza.attrs["type"] !== "error") session.deliver(errorFor(stanza, session.jid, "service-unavailable"));
      return;
    }
    const id = to === session.account ? own : this.#archive(to, stanza);
    this.#toAccount(withStanzaId(stanza, to, id), to, true);
  }

  #archive(account: BareJid, message: XmlElement): string | undefined {
    if (!this.options.archived || !isStored(message)) return undefined;
    const id = this.newId();
    this.#account(account).archive.push({ id, stamp: this.#scheduler.now, with: otherSide(message, account), message });
    return id;
  }

  #toAccount(stanza: XmlElement, account: BareJid, fresh: boolean): void {
    const [first, ...others] = this.#available(account);
    if (first === undefined) {
      if (!isStored(stanza)) return;
      const delayed = findChild(stanza, "urn:xmpp:delay", "delay") === undefined
        ? withChildren(stanza, delayElement(account.slice(account.indexOf("@") + 1), this.#scheduler.now)) : stanza;
      this.#account(account).offline.push(delayed);
      return;
    }
    first.deliver(stanza);
    if (fresh && stanza.attrs["type"] === "chat") for (const other of others) if (other.carbons) other.deliver(carbon("received", other, stanza));
  }

  #available(account: BareJid): readonly Session[] {
    return [...this.#sessions.values()].filter((session) => session.account === account && session.available);
  }

  #account(jid: BareJid): Account {
    return this.accounts.get(jid) as Account;
  }

  #iq(session: Session, stanza: XmlElement): void {
    const { to = session.account, type } = stanza.attrs;
    const jid = parseJid(to);
    const target = jid === undefined || !isFullJid(jid) ? undefined : this.#sessions.get(jid);
    if (target !== undefined) {
      target.deliver(stanza);
      return;
    }
    if (type !== "get" && type !== "set") return;
    const answer = this.#answer(session, stanza, to);
    session.deliver("condition" in answer
      ? errorFor(stanza, session.jid, answer.condition, answer.application)
      : iqResult(stanza, session.jid, answer.payload));
  }

  #answer(session: Session, stanza: XmlElement, to: string): Answer {
    const payload = childElements(stanza)[0];
    const account = this.accounts.get(toBare(parseJid(to) ?? session.account));
    const own = account?.jid === session.account;
    if (payload === undefined) return { condition: "bad-request" };
    if (payload.ns === "urn:xmpp:ping" && to === this.options.domain) return {};
    if (payload.ns === discoInfoNamespace && own) return { payload: this.#info() };
    if (payload.ns === carbonsNamespace && own) {
      session.carbons = payload.name === "enable";
      return {};
    }
    if (payload.ns === archiveNamespace && own && this.options.archived) {
      const { results, answer } = account.query(payload, session.jid);
      for (const result of results) session.deliver(result);
      return answer;
    }
    if ((payload.ns === pubsubNamespace || payload.ns === pubsubOwnerNamespace) && account !== undefined) {
      return account.pubsub(payload, stanza.attrs["type"], session.account, (node, item) => { this.#notify(account.jid, node, item); });
    }
    return { condition: "service-unavailable" };
  }

  #info(): XmlElement {
    const names = [discoInfoNamespace, pubsubNamespace, carbonsNamespace, stanzaIdNamespace, ...(this.options.archived ? [archiveNamespace] : [])];
    return xml(discoInfoNamespace, "query", {}, xml(discoInfoNamespace, "identity", { category: "account", type: "registered" }),
      ...names.map((name) => xml(discoInfoNamespace, "feature", { var: name })));
  }

  #notify(owner: BareJid, node: string, item: XmlElement): void {
    this.onPublished(owner, node, item);
    for (const session of this.#sessions.values()) {
      if (session.available && isOfInterest(node, session.account === owner)) session.deliver(event(owner, session.jid, node, item));
    }
  }
}

// Everybody is everybody's contact, and asks for what Sotto asks for.
const isOfInterest = (node: string, own: boolean): boolean => node === "urn:xmpp:omemo:2:devices" || (own && node === readPositionsNamespace);

function event(owner: BareJid, to: FullJid, node: string, item: XmlElement): XmlElement {
  const moved = xml(pubsubEventNamespace, "item", { id: item.attrs["id"] }, ...item.children);
  return xml(clientNamespace, "message", { from: owner, to, type: "headline" },
    xml(pubsubEventNamespace, "event", {}, xml(pubsubEventNamespace, "items", { node }, moved)));
}

function carbon(kind: "sent" | "received", to: Session, message: XmlElement): XmlElement {
  return xml(clientNamespace, "message", { from: to.account, to: to.jid, type: "chat" },
    xml(carbonsNamespace, kind, {}, xml(forwardNamespace, "forwarded", {}, message)));
}

