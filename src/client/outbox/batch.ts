/** Which entries of a conversation are dealt with together. @module */
import type { Slot } from "./slots.js";

/** Entries of one conversation that are sealed or read at a time, and bytes of them. */
const batchEntriesMax = 64;
const batchBytesMax = 1024 * 1024;

/** The entries that come next and are in the same state, as far as there is room. */
export function nextBatch(waiting: readonly Slot[], room: number): readonly Slot[] {
  const batch: Slot[] = [];
  let bytes = 0;
  for (const slot of waiting) {
    if (batch.length >= Math.min(room, batchEntriesMax) || slot.sealed !== waiting[0]?.sealed) break;
    bytes += slot.bytes;
    if (bytes > batchBytesMax && batch.length > 0) break;
    batch.push(slot);
  }
  return batch;
}
