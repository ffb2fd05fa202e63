/**
 * Message keys of messages that have not arrived yet: one row each, beside the state.
 * Spec: Signal "Double Ratchet" section 2.6; XEP-0384 v0.9 #protocol-double_ratchet (about 1000 per session).
 *
 * A step never walks through them. The caller looks one key up by (ratchet key, n) before the step and applies the
 * {@link SkippedChanges} after it. Oldest leave first, and `sequence` is the age, so a store needs two ways in: by
 * {@link skippedKeyName} and by ascending sequence.
 * Not here: the total over all sessions (session/).
 * @module
 */
import { concatBytes, equalBytes, toHex, type Bytes } from "../../base/bytes.js";
import { invariant } from "../../base/errors.js";
import { uintBytes } from "../../base/stored-bytes.js";
import { CryptoError } from "../errors.js";
import type { PublicKey } from "../keys.js";
import { SnapshotReader } from "./snapshot-reader.js";

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
  return concatBytes(Uint8Array.of(version), uintBytes(6, key.sequence), key.ratchetKey, uintBytes(4, key.n), key.messageKey);
}

/** @throws CryptoError `ERR_SNAPSHOT_INVALID` for anything that {@link encodeSkippedKey} does not write. */
export function decodeSkippedKey(row: Uint8Array): SkippedKey {
  const reader = new SnapshotReader(row);
  if (reader.uint(1) !== version) throw new CryptoError("ERR_SNAPSHOT_INVALID", "skipped key of an unknown version");
  const sequence = reader.uint(6);
  const ratchetKey = reader.publicKey();
  const n = reader.uint(4);
  const messageKey = reader.fixed(32);
  reader.end();
  return { sequence, ratchetKey, n, messageKey };
}
