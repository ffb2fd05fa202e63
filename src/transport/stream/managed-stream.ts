/**
 * The port `Stream` over an established session, with stream management or without: numbers, acknowledgements both ways, delivery.
 * Spec: RFC 6120 section 8; XEP-0198 section 4; XEP-0478 (announced limits).
 * Threats P16, P18, F26, Q05-Q08, Q10, N19. Not here: its beginning (establish.ts), when to ask (evidence.ts, ping-evidence.ts), `h` (acknowledger.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { Emitter, type Unsubscribe } from "../../base/events.js";
import type { FullJid } from "../../base/jid.js";
import { closeTimeoutMs, sendStanzaBytesMax, unreadStanzasMax } from "../../base/limits.js";
import type { Rng } from "../../base/rng.js";
import { isElement, xml, type XmlElement } from "../../base/xml.js";
import { asTransportError, closedError } from "../connection/closed.js";
import { Ending } from "../connection/ending.js";
import type { Delivery, SessionStart, Stream, StreamEnd, TrackedSend } from "../connection/stream.js";
import { streamNamespace } from "../connection/stream-text.js";
import { TransportError } from "../errors.js";
import { Acknowledger, type SaveInbound } from "./acknowledger.js";
import type { ElementChannel } from "./element-channel.js";
import { Evidence } from "./evidence.js";
import { failedResumption } from "./failed-resumption.js";
import { InboundLedger } from "./inbound-ledger.js";
import { answerElement, handledCount, isManagement, managementNamespace } from "./management.js";
import { OutboundQueue } from "./outbound-queue.js";
import { PingEvidence } from "./ping-evidence.js";
import { announcedBytesMax, bytesOf, hasAddresses, isStanza } from "./stanza.js";
import type { StreamSession } from "./stream-session.js";

/** What a {@link ManagedStream} needs beside its channel. */
export interface ManagedStreamOptions {
  readonly jid: FullJid;
  readonly features: XmlElement;
  readonly start: SessionStart;
  /** What can be resumed later. */
  readonly session: StreamSession | undefined;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly saveInbound?: SaveInbound | undefined;
  readonly probeMs?: number | undefined;
  readonly onListenerError?: ((error: unknown) => void) | undefined;
}

interface Received {
  readonly number: number;
  /** Absent: it counts, and nobody gets it. */
  readonly stanza: XmlElement | undefined;
}

/** A live session. Whoever made it hands it every element in the parser's turn. */
export class ManagedStream implements Stream {
  readonly jid: FullJid;
  readonly start: SessionStart;
  readonly session: StreamSession | undefined;
  readonly #channel: ElementChannel;
  readonly #stanzas: Emitter<{ readonly stanza: XmlElement; readonly delivery: Delivery }>;
  readonly #acknowledgements: Emitter<number>;
  readonly #queue: OutboundQueue;
  readonly #ledger: InboundLedger;
  readonly #acknowledger: Acknowledger | undefined;
  readonly #evidence: Evidence;
  readonly #clock: Clock;
  readonly #ending = new Ending();
  /** Used where there is no stream management. */
  readonly #ping: PingEvidence;
  readonly #unread: Received[] = [];
  #features: XmlElement;
  #subscribed = false;
  #live = false;
  #closing: Promise<void> | undefined;

  constructor(channel: ElementChannel, options: ManagedStreamOptions) {
    const { clock, onListenerError = () => undefined, session, start } = options;
    const managed = start.kind !== "unmanaged";
    this.jid = options.jid;
    this.start = start;
    this.session = session;
    this.#features = options.features;
    this.#channel = channel;
    this.#clock = clock;
    this.#ping = new PingEvidence(options.jid, options.rng);
    this.#stanzas = new Emitter(onListenerError);
    this.#acknowledgements = new Emitter(onListenerError);
    this.#queue = session?.queue ?? new OutboundQueue(0, false);
    this.#ledger = new InboundLedger(session?.start ?? 0, () => { this.#acknowledger?.released(); });
    if (session !== undefined) session.countWith(this.#ledger);
    this.#acknowledger = managed
      ? new Acknowledger({ ledger: this.#ledger, session, save: options.saveInbound, tell: (h) => { this.#say(answerElement(h)); }, onError: onListenerError })
      : undefined;
    this.#evidence = new Evidence({
      clock, single: !managed, proven: start.kind !== "resumed", probeMs: options.probeMs, progressAt: () => channel.progressAt, ask: () => { this.#ask(); },
      dead: (proven) => { this.#silent(proven); },
    });
    channel.onEnd((end) => { this.#ended(end); });
    if (start.kind !== "resumed") return;
    // What the server has not handled goes out again before anything new (XEP-0198 section 5).
    for (const stanza of this.#queue.resume()) void this.#write(stanza, bytesOf(stanza));
    this.#evidence.ask();
  }

  get features(): XmlElement {
    return this.#features;
  }

  get isOpen(): boolean {
    return this.#channel.isOpen && this.#closing === undefined;
  }

  async send(stanza: XmlElement, options?: { readonly resend?: boolean }): Promise<void> {
    await this.sendTracked(stanza, options).written;
  }

  sendTracked(stanza: XmlElement, { resend = true }: { readonly resend?: boolean } = {}): TrackedSend {
    const bytes = bytesOf(stanza);
    const bytesMax = announcedBytesMax(this.#features) ?? sendStanzaBytesMax;
    if (bytes > bytesMax) throw new TransportError("ERR_STANZA_TOO_LARGE", "the stanza is larger than the server takes", { details: { bytes, bytesMax } });
    if (!this.isOpen) throw closedError();
    // Elements of other protocols count for nobody (XEP-0198 section 1).
    const sequence = isStanza(stanza) ? this.#queue.push(stanza, resend) : this.#queue.outbound;
    return { sequence, written: this.#write(stanza, bytes) };
  }

  onAcknowledged(listener: (upTo: number) => void): Unsubscribe {
    return this.#acknowledgements.subscribe(listener);
  }

  onStanza(listener: (stanza: XmlElement, delivery: Delivery) => void): Unsubscribe {
    const unsubscribe = this.#stanzas.subscribe(({ stanza, delivery }) => listener(stanza, delivery));
    if (!this.#subscribed) {
      this.#subscribed = true;
      // Not in this turn: whoever subscribes next to the first listener misses nothing either.
      queueMicrotask(() => {
        this.#live = true;
        for (const received of this.#unread.splice(0)) this.#deliver(received);
      });
    }
    return unsubscribe;
  }

  onEnd(listener: (end: StreamEnd) => void): Unsubscribe {
    return this.#ending.subscribe(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Takes an element that came before the session was settled: it is delivered, and not counted. */
  takeEarly(stanza: XmlElement): void {
    this.#receive(stanza, 0);
  }

  /** Takes the next element, in the parser's turn. */
  take(element: XmlElement): void {
    this.#evidence.heard();
    if (isStanza(element)) this.#receive(element, this.#ledger.receive());
    else if (isElement(element, streamNamespace, "features")) this.#learn(element);
    else if (this.#acknowledger === undefined) return;
    else if (isManagement(element, "r")) this.#acknowledger.requested();
    else if (isManagement(element, "a")) this.#handled(element);
  }

  #silent(proven: boolean): void {
    this.#channel.fail(proven
      ? new TransportError("ERR_STREAM_CLOSED", "the server has fallen silent", { retryable: true, details: { reason: "silent" } })
      : failedResumption());
  }

  #ended(end: StreamEnd): void {
    this.#evidence.stop();
    const told = this.start.kind === "resumed" && end.error?.code === "ERR_STREAM_ERROR" ? { error: failedResumption(end.error) } : end;
    if (told !== end || told.error?.details["reason"] === "resumption") this.session?.abandon();
    this.#ending.come(told);
  }

  async #close(): Promise<void> {
    if (this.#acknowledger !== undefined && this.#channel.isOpen) {
      // A store that does not settle must not keep the stream.
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.schedule(closeTimeoutMs, resolve);
        void this.#acknowledger?.final().then(() => { cancel(); resolve(); });
      });
    }
    await this.#channel.close();
  }

  #learn(features: XmlElement): void {
    this.#features = features;
    if (this.session !== undefined) this.session.features = features;
  }

  #receive(stanza: XmlElement, number: number): void {
    const proven = this.#ping.answer(stanza);
    if (proven !== undefined) {
      this.#evidence.answered();
      this.#acknowledge(proven);
      return;
    }
    const received = { number, stanza: hasAddresses(stanza) ? stanza : undefined };
    if (this.#live) {
      this.#deliver(received);
      return;
    }
    if (this.#unread.push(received) <= unreadStanzasMax) return;
    this.#channel.fail(new TransportError("ERR_STREAM_PROTOCOL", "the server sent what may not come now", { details: { reason: "flood" } }));
  }

  #deliver({ number, stanza }: Received): void {
    this.#ledger.deliver(number, (delivery) => { if (stanza !== undefined) this.#stanzas.emit({ stanza, delivery }); });
  }

  #handled(element: XmlElement): void {
    let upTo: number;
    try {
      upTo = handledCount(element, this.#queue);
    } catch (error) {
      this.session?.abandon();
      this.#channel.fail(asTransportError(error));
      return;
    }
    this.#evidence.answered();
    this.#acknowledge(upTo);
  }

  #acknowledge(upTo: number): void {
    if (upTo === this.#queue.acknowledged) return;
    this.#queue.acknowledge(upTo);
    this.#acknowledgements.emit(upTo);
  }

  #write(stanza: XmlElement, bytes: number): Promise<void> {
    const written = this.#channel.write(stanza);
    written.catch(() => undefined); // the end of the stream tells why; who tracks a stanza need not wait for it
    const isMessage = stanza.name === "message";
    // At `<inactive/>` (XEP-0352) Prosody 0.12 locks its output with what it has not written out, the answer to a question for one, until something
    // important follows: another answer.
    if (this.#acknowledger !== undefined && !isStanza(stanza)) this.#evidence.ask();
    // Without stream management a question costs a stanza: only messages are worth one, and it covers all that was before.
    else if (isMessage || this.#acknowledger !== undefined) this.#evidence.sent(bytes, isMessage);
    return written;
  }

  #ask(): void {
    this.#say(this.#acknowledger === undefined ? this.#ping.question(this.#queue.outbound) : xml(managementNamespace, "r"));
  }

  #say(element: XmlElement): void {
    this.#channel.write(element).catch(() => undefined); // a failed write ends the stream, which reports it
  }
}
