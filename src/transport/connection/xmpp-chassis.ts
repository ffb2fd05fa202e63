/**
 * The stream machine: `Client` of @xmpp/client-core with its weak points replaced at its own extension points
 * (docs/decisions/0003-xmpp-chassis.md). Kept of it: states, attaching of sockets and parsers, opening, restart, the write guard.
 * Ours: socket and parser classes, `_onData`, `_onElement`, `_onStreamError`, `_onSeeOtherHost`, `disconnect`.
 * Spec: RFC 6120 section 4, RFC 7395 section 3. Threats P01-P14, N03, N11, N15, N19.
 * Not here: what is negotiated (connect.ts), stanzas after binding (bound-stream.ts).
 * @module
 */
import { Client } from "@xmpp/client-core";
import { EventEmitter } from "@xmpp/events";
import type { Clock } from "../../base/clock.js";
import { Emitter, type Unsubscribe } from "../../base/events.js";
import { closeTimeoutMs, stanzaTimeoutMs } from "../../base/limits.js";
import { serializeXml, xml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { clientNamespace, streamError } from "../stream/stanza-error.js";
import { XmlStreamParser, type XmlStreamHandlers } from "../xml/parser.js";
import { defaultXmlLimits, type XmlLimits } from "../xml/refusal.js";
import { FramedParser, framingNamespace } from "./framed-parser.js";
import type { Link, LinkHandlers } from "./sockets.js";
import type { StreamEnd } from "./stream.js";

/** Namespace of stream headers, features and errors. */
export const streamNamespace = "http://etherx.jabber.org/streams";
const streamErrorNamespace = "urn:ietf:params:xml:ns:xmpp-streams";

/** What a chassis needs. */
export interface ChassisOptions {
  readonly domain: string;
  /** True for WebSocket framing (RFC 7395). */
  readonly framed: boolean;
  readonly clock: Clock;
  readonly openLink: (handlers: LinkHandlers) => Promise<Link>;
  /** Told of an exception in a listener above; the stream goes on (threats P18). */
  readonly onListenerError?: (error: unknown) => void;
}

/** One connection, from the socket to its end. Every method rejects with the TransportError that ended the stream. */
export interface Chassis {
  /** True if the link is TLS with a verified certificate. */
  readonly secure: boolean;
  /** True while stanzas can be written. */
  readonly isOpen: boolean;
  /** Opens the socket. */
  connectSocket(): Promise<void>;
  /** Sends a stream header and waits for the server's. Everything that an earlier parser held is gone. */
  openStream(limits: XmlLimits): Promise<XmlElement>;
  /** The next element of the negotiation, in the order of arrival. */
  next(): Promise<XmlElement>;
  /** Upgrades the link; fatal if anything came behind the server's consent (threats N03). */
  startTls(): Promise<void>;
  /** Writes an element. */
  writeElement(element: XmlElement): Promise<void>;
  /** From now on the answer to the bind request may arrive; before, no stanza may (threats N15). */
  expectBinding(): void;
  /** Ends the negotiation: from now on elements go to `listener`. */
  goLive(listener: (element: XmlElement) => void): Unsubscribe;
  /** Called once with the reason of the end. */
  onEnd(listener: (end: StreamEnd) => void): Unsubscribe;
  /** Closes cleanly; resolves when nothing is left of the connection. */
  close(): Promise<void>;
  /** Ends the stream for `error`. The server is told why if it broke the rules. */
  fail(error: TransportError): void;
}

/** Builds an unconnected chassis. */
export function createChassis(options: ChassisOptions): Chassis {
  return new SottoClient(options);
}

type StreamParser = XmlStreamParser | FramedParser;
// The server may send features behind its header, or a result behind a push; more than this without being asked is a flood.
const negotiationQueueMax = 4;
// Stanzas between binding and the first listener above.
const unreadQueueMax = 1_000;
// The chassis asks its transports for the one that takes the service; ours takes this.
const service = "sotto:link";

/** A {@link Link} in the shape of the chassis' sockets. */
class LinkSocket extends EventEmitter {
  link: Link | undefined;
  #abandoned = false;

  get secure(): boolean {
    return this.link?.secure === true;
  }

  connect(openLink: ChassisOptions["openLink"]): void {
    openLink({
      data: (data) => { this.emit("data", data); },
      closed: (error) => { this.emit("close", error !== undefined, error); },
    }).then((link) => {
      this.link = link;
      if (this.#abandoned) link.destroy();
      else this.emit("connect");
    }, (error: unknown) => { if (!this.#abandoned) this.emit("error", error); });
  }

  /** Nobody waits for this socket any more. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.emit("error", closedError());
  }

  write(text: string, done: (error?: unknown) => void): void {
    const writing = this.link?.write(text) ?? Promise.reject(closedError());
    writing.then(() => { done(); }, done);
  }

  end(): void {
    this.link?.end();
  }
}

/** One of our parsers in the shape of the chassis' parsers. */
class ParserPort extends EventEmitter {}

class SottoClient extends Client implements Chassis {
  readonly #options: ChassisOptions;
  readonly #ends = new Emitter<StreamEnd>();
  readonly #live: Emitter<XmlElement>;
  readonly #queue: XmlElement[] = [];
  readonly #gone: Promise<void>;
  #resolveGone: () => void = () => undefined;
  #socket: LinkSocket | undefined;
  #reader: StreamParser | undefined;
  #limits: XmlLimits = defaultXmlLimits;
  #waiter: { resolve(element: XmlElement): void; reject(error: unknown): void } | undefined;
  #stage: "negotiating" | "binding" | "bound" | "live" = "negotiating";
  #headerSent = false;
  #elements = 0;
  #cancelStanzaDeadline: (() => void) | undefined;
  #cancelCloseDeadline: (() => void) | undefined;
  #end: StreamEnd | undefined;

  constructor(options: ChassisOptions) {
    super({ domain: options.domain, service });
    this.#options = options;
    this.#live = new Emitter(options.onListenerError);
    this.#gone = new Promise((resolve) => { this.#resolveGone = resolve; });
    this.timeout = 0; // deadlines are ours, on our clock
    const { framed, openLink, domain } = options;
    const taken = (socket: LinkSocket): void => { this.#socket = socket; };
    this.transports = [{
      prototype: {
        Socket: class extends LinkSocket {
          constructor() {
            super();
            taken(this);
          }
        },
        Parser: ParserPort,
        socketParameters: () => openLink,
        headerElement: () => ({ attrs: {} }),
        header: () => header(framed, domain),
        footerElement: () => undefined,
        footer: () => footer(framed),
      },
    }];
    // The chassis reports everything as "error"; without a listener that would throw.
    this.on("error", (error: unknown) => { this.fail(asTransportError(error)); });
    this.on("disconnect", (event: { readonly reason?: unknown }) => { this.#onLinkClosed(event.reason); });
  }

  get secure(): boolean {
    return this.#socket?.secure === true;
  }

  get isOpen(): boolean {
    return (this.#stage === "live" || this.#stage === "bound") && this.#end === undefined;
  }

  async connectSocket(): Promise<void> {
    this.#mustBeOpen();
    await this.#whileOpen(this.connect(service));
  }

  async openStream(limits: XmlLimits): Promise<XmlElement> {
    this.#mustBeOpen();
    if (this.#reader?.leftover === true || this.#queue.length > 0) throw this.#fatal("data-behind-success");
    this.#limits = limits;
    // `restart` drops the old parser and opens; for the first stream there is none to drop.
    return await this.#whileOpen(this.restart()) as XmlElement;
  }

  async next(): Promise<XmlElement> {
    this.#mustBeOpen();
    return this.#queue.shift() ?? this.#whileOpen(new Promise<XmlElement>((resolve, reject) => { this.#waiter = { resolve, reject }; }));
  }

  async startTls(): Promise<void> {
    this.#mustBeOpen();
    const link = this.#socket?.link;
    if (this.#reader?.leftover === true || this.#queue.length > 0) throw this.#fatal("data-behind-proceed");
    if (link?.startTls === undefined) throw this.#fatal("no-starttls-on-this-link");
    await this.#whileOpen(link.startTls(this.#options.domain));
  }

  async writeElement(element: XmlElement): Promise<void> {
    this.#mustBeOpen();
    await this.write(serializeXml(element, this.#options.framed ? "" : clientNamespace)).catch((error: unknown) => {
      throw this.#end?.error ?? asTransportError(error);
    });
  }

  expectBinding(): void {
    this.#stage = "binding";
  }

  goLive(listener: (element: XmlElement) => void): Unsubscribe {
    const unsubscribe = this.#live.subscribe(listener);
    this.#stage = "live";
    for (const element of this.#queue.splice(0)) this.#live.emit(element);
    return unsubscribe;
  }

  onEnd(listener: (end: StreamEnd) => void): Unsubscribe {
    return this.#ends.subscribe(listener);
  }

  async close(): Promise<void> {
    if (this.#end === undefined) {
      // The server's end tag, or the deadline, ends the link.
      this.#finish({}, footer(this.#options.framed));
    }
    await this.#gone;
  }

  fail(error: TransportError): void {
    if (this.#end !== undefined) return;
    this.#reader?.stop();
    this.#finish({ error }, reasonFor(error) + footer(this.#options.framed));
  }

  override async disconnect(): Promise<unknown> {
    await this.close();
    return undefined;
  }

  /** Called by the chassis' `open` with a fresh {@link ParserPort}: our parser reports through it. */
  override _attachParser(port: unknown): void {
    super._attachParser(port);
    const events = port as ParserPort;
    const handlers: XmlStreamHandlers = {
      opened: (element) => { events.emit("start", element); },
      element: (element) => { events.emit("element", element); },
      closed: () => {
        if (this.#end === undefined) this.fail(closedError());
        else this.#socket?.end();
      },
      error: (error) => { this.fail(error); },
    };
    this.#reader = this.#options.framed ? new FramedParser(handlers, this.#limits) : new XmlStreamParser(handlers, this.#limits);
    this.#headerSent = true;
  }

  /** The chassis would decode each chunk by itself and let exceptions of the parser through. */
  override _onData(data: unknown): void {
    const before = this.#elements;
    this.#reader?.write(data as Uint8Array | string);
    this.#watchUnfinished(this.#elements !== before);
  }

  override _onElement(element: unknown): void {
    this.#elements++;
    const received = element as XmlElement;
    if (received.ns === streamNamespace && received.name === "error") this._onStreamError(received);
    else if (this.#stage === "live") this.#live.emit(received);
    else this.#negotiate(received);
  }

  /** Redirects included: none is followed (threats N05). */
  override _onStreamError(element: unknown): void {
    this.fail(streamError(element as XmlElement));
  }

  override _onSeeOtherHost(): Promise<void> {
    return Promise.resolve();
  }

  #negotiate(received: XmlElement): void {
    if (received.ns === clientNamespace && this.#stage !== "bound") {
      // Whatever the server sends before login has no business in here (threats N15).
      if (this.#stage !== "binding" || received.name !== "iq") {
        this.#fatal("early-stanza");
        return;
      }
      // The answer to the bind request; what stands behind it belongs to the bound stream.
      if (received.attrs["type"] === "result") this.#stage = "bound";
    }
    // Behind these the server has to wait for us: anything more in the buffer was injected (threats N03, N11).
    if (received.name === "proceed" || received.name === "success") this.#reader?.stop();
    if (this.#waiter !== undefined) {
      const waiter = this.#waiter;
      this.#waiter = undefined;
      waiter.resolve(received);
    } else if (this.#queue.length < (this.#stage === "bound" ? unreadQueueMax : negotiationQueueMax)) this.#queue.push(received);
    else this.#fatal("flood");
  }

  #onLinkClosed(reason: unknown): void {
    this.#cancelCloseDeadline?.();
    this.#socket = undefined;
    this.fail(reason instanceof TransportError ? reason : closedError());
    this.#resolveGone();
  }

  /** Says goodbye as far as the link allows, and sees to it that the link goes. */
  #farewell(text: string, waitForServer: boolean): void {
    const socket = this.#socket;
    if (socket?.link === undefined) {
      socket?.abandon();
      this.#resolveGone();
      return;
    }
    const { link } = socket;
    this.#cancelCloseDeadline = this.#options.clock.schedule(closeTimeoutMs, () => { link.destroy(); });
    // A link that does not take the goodbye is gone anyway; its own close is reported.
    if (this.#headerSent) link.write(text).catch(() => undefined);
    if (!waitForServer || !this.#headerSent) link.end();
  }

  #finish(end: StreamEnd, goodbye: string): void {
    this.#end = end; // first of all: everything below may come back here
    this.#cancelStanzaDeadline?.();
    this.#farewell(goodbye, end.error === undefined);
    this._detachParser();
    const error = end.error ?? closedError();
    this.#waiter?.reject(error);
    this.#waiter = undefined;
    // Ends the chassis' own waits; our listener comes back to `fail`, which has nothing to do any more.
    this.emit("error", error);
    this.#ends.emit(end);
  }

  #mustBeOpen(): void {
    if (this.#end !== undefined) throw this.#end.error ?? closedError();
  }

  #fatal(reason: string): TransportError {
    const error = new TransportError("ERR_STREAM_PROTOCOL", "the server sent what may not come now", { details: { reason } });
    this.fail(error);
    return error;
  }

  /** `work`, or the end of the stream, whichever is first. */
  #whileOpen<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const unsubscribe = this.#ends.subscribe((end) => { reject(end.error ?? closedError()); });
      work.then(resolve, (error: unknown) => { reject(this.#end?.error ?? asTransportError(error)); }).finally(unsubscribe);
    });
  }

  /** A begun stanza has a deadline (threats P11). */
  #watchUnfinished(progressed: boolean): void {
    const pending = this.#reader?.pending === true && this.#end === undefined;
    if (!pending || progressed) {
      this.#cancelStanzaDeadline?.();
      this.#cancelStanzaDeadline = undefined;
    }
    if (pending) {
      this.#cancelStanzaDeadline ??= this.#options.clock.schedule(stanzaTimeoutMs, () => {
        this.fail(new TransportError("ERR_STREAM_LIMIT", "a stanza was not complete in time", { retryable: true, details: { condition: "policy-violation" } }));
      });
    }
  }
}

function header(framed: boolean, domain: string): string {
  if (framed) return serializeXml(xml(framingNamespace, "open", { to: domain, version: "1.0", "xml:lang": "en" }));
  // The root stays open and holds the default namespace of all stanzas; the domain is prepared and needs no escape beyond these.
  const to = serializeXml(xml(clientNamespace, "x", { to: domain }), clientNamespace).slice(3, -2);
  return `<?xml version="1.0"?><stream:stream xmlns="${clientNamespace}" xmlns:stream="${streamNamespace}" ${to} version="1.0" xml:lang="en">`;
}

function footer(framed: boolean): string {
  return framed ? serializeXml(xml(framingNamespace, "close")) : "</stream:stream>";
}

/** What the server is told about an error: only its own breach of the rules. */
function reasonFor(error: TransportError): string {
  const { condition } = error.details;
  const breach = error.code === "ERR_STREAM_MALFORMED" || error.code === "ERR_STREAM_LIMIT" || error.code === "ERR_STREAM_PROTOCOL";
  if (!breach) return "";
  return serializeXml(xml(streamNamespace, "error", {}, xml(streamErrorNamespace, typeof condition === "string" ? condition : "policy-violation")));
}

function closedError(): TransportError {
  return new TransportError("ERR_STREAM_CLOSED", "the connection is closed", { retryable: true });
}

function asTransportError(error: unknown): TransportError {
  return error instanceof TransportError ? error : closedError();
}
