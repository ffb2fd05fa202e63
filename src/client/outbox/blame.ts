/**
 * Which message makes the server end the stream (threats Q13). After such an end the messages that were unconfirmed are written one at a
 * time, each followed by a ping, until all are through; the one that ends the stream again and again fails alone.
 * A link that is merely cut blames nobody: that happens to every message.
 * @module
 */
import type { TransportError } from "../../transport/errors.js";
import { ClientError } from "../errors.js";
import type { Slot } from "./slots.js";

/** Ends of the stream in a row that one message may cause. */
export const killsMax = 3;

// Conditions of RFC 6120 section 4.9.3 that a stanza of ours can have caused.
const conditions: ReadonlySet<unknown> = new Set([
  "bad-format", "bad-namespace-prefix", "improper-addressing", "internal-server-error", "invalid-from", "invalid-namespace", "invalid-xml",
  "not-well-formed", "policy-violation", "restricted-xml", "undefined-condition", "unsupported-stanza-type",
]);

/** Whether a message of ours may be the reason of this end. */
export function isBlameable(error: TransportError | undefined): boolean {
  return error?.code === "ERR_STREAM_ERROR" && conditions.has(error.details["condition"]);
}

/** Watches the ends of streams. */
export class Blame {
  readonly #suspects = new Set<Slot>();
  #probed: Slot | undefined;
  #condition = "";

  /** True while messages have to be written one at a time. */
  get isCareful(): boolean {
    for (const slot of this.#suspects) if (slot.whereabouts.kind === "confirmed") this.#suspects.delete(slot);
    return this.#suspects.size > 0;
  }

  /** `slot` is written and nothing else is until {@link passed}. */
  probing(slot: Slot): void {
    this.#probed = slot;
  }

  /** The server took it and the stream lives. */
  passed(slot: Slot): void {
    this.#probed = undefined;
    this.acquit(slot);
  }

  /** It is confirmed or gone. */
  acquit(slot: Slot): void {
    slot.kills = 0;
    this.#suspects.delete(slot);
  }

  /** The stream is over; `unconfirmed` was written on it. */
  ended(error: TransportError | undefined, unconfirmed: readonly Slot[]): void {
    const careful = this.isCareful;
    const probed = this.#probed;
    this.#probed = undefined;
    if (!isBlameable(error)) return;
    this.#condition = String(error?.details["condition"]);
    for (const slot of careful ? (probed === undefined ? [] : [probed]) : unconfirmed) {
      slot.kills += 1;
      this.#suspects.add(slot);
    }
  }

  /** Why a message fails that has ended the stream {@link killsMax} times in a row. */
  killer(): ClientError {
    return new ClientError("ERR_MESSAGE_REFUSED", "the server ends the stream whenever it gets this message", { details: { condition: this.#condition } });
  }
}
