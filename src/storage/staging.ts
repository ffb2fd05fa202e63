/**
 * The first step of every commit: check and copy all changes before anything is written (threats D01, D06).
 * Runs in the caller's own turn, so that a later change of the caller's arrays has no effect, and a change that cannot
 * be stored fails the whole commit while the medium is still untouched.
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import { UsageError } from "../base/errors.js";
import type { Change, StoreKey } from "../session/ports.js";

/** A change in the form in which the adapter stores it. `undefined` deletes. */
export interface StagedChange {
  readonly key: StoreKey;
  readonly stored: Bytes | undefined;
}

/**
 * @param encode must return a copy: the value as the medium keeps it.
 * @throws UsageError `ERR_INVALID_ARGUMENT` for something that is no change.
 */
export function stageChanges(
  changes: readonly Change[], encode: (key: StoreKey, value: Uint8Array) => Bytes,
): readonly StagedChange[] {
  return changes.map((change): StagedChange => {
    if (change.kind === "delete") return { key: change.key, stored: undefined };
    const { key, value } = change;
    // Copying anything else would store an empty or a wrong record without a word.
    if (!(value instanceof Uint8Array)) throw new UsageError("ERR_INVALID_ARGUMENT", "a stored value must be a Uint8Array");
    return { key, stored: encode(key, value) };
  });
}
