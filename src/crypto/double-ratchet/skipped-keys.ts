/**
 * Message keys of messages that have not arrived yet: one row each, beside the state.
 * Spec: Signal "Double Ratchet" section 2.6; XEP-0384 v0.9 #protocol-double_ratchet (about 1000 per session).
 *
 * A step never walks through them. The caller looks one key up by (ratchet key, n) before the step and applies the
 * {@link SkippedChanges} after it. Oldest leave first, and `sequence` is the age, so a store needs two ways in: by
 * {@link skippedKeyName} and by ascending sequence. {@link SkippedKeyMap} is the same in memory.
 * Not here: the total over all sessions (session/).
 * @module
 */
import { concatBytes, equalBytes, toHex, wipe, type Bytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import { CryptoError } from "../errors.js";
import type { PublicKey } from "../keys.js";
import { ByteReader, uint32, uint48 } from "./binary.js";

/** Which message a key belongs to. A {@link RatchetHeader} is one. */
export interface SkippedKeyRef {
  readonly ratchetKey: PublicKey;
  readonly n: number;
}

/** The key of one message that was passed over. */
export interface SkippedKey extends SkippedKeyRef {
  /** 32 bytes. */
  readonly messageKey: Bytes;
  /** Grows by one with every key that is stored in the session; below 2^48. */
  readonly sequence: number;
}

/** What a receiving step does to the stored keys. Commit it together with the new state. */
export interface SkippedChanges {
  /** To be stored, oldest first. At most `skippedKeysPerMessageMax`. */
  readonly added: readonly SkippedKey[];
  /** The key that opened the message; to be deleted. */
  readonly used: SkippedKey | undefined;
  /** That many of the stored keys with the smallest sequence are to be deleted before `added` is stored. */
  readonly evictOldest: number;
}

/** Injective text of a reference: 64 hex digits of the ratchet key, "-", n as 8 hex digits. Fits into a store key. */
export function skippedKeyName(ref: SkippedKeyRef): string {
  return `${toHex(ref.ratchetKey)}-${ref.n.toString(16).padStart(8, "0")}`;
}

/** True if both name the same message. */
export function sameSkippedKey(a: SkippedKeyRef, b: SkippedKeyRef): boolean {
  return a.n === b.n && equalBytes(a.ratchetKey, b.ratchetKey);
}

const version = 1;

/** One row, 75 bytes: version, sequence, ratchet key, n, message key. */
export function encodeSkippedKey(key: SkippedKey): Bytes {
  invariant(key.messageKey.length === 32, "a message key has 32 bytes");
  return concatBytes(Uint8Array.of(version), uint48(key.sequence), key.ratchetKey, uint32(key.n), key.messageKey);
}

/** @throws CryptoError `ERR_SNAPSHOT_INVALID` for anything that {@link encodeSkippedKey} does not write. */
export function decodeSkippedKey(row: Uint8Array): SkippedKey {
  const reader = new ByteReader(row);
  if (reader.byte() !== version) throw new CryptoError("ERR_SNAPSHOT_INVALID", "skipped key of an unknown version");
  const sequence = reader.uint48();
  const ratchetKey = reader.publicKey();
  const n = reader.uint32();
  const messageKey = reader.bytes(32);
  reader.end();
  return { sequence, ratchetKey, n, messageKey };
}

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
