/**
 * What arrives on a stream, and whether it may come now: during the negotiation one element at a time for those who ask, later
 * everything for the session above.
 * Spec: RFC 6120 section 4.3.3 (nothing before its turn), XEP-0388 (the session goes on behind success). Threats N11, N15, N03 (the queue).
 * Not here: reading (xml/), what the elements mean (negotiation.ts, stream/), ending the stream for a breach (chassis.ts).
 * @module
 */
import { Emitter, type Unsubscribe } from "../../base/events.js";
import type { XmlElement } from "../../base/xml.js";
import { clientNamespace } from "../xep/namespaces.js";

// The server may send features behind its header, or a result behind a push; more than this without being asked is a flood.
const negotiationQueueMax = 4;
// Behind the success of SASL 2 the session goes on without a new stream: what comes before somebody listens may be stanzas.
const unreadQueueMax = 1_000;

/** Why an element may not come now. */
export type Breach = "early-stanza" | "flood";

/** The elements of one connection, in the order of arrival. */
export class Arrivals {
  readonly #live: Emitter<XmlElement>;
  readonly #queue: XmlElement[] = [];
  #waiter: { resolve(element: XmlElement): void; reject(error: unknown): void } | undefined;
  #stage: "negotiating" | "authenticated" | "live" = "negotiating";
  #inline = false;

  /** `onListenerError` is told of an exception in a listener above; the stream goes on (threats P18). */
  constructor(onListenerError?: (error: unknown) => void) {
    this.#live = new Emitter(onListenerError);
  }

  /** True once elements are handed to a listener. */
  get isLive(): boolean {
    return this.#stage === "live";
  }

  /** True while something has come that nobody has asked for. */
  get pending(): boolean {
    return this.#queue.length > 0;
  }

  /** We log in by SASL 2: its success may come. */
  expectInline(): void {
    this.#inline = true;
  }

  /** The server has said `<success/>` of SASL 2: from now on stanzas may come. @returns false if nobody has asked for it, and nothing changes */
  authenticated(): boolean {
    if (!this.#inline || this.#stage !== "negotiating") return false;
    this.#stage = "authenticated";
    return true;
  }

  /** Ends the negotiation: from now on elements go to `listener`. */
  goLive(listener: (element: XmlElement) => void): Unsubscribe {
    const unsubscribe = this.#live.subscribe(listener);
    this.#stage = "live";
    for (const element of this.#queue.splice(0)) this.#live.emit(element);
    return unsubscribe;
  }

  /** The next element of the negotiation. */
  async next(): Promise<XmlElement> {
    return this.#queue.shift() ?? new Promise<XmlElement>((resolve, reject) => { this.#waiter = { resolve, reject }; });
  }

  /** Takes what has come; says so if it may not come now. */
  accept(received: XmlElement): Breach | undefined {
    if (this.#stage === "live") {
      this.#live.emit(received);
      return undefined;
    }
    // Whatever the server sends before login has no business in here (threats N15).
    if (received.ns === clientNamespace && this.#stage === "negotiating") return "early-stanza";
    if (this.#waiter !== undefined) {
      const waiter = this.#waiter;
      this.#waiter = undefined;
      waiter.resolve(received);
      return undefined;
    }
    if (this.#queue.length >= (this.#stage === "authenticated" ? unreadQueueMax : negotiationQueueMax)) return "flood";
    this.#queue.push(received);
    return undefined;
  }

  /** Nothing comes any more: whoever waits gets `error`. */
  end(error: unknown): void {
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }
}
