/**
 * Stanzas on their way to the server: each has a number, and is kept until the server has acknowledged it.
 * Spec: XEP-0198 section 4. Its length is bounded in time: a link on which nothing is acknowledged ends (evidence.ts).
 * @module
 */
import type { XmlElement } from "../../base/xml.js";

/** Counts what leaves. */
export class OutboundQueue {
  readonly #kept: XmlElement[] = [];
  readonly #keep: boolean;
  #outbound: number;
  #acknowledged: number;

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

  /** The stanzas that are not acknowledged, in order. */
  get unacknowledged(): readonly XmlElement[] {
    return this.#kept;
  }

  /** Numbers `stanza`. */
  push(stanza: XmlElement): number {
    if (this.#keep) this.#kept.push(stanza);
    return ++this.#outbound;
  }

  /** Everything up to `upTo` is with the server; the caller has checked that it is possible. */
  acknowledge(upTo: number): void {
    this.#kept.splice(0, upTo - this.#acknowledged);
    this.#acknowledged = upTo;
    // A restored queue does not know what was sent: the server's word begins its count.
    this.#outbound = Math.max(this.#outbound, upTo);
  }
}
