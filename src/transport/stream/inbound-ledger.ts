/**
 * Which received stanzas may be acknowledged: those that were delivered and that nobody holds any more.
 * Spec: XEP-0198 section 4 ("handled"). Threats Q06, Q07: it counts in the order of parsing and nothing else.
 * Not here: when `h` is told (acknowledger.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import type { Delivery } from "../connection/stream.js";

/** Counts what arrives in one session, over one connection. */
export class InboundLedger {
  readonly #onReleased: () => void;
  // Holds per number; listeners hold in order, so the first key is the lowest.
  readonly #holds = new Map<number, number>();
  #received: number;
  #delivered: number;

  /** `start`: what the session had received before; `onReleased` is called when a hold has gone. */
  constructor(start: number, onReleased: () => void) {
    this.#received = start;
    this.#delivered = start;
    this.#onReleased = onReleased;
  }

  /** Stanzas received. */
  get received(): number {
    return this.#received;
  }

  /** Stanzas that may be acknowledged. */
  get handled(): number {
    for (const lowest of this.#holds.keys()) return lowest - 1;
    return this.#delivered;
  }

  /** Counts a stanza, in the parser's turn; returns its number. */
  receive(): number {
    return ++this.#received;
  }

  /** Hands out the stanza with this number: all that came before have been. */
  deliver(number: number, listeners: (delivery: Delivery) => void): void {
    let inTurn = true;
    listeners({
      number,
      hold: () => {
        if (!inTurn) throw new UsageError("ERR_INVALID_ARGUMENT", "a stanza can be held only in the turn in which it is delivered");
        return this.#hold(number);
      },
    });
    inTurn = false;
    this.#delivered = Math.max(this.#delivered, number);
  }

  #hold(number: number): () => void {
    // What came before the session has no number and is not acknowledged anyway.
    if (number > 0) this.#holds.set(number, (this.#holds.get(number) ?? 0) + 1);
    let held = number > 0;
    return () => {
      if (!held) return;
      held = false;
      const others = (this.#holds.get(number) ?? 1) - 1;
      if (others > 0) this.#holds.set(number, others);
      else this.#holds.delete(number);
      this.#onReleased();
    };
  }
}
