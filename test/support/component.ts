/** A program beside a server (XEP-0114) that does whatever a test wants (Node only). @module */
import { createHash } from "node:crypto";
import net from "node:net";
import { InternalError } from "../../src/base/errors.js";
import { serializeXml, xml, type XmlElement, type XmlNode } from "../../src/base/xml.js";
import { XmlStreamParser } from "../../src/transport/xml/parser.js";

/** The namespace of a component's stanzas. */
export const componentNamespace = "jabber:component:accept";
const stanzaErrorNamespace = "urn:ietf:params:xml:ns:xmpp-stanzas";

/** A stanza of a component: the namespace is put in. */
export const stanza = (name: "iq" | "message" | "presence", attrs: Readonly<Record<string, string | undefined>>, ...children: readonly XmlNode[]): XmlElement =>
  xml(componentNamespace, name, attrs, ...children);

/** What a request is answered with: the payload of the result, nothing for an empty result, or the condition of an error. */
export type IqReply = { readonly payload?: XmlElement } | { readonly error: string; readonly type?: "cancel" | "modify" | "auth" | "wait" };

/** The behaviour of a component. */
export interface ComponentScript {
  /** Answers a request; `undefined`: never. */
  readonly onIq?: (request: { readonly type: string; readonly from: string; readonly to: string; readonly payload: XmlElement }, component: Component) => IqReply | undefined;
  readonly onPresence?: (presence: XmlElement, component: Component) => void;
  readonly onMessage?: (message: XmlElement, component: Component) => void;
}

/** A connected component. */
export class Component {
  readonly domain: string;
  /** Everything that came, in order. */
  readonly received: XmlElement[] = [];
  readonly #socket: net.Socket;
  readonly #waiting = new Set<() => void>();

  private constructor(domain: string, socket: net.Socket) {
    this.domain = domain;
    this.#socket = socket;
  }

  /** Connects and proves the secret. Rejects if the server does not accept it. */
  static async connect(o: { readonly port: number; readonly domain: string; readonly secret: string; readonly script: ComponentScript }): Promise<Component> {
    const socket = net.connect(o.port, "127.0.0.1");
    const component = new Component(o.domain, socket);
    await new Promise<void>((resolve, reject) => {
      const parser = new XmlStreamParser({
        opened: (header) => {
          const proof = createHash("sha1").update(`${header.attrs["id"] ?? ""}${o.secret}`).digest("hex");
          component.send(xml(componentNamespace, "handshake", {}, proof));
        },
        element: (element) => {
          if (element.name === "handshake") resolve();
          else if (element.ns === componentNamespace) component.#take(element, o.script);
          else reject(new InternalError(`the server refuses the component: ${element.name}`));
        },
        closed: () => { socket.end(); },
        error: reject,
      });
      socket.on("data", (data) => { parser.write(data); });
      socket.once("error", reject);
      socket.once("close", () => { reject(new InternalError("the server closed the component's stream")); });
      socket.once("connect", () => {
        socket.write(`<?xml version='1.0'?><stream:stream xmlns='${componentNamespace}' xmlns:stream='http://etherx.jabber.org/streams' to='${o.domain}'>`);
      });
    });
    return component;
  }

  send(element: XmlElement): void {
    this.#socket.write(serializeXml(element, componentNamespace));
  }

  /** The first stanza, of those that came and will come, that `matches`. The runner's own limit ends a test that waits in vain. */
  async until(matches: (stanza: XmlElement) => boolean): Promise<XmlElement> {
    for (;;) {
      const found = this.received.find(matches);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => { this.#waiting.add(resolve); });
    }
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = new Promise((resolve) => { this.#socket.once("close", resolve); });
    this.#socket.end("</stream:stream>");
    setTimeout(() => { this.#socket.destroy(); }, 1_000).unref();
    await closed;
  }

  #take(element: XmlElement, script: ComponentScript): void {
    this.received.push(element);
    if (element.name === "presence") script.onPresence?.(element, this);
    else if (element.name === "message") script.onMessage?.(element, this);
    else this.#answer(element, script);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #answer(element: XmlElement, script: ComponentScript): void {
    const { type = "", from = "", to = "", id } = element.attrs;
    const payload = element.children.find((child) => typeof child === "object");
    if ((type !== "get" && type !== "set") || payload === undefined) return;
    const reply = script.onIq === undefined ? { error: "service-unavailable" } : script.onIq({ type, from, to, payload }, this);
    if (reply === undefined) return;
    const address = { from: to, to: from, id };
    if (!("error" in reply)) this.send(stanza("iq", { ...address, type: "result" }, ...(reply.payload === undefined ? [] : [reply.payload])));
    else this.send(stanza("iq", { ...address, type: "error" }, xml(componentNamespace, "error", { type: reply.type ?? "cancel" }, xml(stanzaErrorNamespace, reply.error))));
  }
}
