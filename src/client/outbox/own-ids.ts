/** The ids that this device has sealed, and those that it has taken in past the log: when they can be forgotten. @module */
import type { Ledger } from "../../session/ledger.js";
import type { StoreKey, StoreRange } from "../../session/ports.js";
import { takenRange } from "../log/keys.js";
import { ownRange, storedNumber } from "./entry.js";

const pageSize = 500;

/** Deletes the ids that were noted before `time`, page by page. */
export async function pruneOwnIds(ledger: Ledger, time: number): Promise<void> {
  for (const range of [ownRange, takenRange]) await prune(ledger, range, time);
}

async function prune(ledger: Ledger, range: StoreRange, time: number): Promise<void> {
  for (let after: string | undefined; ;) {
    const rows = await ledger.read((tx) => tx.list({ ...range, limit: pageSize, ...(after === undefined ? {} : { after }) }));
    const old: readonly StoreKey[] = rows.filter(({ value }) => (storedNumber(value) ?? 0) < time).map(({ key }) => key);
    if (old.length > 0) await ledger.run((tx) => { for (const key of old) tx.delete(key); });
    after = rows.at(-1)?.key;
    if (rows.length < pageSize) return;
  }
}
