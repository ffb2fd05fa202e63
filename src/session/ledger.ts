/**
 * One writer queue per account, and the only caller of `Store.commit`.
 * Spec: design section 3 (the commit rule), section 10 (all writes go through one queue per account).
 * Not here: what is written. Everything that depends on a commit happens after `run` has resolved.
 * @module
 */
import type { Fence, Store } from "./ports.js";
import { Transaction } from "./transaction.js";

/** Runs pieces of work one after the other; each commits as a whole or not at all. */
export class Ledger {
  readonly #store: Store;
  readonly #fence: Fence;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(store: Store, fence: Fence) {
    this.#store = store;
    this.#fence = fence;
  }

  /**
   * Runs `work` alone, commits what it changed in one go, and resolves with its result after that. If `work` throws,
   * nothing is committed. Not to be called from inside `work`: that would wait for itself.
   * @throws what `work` throws; StorageError if the commit fails, for instance `ERR_STORE_FENCED`.
   */
  run<T>(work: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const result = this.#tail.then(() => this.#commit(work));
    this.#tail = result.catch(() => undefined); // the caller gets the failure; the queue goes on
    return result;
  }

  /** A look at the store outside the queue: sees committed rows only. Its writes go nowhere. */
  read<T>(look: (tx: Transaction) => Promise<T>): Promise<T> {
    return look(new Transaction(this.#store));
  }

  /** Whether this ledger still owns the store; asked before bytes leave for the network. */
  owns(): Promise<boolean> {
    return this.#store.owns(this.#fence);
  }

  async #commit<T>(work: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const tx = new Transaction(this.#store);
    const result = await work(tx);
    const changes = tx.changes;
    if (changes.length > 0) await this.#store.commit(changes, this.#fence);
    for (const task of tx.committedTasks) task();
    return result;
  }
}
