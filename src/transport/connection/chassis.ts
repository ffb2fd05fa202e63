/**
 * One connection from the socket to its end: it owns the link, orders its steps, and decides what ends the stream.
 * Spec: RFC 6120 section 4, RFC 7395 section 3. Threats P01-P14, N03, N05, N11, N15, N19.
 * Not here: the stream machine beneath (stream-machine.ts), reading (link-reader.ts), the order of arrival (arrivals.ts), the goodbye
 * (farewell.ts), what is negotiated (negotiation.ts), the session after the login (stream/).
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import type { Clock } from "../../base/clock.js";
import type { Unsubscribe } from "../../base/events.js";
import { stanzaBytesMax } from "../../base/limits.js";
import { serializeXml, type XmlElement } from "../../base/xml.js";
import { TransportError } from "../errors.js";
import { sasl2Namespace } from "../auth/sasl.js";
import type { BindingType } from "../auth/mechanisms.js";
import { clientNamespace } from "../xep/namespaces.js";
import { redirectOf, streamError } from "../stream/stream-error.js";
import { defaultXmlLimits, type XmlLimits } from "../xml/refusal.js";
import { Arrivals } from "./arrivals.js";
import { asTransportError, closedError } from "./closed.js";
import { Ending } from "./ending.js";
import { Farewell } from "./farewell.js";
import { LinkReader } from "./link-reader.js";
import type { Link, LinkHandlers } from "./sockets.js";
import type { StreamEnd } from "./stream.js";
import type { CreateStreamMachine, ParserPort, StreamMachine } from "./stream-machine.js";
import { header, streamNamespace } from "./stream-text.js";

/** What a chassis needs. */
export interface ChassisOptions {
  readonly domain: string;
  /** Named in stream headers, on protected links only (RFC 6120 section 4.7.1); SASL 2 wants to know it. */
  readonly account?: string;
  /** True for WebSocket framing (RFC 7395). */
  readonly framed: boolean;
  readonly clock: Clock;
  readonly openLink: (handlers: LinkHandlers) => Promise<Link>;
  /** Told of an exception in a listener above; the stream goes on (threats P18). */
  readonly onListenerError?: (error: unknown) => void;
}

/** One connection, from the socket to its end. Every method rejects with the TransportError that ended the stream. */
export class Chassis {
  readonly #options: ChassisOptions;
  readonly #machine: StreamMachine;
  readonly #reader: LinkReader;
  readonly #arrivals: Arrivals;
  readonly #ending = new Ending();
  readonly #farewell: Farewell;
  #limits: XmlLimits = defaultXmlLimits;
  #redirect: string | undefined;
  #end: StreamEnd | undefined;
  #endedSecure: boolean | undefined;

  constructor(options: ChassisOptions, createMachine: CreateStreamMachine) {
    const { clock, domain, framed, onListenerError, openLink } = options;
    this.#options = options;
    this.#arrivals = new Arrivals(onListenerError);
    this.#farewell = new Farewell(framed, clock);
    this.#reader = new LinkReader(framed, clock, () => {
      this.fail(new TransportError("ERR_STREAM_LIMIT", "a stanza was not complete in time", { retryable: true, details: { condition: "policy-violation" } }));
    });
    this.#machine = createMachine({ domain, header: () => header(framed, domain, this.secure ? options.account : undefined), openLink }, {
      parserWanted: (port) => { this.#startParser(port); },
      data: (data) => { this.#reader.read(data); },
      element: (element) => { this.#take(element); },
      disconnected: (reason) => { this.#onLinkClosed(reason); },
    });
  }

  /** True if the link is TLS with a verified certificate, or was when it ended. */
  get secure(): boolean {
    return this.#endedSecure ?? this.#machine.link?.secure === true;
  }

  /** Where a proven server has sent us with its last words; not followed in here. */
  get redirect(): string | undefined {
    return this.#redirect;
  }

  /** When a piece of an element came that is not complete yet, on the clock that only grows; `undefined` while there is none. */
  get progressAt(): number | undefined {
    return this.#reader.progressAt;
  }

  /** True while stanzas can be written. */
  get isOpen(): boolean {
    return this.#arrivals.isLive && this.#end === undefined;
  }

  /** What binds an authentication to this channel. */
  channelBinding(type: BindingType): Bytes | undefined {
    return this.secure ? this.#machine.link?.channelBinding?.(type) : undefined;
  }

  /** Opens the socket. */
  async connectSocket(): Promise<void> {
    this.#mustBeOpen();
    await this.#ending.before(this.#machine.connect().catch((error: unknown) => {
      const reason = asTransportError(error);
      this.fail(reason);
      throw reason;
    }));
  }

  /** Sends a stream header and waits for the server's. Everything that an earlier parser held is gone. */
  async openStream(limits: XmlLimits): Promise<XmlElement> {
    this.#mustBeOpen();
    this.#mustBeSilent("data-behind-success");
    this.#limits = limits;
    return this.#ending.before(this.#machine.open());
  }

  /** The next element of the negotiation, in the order of arrival. */
  async next(): Promise<XmlElement> {
    this.#mustBeOpen();
    return this.#arrivals.next(); // what came ahead of the end counts, also if both were in one piece of input
  }

  /** Upgrades the link; fatal if anything came behind the server's consent (threats N03). */
  async startTls(): Promise<void> {
    this.#mustBeOpen();
    this.#mustBeSilent("data-behind-proceed");
    const { link } = this.#machine;
    if (link?.startTls === undefined) throw this.#fatal("no-starttls-on-this-link");
    await this.#ending.before(link.startTls(this.#options.domain));
  }

  /** Writes an element. */
  async writeElement(element: XmlElement): Promise<void> {
    this.#mustBeOpen();
    await this.#machine.write(serializeXml(element, this.#options.framed ? "" : clientNamespace)).catch((error: unknown) => {
      throw this.#end?.error ?? asTransportError(error);
    });
  }

  /** SASL 2 begins: behind its success the session goes on without a new stream. */
  expectInline(): void {
    this.#arrivals.expectInline();
  }

  /** Ends the negotiation: from now on elements go to `listener`. */
  goLive(listener: (element: XmlElement) => void): Unsubscribe {
    return this.#arrivals.goLive(listener);
  }

  /** Called once with the reason of the end, also if it has passed. */
  onEnd(listener: (end: StreamEnd) => void): Unsubscribe {
    return this.#ending.subscribe(listener);
  }

  /** Closes cleanly; resolves when nothing is left of the connection. */
  async close(): Promise<void> {
    // The server's end tag, or the deadline, ends the link.
    if (this.#end === undefined) this.#finish({});
    await this.#farewell.done;
  }

  /** Ends the stream for `error`. The server is told why if it broke the rules. */
  fail(error: TransportError): void {
    if (this.#end !== undefined) return;
    this.#reader.stop();
    this.#finish({ error });
  }

  #startParser(port: ParserPort): void {
    this.#reader.begin({
      opened: (element) => { port.opened(element); },
      element: (element) => { port.element(element); },
      closed: () => {
        if (this.#end === undefined) this.fail(closedError());
        else this.#machine.link?.end();
      },
      error: (error) => { this.fail(error); },
    }, this.#limits);
  }

  #take(received: XmlElement): void {
    if (received.ns === streamNamespace && received.name === "error") {
      // In clear anybody can say so; framed streams have an address of their own kind (threats N05).
      if (this.secure && !this.#options.framed) this.#redirect = redirectOf(received);
      this.fail(streamError(received));
      return;
    }
    if (received.ns === sasl2Namespace && received.name === "success" && this.#arrivals.authenticated()) {
      // The session goes on at once, without a new stream (XEP-0388 section 2.6.1).
      this.#reader.allow(stanzaBytesMax);
    // Behind these the server has to wait for us: anything more in the buffer was injected (threats N03, N11).
    } else if (!this.#arrivals.isLive && (received.name === "proceed" || received.name === "success")) this.#reader.stop();
    const breach = this.#arrivals.accept(received);
    if (breach !== undefined) this.#fatal(breach);
  }

  #onLinkClosed(reason: unknown): void {
    this.fail(asTransportError(reason));
    this.#farewell.linkClosed();
  }

  #finish(end: StreamEnd): void {
    this.#endedSecure = this.secure;
    this.#end = end; // first of all: everything below may come back here
    this.#reader.letGo();
    this.#farewell.say(this.#machine.link, end.error, this.#reader.hasBegun);
    this.#machine.abandon();
    this.#arrivals.end(end.error ?? closedError());
    this.#ending.come(end);
  }

  #mustBeOpen(): void {
    if (this.#end !== undefined) throw this.#end.error ?? closedError();
  }

  /** Nothing may lie between the old stream and the next: it was injected. */
  #mustBeSilent(breach: string): void {
    if (this.#reader.leftover || this.#arrivals.pending) throw this.#fatal(breach);
  }

  #fatal(reason: string): TransportError {
    const error = new TransportError("ERR_STREAM_PROTOCOL", "the server sent what may not come now", { details: { reason } });
    this.fail(error);
    return error;
  }
}
