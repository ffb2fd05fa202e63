/**
 * Passing over messages that have not arrived: along a chain, and at the end of one.
 * Spec: Signal "Double Ratchet" section 2.6; XEP-0384 v0.9 #protocol-double_ratchet.
 * Not here: how far one message may go (step.ts); the rows that come out of it (skipped-keys.ts).
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import { skippedKeysPerSessionMax } from "../../base/limits.js";
import type { SymmetricCrypto } from "../provider.js";
import { messageKeyOf, nextChainKey, type Chain } from "./chain.js";
import type { SkippedChanges, SkippedKeyRef } from "./skipped-keys.js";
import type { RatchetState, ReceivingChain } from "./state.js";

/** A stretch of a chain. */
export interface Walk {
  /** Chain keys of the positions passed over, in order. */
  readonly passed: readonly Bytes[];
  /** Chain key of the position walked to. */
  readonly last: Bytes;
}

/** Only chain keys: message keys of skipped positions are derived after the message has proved authentic. */
export function walkTo(symmetric: SymmetricCrypto, chain: Chain, n: number): Walk {
  const passed: Bytes[] = [];
  let key = chain.chainKey;
  for (let position = chain.next; position < n; position++) {
    passed.push(key);
    key = nextChainKey(symmetric, key);
  }
  return { passed, last: key };
}

/** The key of a message passed over, before it has an age. */
export type Unnumbered = SkippedKeyRef & { readonly messageKey: Bytes };

/** The message keys of the positions passed over, from `chain.next` on. */
export function keysOf(symmetric: SymmetricCrypto, chain: ReceivingChain, passed: readonly Bytes[]): readonly Unnumbered[] {
  return passed.map((chainKey, i) => ({
    ratchetKey: chain.ratchetKey,
    n: chain.next + i,
    messageKey: messageKeyOf(symmetric, chainKey),
  }));
}

/**
 * Stores what the ended chain still owes according to `pn`, if that is plausible. An absurd `pn` stores nothing and does
 * not block the ratchet; the chain key is kept in both cases, so a message beyond `pn` is found as well.
 */
export function closeChain(
  symmetric: SymmetricCrypto,
  chain: ReceivingChain | undefined,
  pn: number,
  budget: number,
): { readonly chain: ReceivingChain | undefined; readonly keys: readonly Unnumbered[]; readonly spent: readonly Bytes[] } {
  if (chain === undefined) return { chain, keys: [], spent: [] };
  const owed = pn - chain.next;
  if (owed <= 0 || owed > budget) return { chain, keys: [], spent: [] };
  const walk = walkTo(symmetric, chain, pn);
  return { chain: { ...chain, chainKey: walk.last, next: pn }, keys: keysOf(symmetric, chain, walk.passed), spent: walk.passed };
}

/** Result of {@link storeKeys}. */
export interface Stored {
  readonly changes: SkippedChanges;
  readonly counters: Pick<RatchetState, "skippedCount" | "skippedNext">;
}

/** Numbers new keys and makes room for them: the oldest leave first (threats R09). */
export function storeKeys(state: RatchetState, keys: readonly Unnumbered[]): Stored {
  const added = keys.map((key, i) => ({ ...key, sequence: state.skippedNext + i }));
  const evictOldest = Math.max(0, state.skippedCount + added.length - skippedKeysPerSessionMax);
  return {
    changes: { added, used: undefined, evictOldest },
    counters: { skippedCount: state.skippedCount + added.length - evictOldest, skippedNext: state.skippedNext + added.length },
  };
}
