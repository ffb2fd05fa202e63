/**
 * A server's privacy lists and block list, scripted, with the differences of two real ones. Each question can fail before or after it took
 * effect. Answers come in later turns, as those of a real server do.
 * @module
 */
import type { Jid } from "../../src/base/jid.js";
import { childElements, xml, type XmlElement } from "../../src/base/xml.js";
import type { Connection } from "../../src/client/link.js";
import { TransportError } from "../../src/transport/errors.js";
import type { IqQuestion } from "../../src/transport/features/iq-requester.js";
import type { IqHandler } from "../../src/transport/stream/iq.js";
import { decodeList, type PrivacyRule } from "../../src/transport/xep/xep0016.js";

const privacy = "jabber:iq:privacy";
const blocking = "urn:xmpp:blocking";

export const refusal = (condition: string): TransportError => new TransportError("ERR_STANZA_ERROR", "scripted", { details: { condition } });
export const lost = (): TransportError => new TransportError("ERR_IQ_TIMEOUT", "scripted", { retryable: true });
export const closed = (): TransportError => new TransportError("ERR_STREAM_CLOSED", "scripted", { retryable: true });

/** What fails, and when: `before` it has effect, or after (the answer is lost). */
export interface Fault {
  readonly when: "before" | "after";
  readonly error: TransportError;
}

export class FakePrivacyServer {
  readonly lists = new Map<string, readonly XmlElement[]>();
  active: string | undefined;
  default: string | undefined;
  readonly blocked = new Set<string>();
  /** Lists that are active for other connections; `undefined` stands for one that uses the default list. */
  readonly others: (string | undefined)[] = [];
  /** Every question in short. */
  readonly log: string[] = [];
  /** The payload of every question. */
  readonly asked: XmlElement[] = [];
  readonly sent: XmlElement[] = [];
  readonly make: "prosody" | "ejabberd";
  readonly features = new Set<string>();
  fault: (number: number, what: string) => Fault | undefined = () => undefined;
  /** After each question, whatever became of it. */
  afterEach: () => void = () => undefined;
  /** Changes what is kept of a list. */
  keep: (items: readonly XmlElement[]) => readonly XmlElement[] = (items) => items;
  pushes = true;
  readonly handlers = new Map<string, IqHandler>();

  constructor(make: "prosody" | "ejabberd") {
    this.make = make;
  }

  /** The rules that protect now; `undefined`: none are in force. */
  get inForce(): readonly PrivacyRule[] | undefined {
    const name = this.active !== undefined && this.lists.has(this.active) ? this.active : this.default;
    return name === undefined ? undefined : this.rules(name);
  }

  rules(name: string): readonly PrivacyRule[] | undefined {
    const items = this.lists.get(name);
    return items === undefined ? undefined : decodeList(xml(privacy, "query", {}, xml(privacy, "list", { name }, ...items)), name)?.rules;
  }

  /** One more stream to this server. */
  connect(continued = false): Connection {
    const over = new AbortController();
    const iq = {
      request: (question: IqQuestion) => this.#answer(question),
      handle: (namespace: string, handler: IqHandler) => {
        this.handlers.set(namespace, handler);
        return () => { if (this.handlers.get(namespace) === handler) this.handlers.delete(namespace); };
      },
    };
    this.handlers.clear();
    const stream = { send: (stanza: XmlElement) => { this.sent.push(stanza); this.log.push(`presence ${stanza.attrs["type"] ?? ""} ${stanza.attrs["to"] ?? ""}`); return Promise.resolve(); } };
    return { stream, iq, signal: over.signal, continued } as unknown as Connection;
  }

  /** A push, or whatever else asks us; what it is answered with. */
  ask(payload: XmlElement, from?: string, type: "get" | "set" = "set"): XmlElement | null | undefined {
    return this.handlers.get(payload.ns)?.({ type, from: from as Jid | undefined, payload });
  }

  pushList(name: string): void {
    if (this.pushes) this.ask(xml(privacy, "query", {}, xml(privacy, "list", { name })));
  }

  async #answer({ type, payload }: IqQuestion): Promise<XmlElement | undefined> {
    await Promise.resolve();
    const [child] = childElements(payload);
    const what = payload.ns === privacy ? `${type} ${child?.name ?? "lists"} ${child?.attrs["name"] ?? ""}`.trim() : `${type} ${payload.name} ${childElements(payload).map(({ attrs }) => attrs["jid"] ?? "").join(" ")}`.trim();
    this.log.push(what);
    this.asked.push(payload);
    const fault = this.fault(this.log.length, what);
    try {
      if (fault?.when === "before") throw fault.error;
      const answer = payload.ns === privacy ? this.#privacy(type, payload, child) : this.#other(type, payload);
      if (fault !== undefined) throw fault.error;
      return answer;
    } finally {
      this.afterEach();
      await Promise.resolve();
    }
  }

  #privacy(type: "get" | "set", query: XmlElement, child: XmlElement | undefined): XmlElement | undefined {
    const name = child?.attrs["name"];
    if (type === "get") return this.#get(child, name);
    if (child?.name === "active") this.active = this.#known(name);
    else if (child?.name === "default") {
      if (this.make === "prosody" && this.others.includes(undefined)) throw refusal("conflict");
      this.default = this.#known(name);
    } else if (name !== undefined && child !== undefined && child.children.length > 0) {
      this.lists.set(name, this.keep(childElements(child)));
      this.pushList(name);
    } else if (name !== undefined) this.#remove(name);
    return undefined;
  }

  #get(child: XmlElement | undefined, name: string | undefined): XmlElement {
    const known = this.#known(name);
    if (child !== undefined && known !== undefined) return xml(privacy, "query", {}, xml(privacy, "list", { name: known }, ...(this.lists.get(known) ?? [])));
    return xml(privacy, "query", {},
      this.active === undefined ? undefined : xml(privacy, "active", { name: this.active }),
      this.default === undefined ? undefined : xml(privacy, "default", { name: this.default }),
      ...[...this.lists.keys()].map((each) => xml(privacy, "list", { name: each })));
  }

  #known(name: string | undefined): string | undefined {
    if (name !== undefined && !this.lists.has(name)) throw refusal("item-not-found");
    return name;
  }

  #remove(name: string): void {
    const isOurs = this.active === name || this.default === name;
    if (this.make === "prosody") {
      if (!this.lists.has(name)) throw refusal("bad-request");
      if (this.others.includes(name) || (this.default === name && this.others.includes(undefined))) throw refusal("conflict");
      if (this.active === name) this.active = undefined;
      if (this.default === name) this.default = undefined;
    } else if (isOurs) throw refusal("conflict");
    this.lists.delete(name);
  }

  #other(type: "get" | "set", payload: XmlElement): XmlElement | undefined {
    if (payload.ns !== blocking) return xml(payload.ns, "query", {}, ...[...this.features].map((feature) => xml(payload.ns, "feature", { var: feature })));
    if (type === "get") return xml(blocking, "blocklist", {}, ...[...this.blocked].map((jid) => xml(blocking, "item", { jid })));
    const jids = childElements(payload).map(({ attrs }) => attrs["jid"] ?? "");
    for (const jid of payload.name === "unblock" && jids.length === 0 ? [...this.blocked] : jids) {
      if (payload.name === "block") this.blocked.add(jid);
      else this.blocked.delete(jid);
    }
    if (this.pushes) this.ask(xml(blocking, payload.name, {}, ...jids.map((jid) => xml(blocking, "item", { jid }))));
    return undefined;
  }
}
