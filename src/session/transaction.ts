/**
 * The changes of one commit while they come together: reads see the pending writes, the store sees nothing yet. Transactions nest: an
 * inner one reads through to the outer one, and hands its changes over as a whole or not at all.
 * Spec: docs/architecture.md, The commit rule (what must be true together is in one commit).
 * Not here: committing (ledger.ts is the only one to do that).
 * @module
 */
import { copyBytes, type Bytes } from "../base/bytes.js";
import type { Change, Store, StoreKey, StoreRange, StoreRow } from "./ports.js";

/** What lies under a transaction: the store, or the transaction around it. */
export type TransactionBase = Pick<Store, "get" | "getMany" | "list">;

/** Reads through its own pending writes. Handed to the work of {@link Ledger.run}; useless once that has settled. */
export class Transaction {
  readonly #base: TransactionBase;
  /** The last write of each key; `undefined` stands for a deletion. */
  readonly #pending = new Map<StoreKey, Bytes | undefined>();
  /** What was read, so that whoever reads ahead with {@link Transaction.getMany} saves the single reads after it. */
  readonly #read = new Map<StoreKey, Bytes | undefined>();
  readonly #afterCommit: (() => void)[] = [];
  readonly #onUndone: ((error: unknown) => void)[] = [];
  #touched = false;

  constructor(base: TransactionBase) {
    this.#base = base;
  }

  /** The value as this transaction would leave it. Each row is read from the store once: nobody else writes meanwhile. */
  async get(key: StoreKey): Promise<Bytes | undefined> {
    await this.#fetch(key);
    return copied(this.#atHand(key));
  }

  /** Results in the order of `keys`; what is not at hand comes from one consistent read. */
  async getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]> {
    await this.#fetchMany(keys);
    return keys.map((key) => copied(this.#atHand(key)));
  }

  // Bytes are copied once, on their way out; between transactions they are lent.
  async #fetch(key: StoreKey): Promise<void> {
    this.#touched = true;
    if (this.#isAtHand(key)) return;
    const base = this.#base;
    if (base instanceof Transaction) await base.#fetch(key);
    this.#read.set(key, base instanceof Transaction ? base.#atHand(key) : await base.get(key));
  }

  async #fetchMany(keys: readonly StoreKey[]): Promise<void> {
    this.#touched = true;
    const missing = [...new Set(keys)].filter((key) => !this.#isAtHand(key));
    if (missing.length === 0) return;
    const base = this.#base;
    if (base instanceof Transaction) await base.#fetchMany(missing);
    const read = base instanceof Transaction ? missing.map((key) => base.#atHand(key)) : await base.getMany(missing);
    for (const [i, key] of missing.entries()) this.#read.set(key, read[i]);
  }

  #isAtHand(key: StoreKey): boolean {
    return this.#pending.has(key) || this.#read.has(key);
  }

  #atHand(key: StoreKey): Bytes | undefined {
    return this.#pending.has(key) ? this.#pending.get(key) : this.#read.get(key);
  }

  /** Rows of the range as this transaction would leave them. */
  async list(range: StoreRange): Promise<readonly StoreRow[]> {
    this.#touched = true;
    const touched = [...this.#pending.keys()].filter((key) => inRange(key, range));
    if (touched.length === 0) return this.#base.list(range);
    // Pending deletions may hide rows within the limit, so that many more are read.
    const { limit, ...unlimited } = range;
    const rows = new Map<StoreKey, Bytes>();
    const wider = limit === undefined ? unlimited : { ...unlimited, limit: limit + touched.length };
    for (const row of await this.#base.list(wider)) rows.set(row.key, row.value);
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

  /** Calls `task` with the reason if the changes are given up: the work threw, or the commit failed. For what memory was told too early. Must not throw. */
  onUndone(task: (error: unknown) => void): void {
    this.#onUndone.push(task);
  }

  /**
   * A savepoint: if `work` throws, its changes are given up and those before it stay. Nothing else may use this transaction meanwhile.
   * @throws what `work` throws
   */
  async attempt<T>(work: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const inner = new Transaction(this);
    let result: T;
    try {
      result = await work(inner);
    } catch (error) {
      inner.undone(error);
      throw error;
    }
    this.#touched ||= inner.#touched;
    for (const [key, value] of inner.#pending) this.#pending.set(key, value);
    this.#afterCommit.push(...inner.#afterCommit);
    this.#onUndone.push(...inner.#onUndone);
    return result;
  }

  /** What the commit will hold: one change per key. */
  get changes(): readonly Change[] {
    return [...this.#pending].map(([key, value]) =>
      value === undefined ? { kind: "delete", key } : { kind: "put", key, value });
  }

  /** True if rows were read or written: what came of it stands and falls with the commit. */
  get isTouched(): boolean {
    return this.#touched || this.#pending.size > 0;
  }

  /** For whoever commits: the changes are durable. */
  committed(): void {
    for (const task of this.#afterCommit) task();
  }

  /** For whoever commits: the changes are given up. The last thing done is undone first. */
  undone(error: unknown): void {
    for (const task of this.#onUndone.reverse()) task(error);
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
