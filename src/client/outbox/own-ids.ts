/**
 * The ids that this device has sealed, and those that it has taken in past the log: when they can be forgotten. Too early, and what comes back
 * from the archive looks as if a lost state had sent it (threats R21).
 * @module
 */
import type { Ledger } from "../../session/ledger.js";
import type { StoreRange } from "../../session/ports.js";
import { takenRange } from "../log/keys.js";
import { ownKey, ownRange, storedNumber } from "./entry.js";
import type { Slot } from "./slots.js";

const pageSize = 500;

/** Deletes the ids that were noted before `time`, page by page. Those of entries that still wait come back after they have left. */
export async function pruneOwnIds(ledger: Ledger, time: number, waiting: () => Iterable<Pick<Slot, "id">>): Promise<void> {
  for (const range of [ownRange, takenRange]) await prune(ledger, range, time, waiting);
}

async function prune(ledger: Ledger, range: StoreRange, time: number, waiting: () => Iterable<Pick<Slot, "id">>): Promise<void> {
  const isOld = (value: Uint8Array | undefined): boolean => (storedNumber(value) ?? 0) < time;
  for (let after: string | undefined; ;) {
    const rows = await ledger.read((tx) => tx.list({ ...range, limit: pageSize, ...(after === undefined ? {} : { after }) }));
    const old = rows.flatMap(({ key, value }) => (isOld(value) ? [key] : []));
    if (old.length > 0) await ledger.run(async (tx) => {
      const kept = new Set(Array.from(waiting(), ({ id }) => ownKey(id)));
      const now = await tx.getMany(old); // what left meanwhile is noted anew
      for (const [i, key] of old.entries()) if (!kept.has(key) && isOld(now[i])) tx.delete(key);
    });
    after = rows.at(-1)?.key;
    if (rows.length < pageSize) return;
  }
}
