/**
 * Stanzas on their way to the server: each has a number, and is kept until the server has acknowledged it, unless its sender sees to it himself.
 * Spec: XEP-0198 section 4. Its length is bounded in time: a link on which nothing is acknowledged ends (evidence.ts).
 * @module
 */
import type { XmlElement } from "../../base/xml.js";

/** Counts what leaves. */
export class OutboundQueue {
  /** By number, behind the acknowledged ones; `undefined` where the sender keeps it. */
  #kept: (XmlElement | undefined)[] = [];
  readonly #keep: boolean;
  #outbound: number;
  #acknowledged: number;
  #recalled: number | undefined;

  /** `keep`: stanzas are kept for sending them again; else they are only counted. */
  constructor(acknowledged: number, keep: boolean) {
    this.#acknowledged = acknowledged;
    this.#outbound = acknowledged;
    this.#keep = keep;
  }

  /** The last number given out. */
  get outbound(): number {
    return this.#outbound;
  }

  /** Everything up to this number is with the server. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The stanzas that are not acknowledged, in order, without those that their senders keep. */
  get unacknowledged(): readonly XmlElement[] {
    return this.#kept.filter((stanza) => stanza !== undefined);
  }

  /** Numbers `stanza`. `resend: false`: its sender decides whether it is sent again. */
  push(stanza: XmlElement, resend: boolean = true): number {
    if (this.#keep) this.#kept.push(resend ? stanza : undefined);
    return ++this.#outbound;
  }

  /**
   * The session goes on over another connection, and the server has told how far it came: what is to be sent again gets the numbers that
   * come next, all other numbers above are void.
   */
  resume(): readonly XmlElement[] {
    const again = this.unacknowledged;
    this.#recalled ??= this.#acknowledged;
    this.#kept = [...again];
    // A restored queue does not know what was sent: the server's word begins its count.
    this.#outbound = this.#acknowledged + again.length;
    return again;
  }

  /** Numbers above this were given out anew since the last call; `undefined` if none were. */
  takeRecalled(): number | undefined {
    const recalled = this.#recalled;
    this.#recalled = undefined;
    return recalled;
  }

  /** Everything up to `upTo` is with the server; the caller has checked that it is possible. */
  acknowledge(upTo: number): void {
    this.#kept.splice(0, upTo - this.#acknowledged);
    this.#acknowledged = upTo;
  }
}
