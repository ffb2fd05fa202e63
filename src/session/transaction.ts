/**
 * The changes of one commit while they come together: reads see the pending writes, the store sees nothing yet.
 * Spec: design section 3 (everything that must be true together is in one commit).
 * Not here: committing (ledger.ts is the only one to do that).
 * @module
 */
import { copyBytes, type Bytes } from "../base/bytes.js";
import type { Change, Store, StoreKey, StoreRange, StoreRow } from "./ports.js";

/** Reads through its own pending writes. Handed to the work of {@link Ledger.run}; useless once that has settled. */
export class Transaction {
  readonly #store: Store;
  /** The last write of each key; `undefined` stands for a deletion. */
  readonly #pending = new Map<StoreKey, Bytes | undefined>();
  readonly #afterCommit: (() => void)[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** The value as this transaction would leave it. */
  async get(key: StoreKey): Promise<Bytes | undefined> {
    return this.#pending.has(key) ? copied(this.#pending.get(key)) : this.#store.get(key);
  }

  /** Results in the order of `keys`; what is not pending comes from one consistent read. */
  async getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]> {
    const missing = keys.filter((key) => !this.#pending.has(key));
    const read = missing.length === 0 ? [] : await this.#store.getMany(missing);
    const stored = new Map(missing.map((key, i) => [key, read[i]]));
    return keys.map((key) => (this.#pending.has(key) ? copied(this.#pending.get(key)) : stored.get(key)));
  }

  /** Rows of the range as this transaction would leave them. */
  async list(range: StoreRange): Promise<readonly StoreRow[]> {
    const touched = [...this.#pending.keys()].filter((key) => inRange(key, range));
    if (touched.length === 0) return this.#store.list(range);
    // Pending deletions may hide rows within the limit, so that many more are read.
    const { limit, ...unlimited } = range;
    const rows = new Map<StoreKey, Bytes>();
    const wider = limit === undefined ? unlimited : { ...unlimited, limit: limit + touched.length };
    for (const row of await this.#store.list(wider)) rows.set(row.key, row.value);
    for (const key of touched) {
      const value = this.#pending.get(key);
      if (value === undefined) rows.delete(key);
      else rows.set(key, copyBytes(value));
    }
    const keys = [...rows.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    if (range.reverse === true) keys.reverse();
    return keys.slice(0, limit ?? keys.length).map((key) => ({ key, value: rows.get(key) as Bytes }));
  }

  /** Writes `value`; a later write of the same key wins. */
  put(key: StoreKey, value: Uint8Array): void {
    this.#pending.set(key, copyBytes(value));
  }

  /** Removes the row if it is there. */
  delete(key: StoreKey): void {
    this.#pending.set(key, undefined);
  }

  /** Calls `task` once the changes are durable; never if they are not. `task` must not throw. */
  afterCommit(task: () => void): void {
    this.#afterCommit.push(task);
  }

  /** What the commit will hold: one change per key. */
  get changes(): readonly Change[] {
    return [...this.#pending].map(([key, value]) =>
      value === undefined ? { kind: "delete", key } : { kind: "put", key, value });
  }

  /** The tasks of {@link Transaction.afterCommit}, for whoever commits. */
  get committedTasks(): readonly (() => void)[] {
    return this.#afterCommit;
  }
}

function inRange(key: string, range: StoreRange): boolean {
  return key.startsWith(range.prefix) &&
    (range.after === undefined || key > range.after) &&
    (range.before === undefined || key < range.before);
}

function copied(value: Bytes | undefined): Bytes | undefined {
  return value === undefined ? undefined : copyBytes(value);
}
