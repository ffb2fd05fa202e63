/**
 * What reads a link: a parser for each of the streams on it, one after the other, and the deadline for what has begun to arrive.
 * Spec: RFC 6120 sections 4.3.3 and 11, RFC 7395 section 3.3. Threats P10, P11, N03, N11.
 * Not here: parsing (xml/, framed-parser.ts), what may come when (arrivals.ts), what it means (chassis.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { breach } from "../stream/breach.js";
import { XmlStreamParser, type XmlStreamHandlers } from "../xml/parser.js";
import type { XmlLimits } from "../xml/refusal.js";
import { FramedParser } from "./framed-parser.js";
import { StanzaDeadline } from "./stanza-deadline.js";

/** One link, read from the first stream to the end. */
export class LinkReader {
  readonly #framed: boolean;
  readonly #deadline: StanzaDeadline;
  #parser: XmlStreamParser | FramedParser | undefined;
  #elements = 0;
  #timed = true;

  /** `late` is called when what had begun was not complete in time. */
  constructor(framed: boolean, clock: Clock, late: () => void) {
    this.#framed = framed;
    this.#deadline = new StanzaDeadline(clock, late);
  }

  /** True once a stream has begun. */
  get hasBegun(): boolean {
    return this.#parser !== undefined;
  }

  /** True if input came behind what was read last. */
  get leftover(): boolean {
    return this.#parser?.leftover === true;
  }

  /** When a piece of what is not complete came last; `undefined` if nothing has begun. */
  get progressAt(): number | undefined {
    return this.#deadline.progressAt;
  }

  /** A new stream begins; what was held of the one before is forgotten. */
  begin(handlers: XmlStreamHandlers, limits: XmlLimits): void {
    let opened = false;
    // Frames keep no order by themselves: what comes ahead of the opening was never asked for, and there is one opening (threats N11).
    const inOrder = (opens: boolean, pass: () => void): void => {
      if (opens === opened) handlers.error(breach("header"));
      else {
        opened = true;
        pass();
      }
    };
    const ordered: XmlStreamHandlers = {
      ...handlers,
      opened: (header) => { inOrder(true, () => { handlers.opened(header); }); },
      element: (element) => { this.#elements++; inOrder(false, () => { handlers.element(element); }); },
    };
    this.#parser = this.#framed ? new FramedParser(ordered, limits) : new XmlStreamParser(ordered, limits);
  }

  /** From now on elements may have so many bytes. */
  allow(bytesMax: number): void {
    this.#parser?.allow(bytesMax);
  }

  /** Reads on. */
  read(data: Uint8Array | string): void {
    const before = this.#elements;
    this.#parser?.write(data);
    this.#deadline.watch(data.length, this.#timed && this.#parser?.pending === true, this.#elements !== before);
  }

  /** Nothing more is read of this stream. */
  stop(): void {
    this.#parser?.stop();
  }

  /** The connection takes its leave: what still comes is read, and nobody waits for it. */
  letGo(): void {
    this.#timed = false;
    this.#deadline.stop();
  }
}
