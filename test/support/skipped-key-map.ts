/** Skipped message keys in memory, for ratchets without a store. @module */
import { wipe } from "../../src/base/bytes.js";
import { skippedKeyName, type SkippedChanges, type SkippedKey, type SkippedKeyRef } from "../../src/crypto/double-ratchet/skipped-keys.js";

/** The stored keys of one session in memory. Every operation is O(1) per key. */
export class SkippedKeyMap {
  readonly #keys = new Map<string, SkippedKey>(); // insertion order is the order of sequence

  /** @param keys in any order, for example as read from a store */
  constructor(keys: readonly SkippedKey[] = []) {
    for (const key of [...keys].sort((a, b) => a.sequence - b.sequence)) this.#keys.set(skippedKeyName(key), key);
  }

  /** How many are stored. */
  get size(): number {
    return this.#keys.size;
  }

  /** All, oldest first. */
  list(): readonly SkippedKey[] {
    return [...this.#keys.values()];
  }

  /** The key of one message. */
  find(ref: SkippedKeyRef): SkippedKey | undefined {
    return this.#keys.get(skippedKeyName(ref));
  }

  /** Applies a step's changes. Keys that leave are overwritten (threats C12). */
  apply(changes: SkippedChanges): void {
    if (changes.used !== undefined) this.#remove(skippedKeyName(changes.used));
    let left = changes.evictOldest;
    for (const name of this.#keys.keys()) {
      if (left-- <= 0) break;
      this.#remove(name);
    }
    for (const key of changes.added) this.#keys.set(skippedKeyName(key), key);
  }

  #remove(name: string): void {
    const key = this.#keys.get(name);
    if (key !== undefined) wipe(key.messageKey);
    this.#keys.delete(name);
  }
}
