/**
 * One session of the simulated server: binding, stream management, what waits for its client.
 * Spec: RFC 6120 section 7; XEP-0198. Not here: where stanzas go (server.ts).
 * @module
 */
import type { BareJid, FullJid } from "../../src/base/jid.js";
import { childElements, findChild, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import { TransportError } from "../../src/transport/errors.js";
import { managementNamespace } from "../../src/transport/stream/management.js";
import type { Server } from "./server.js";
import { iqResult, isStored } from "./stanzas.js";
import type { Wire } from "./wire.js";

const bindNamespace = "urn:ietf:params:xml:ns:xmpp-bind";

/** Stream management of one session, from `<enable/>` on. */
interface Management {
  readonly id: string | undefined;
  /** Stanzas handled. */
  inbound: number;
  /** Stanzas sent, and how many of them the client has acknowledged. */
  outbound: number;
  acknowledged: number;
  readonly queue: XmlElement[];
  /** An unanswered `<r/>` is on its way. */
  asked: boolean;
}

/** What a client has on the server, with a connection or while it may come back for it. */
export class Session {
  readonly jid: FullJid;
  readonly account: BareJid;
  connection: ServerConnection | undefined;
  management: Management | undefined;
  available = false;
  carbons = false;
  cancelExpiry: () => void = () => undefined;

  constructor(jid: FullJid, account: BareJid, connection: ServerConnection) {
    this.jid = jid;
    this.account = account;
    this.connection = connection;
  }

  /** Sends a stanza, or keeps it for the client's return. */
  deliver(stanza: XmlElement): void {
    const { connection, management } = this;
    connection?.send(stanza);
    if (management === undefined) return;
    management.outbound += 1;
    management.queue.push(stanza);
    if (stanza.name === "message") this.ask();
  }

  ask(): void {
    const { connection, management } = this;
    if (connection === undefined || management === undefined || management.asked) return;
    management.asked = true;
    connection.send(xml(managementNamespace, "r"));
  }

  /** True if the count is possible. */
  acknowledge(h: number): boolean {
    const { management } = this;
    if (management === undefined || h < management.acknowledged || h > management.outbound) return false;
    management.queue.splice(0, h - management.acknowledged);
    management.acknowledged = h;
    return true;
  }
}

/** The server's end of one connection. */
export class ServerConnection {
  readonly account: BareJid;
  readonly #server: Server;
  readonly #wire: Wire;
  #session: Session | undefined;
  #over = false;

  constructor(server: Server, account: BareJid, wire: Wire) {
    this.account = account;
    this.#server = server;
    this.#wire = wire;
    wire.serve({ take: (element) => { this.#take(element); }, ended: (clean) => { this.#ended(clean); } });
  }

  send(element: XmlElement): void {
    if (!this.#over) this.#wire.send(element);
  }

  /** The server ends the connection with a stream error. */
  end(condition: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#session = undefined;
    const code = condition === "conflict" ? "ERR_STREAM_CONFLICT" : "ERR_STREAM_ERROR";
    this.#wire.hangUp(new TransportError(code, "the server ended the stream", { details: { condition }, retryable: condition === "system-shutdown" }));
  }

  /** Another connection has taken the session over. */
  drop(): void {
    this.#over = true;
    this.#session = undefined;
    this.#wire.hangUp();
  }

  #take(element: XmlElement): void {
    if (this.#over) return;
    if (element.ns === managementNamespace) this.#manage(element);
    else if (this.#session === undefined) this.#bind(element);
    else {
      // Counted when it has been handled, and handled at once: `h` is never ahead of the effect.
      const { management } = this.#session;
      this.#server.handle(this.#session, element);
      if (management !== undefined) management.inbound += 1;
    }
  }

  #bind(element: XmlElement): void {
    const bind = findChild(element, bindNamespace, "bind");
    if (element.name !== "iq" || bind === undefined) {
      this.#server.breach(`${element.name} before binding`);
      this.end("not-authorized");
      return;
    }
    const wanted = childElements(bind).find((child) => child.name === "resource");
    const session = this.#server.bind(this, wanted === undefined ? undefined : textOf(wanted));
    this.#session = session;
    this.send(iqResult(element, session.jid, xml(bindNamespace, "bind", {}, xml(bindNamespace, "jid", {}, session.jid))));
  }

  #manage(element: XmlElement): void {
    const management = this.#session?.management;
    if (element.name === "enable") this.#enable(element);
    else if (element.name === "resume") this.#resume(element);
    else if (management === undefined) this.#server.breach(`${element.name} without stream management`);
    else if (element.name === "r") this.send(xml(managementNamespace, "a", { h: management.inbound }));
    else if (element.name === "a") this.#acknowledged(element);
  }

  #enable(element: XmlElement): void {
    const session = this.#session;
    if (session === undefined || session.management !== undefined) {
      this.send(xml(managementNamespace, "failed"));
      return;
    }
    const { resumeSeconds } = this.#server.options;
    const id = element.attrs["resume"] === "true" && resumeSeconds > 0 ? this.#server.newId() : undefined;
    session.management = { id, inbound: 0, outbound: 0, acknowledged: 0, queue: [], asked: false };
    this.send(xml(managementNamespace, "enabled", id === undefined ? {} : { id, resume: "true", max: resumeSeconds }));
  }

  #resume(element: XmlElement): void {
    const { previd = "", h = "" } = element.attrs;
    const session = this.#server.resumable(this.account, previd);
    const management = session?.management;
    if (this.#session !== undefined || session === undefined || management === undefined) {
      const handled = this.#server.options.tellsHandled ? this.#server.formerCount(this.account, previd) : undefined;
      this.send(xml(managementNamespace, "failed", { h: handled }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", "item-not-found")));
      return;
    }
    session.cancelExpiry();
    session.connection?.drop();
    session.connection = this;
    this.#session = session;
    management.asked = false;
    if (!session.acknowledge(Number(h))) {
      // A dead process's request may come late, when the next process has acknowledged more.
      if (!this.#wire.isOrphaned) this.#server.breach(`resumed with h=${h}, ${String(management.acknowledged)} to ${String(management.outbound)} are possible`);
      this.end("undefined-condition");
      return;
    }
    this.send(xml(managementNamespace, "resumed", { previd, h: management.inbound }));
    for (const stanza of management.queue) this.send(stanza);
    if (management.queue.length > 0) session.ask();
  }

  #acknowledged(element: XmlElement): void {
    const session = this.#session;
    const management = session?.management;
    if (session === undefined || management === undefined) return;
    management.asked = false;
    const h = element.attrs["h"] ?? "";
    if (session.acknowledge(Number(h))) return;
    this.#server.breach(`h=${h}, ${String(management.acknowledged)} to ${String(management.outbound)} are possible`);
    this.end("undefined-condition");
  }

  #ended(clean: boolean): void {
    const session = this.#session;
    this.#over = true;
    this.#session = undefined;
    if (session === undefined) return;
    session.connection = undefined;
    if (clean || session.management?.id === undefined) this.#server.destroy(session);
    else this.#server.keep(session);
  }
}

/** Whether the client may get this again some other way: messages of others, not what the server made itself. */
export function isRedeliverable(stanza: XmlElement, account: BareJid): boolean {
  return stanza.name === "message" && stanza.attrs["from"] !== account && isStored(stanza);
}
