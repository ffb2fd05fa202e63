/**
 * A summary of a ratchet state for logs and inspection, without secrets and without keys.
 * Not here: who the peer is (session/).
 * @module
 */
import type { RatchetState } from "./state.js";

/** Numbers and flags only: no key, no part of a key, nothing from outside (threats H02). */
export interface RatchetSummary {
  readonly legacy: boolean;
  readonly initiator: boolean;
  /** Messages sent in the current sending chain; -1 while our half of a step is still to come. */
  readonly sent: number;
  /** Messages passed in the newest receiving chain; -1 before the first. */
  readonly received: number;
  readonly receivingChains: number;
  readonly skippedKeys: number;
}

/** What may be said about a state. */
export function describeRatchet(state: RatchetState): RatchetSummary {
  return {
    legacy: state.suite === "legacy",
    initiator: state.role === "initiator",
    sent: state.sending?.next ?? -1,
    received: state.receiving[0]?.next ?? -1,
    receivingChains: state.receiving.length,
    skippedKeys: state.skippedCount,
  };
}
