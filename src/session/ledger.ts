/**
 * One writer queue per account, and the only caller of `Store.commit`.
 * Spec: docs/architecture.md, The commit rule.
 * Group commit: what queues up while a commit is under way is committed together, for a flush to disk costs as much for one piece
 * of work as for many. So work sees what the work before it has changed through its transaction only; memory that follows the commit
 * may be behind.
 * Not here: what is written. Everything that depends on a commit happens after `run` has resolved.
 * @module
 */
import type { Fence, Store } from "./ports.js";
import { Transaction } from "./transaction.js";

/** Pieces of work in one commit. */
export const worksPerCommitMax = 64;

interface Job {
  readonly work: (tx: Transaction) => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A job that has run and waits for the commit. */
interface Finished {
  readonly job: Job;
  readonly result: unknown;
  /** False if it looked at nothing and changed nothing: then it only waits its turn, and no failure is its own. */
  readonly depends: boolean;
}

/** Runs pieces of work one after the other; each commits as a whole or not at all. */
export class Ledger {
  readonly #store: Store;
  readonly #fence: Fence;
  readonly #queue: Job[] = [];
  #draining = false;

  constructor(store: Store, fence: Fence) {
    this.#store = store;
    this.#fence = fence;
  }

  /**
   * Runs `work` alone, commits what it changed in one go, and resolves with its result after that. If `work` throws,
   * nothing of it is committed. Not to be called from inside `work`: that would wait for itself.
   * @throws what `work` throws; StorageError if the commit fails, for instance `ERR_STORE_FENCED`.
   */
  run<T>(work: (tx: Transaction) => Promise<T> | T): Promise<T> {
    const result = new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, resolve: resolve as (result: unknown) => void, reject });
    });
    if (!this.#draining) void this.#drain();
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

  async #drain(): Promise<void> {
    this.#draining = true;
    await Promise.resolve(); // what is handed in within one turn goes together
    try {
      while (this.#queue.length > 0) await this.#commitGroup();
    } finally {
      this.#draining = false;
    }
  }

  async #commitGroup(): Promise<void> {
    const group = new Transaction(this.#store);
    const finished: Finished[] = [];
    for (let ran = 0; ran < worksPerCommitMax; ran++) {
      const job = this.#queue.shift();
      if (job === undefined) break;
      const outcome = await attempt(group, job);
      if (outcome !== undefined) finished.push(outcome);
    }
    try {
      const changes = group.changes;
      if (changes.length > 0) await this.#store.commit(changes, this.#fence);
    } catch (error) {
      group.undone(error);
      for (const { job, result, depends } of finished) {
        if (depends) job.reject(error);
        else job.resolve(result);
      }
      return;
    }
    for (const { job, result } of finished) job.resolve(result); // those who wait go on in a later turn than the tasks below
    group.committed();
  }
}

/** `undefined` if the work threw: then whoever asked for it has been told, and nobody else needs to be. */
async function attempt(group: Transaction, job: Job): Promise<Finished | undefined> {
  let depends = false;
  try {
    const result = await group.attempt(async (tx) => {
      const value = await job.work(tx);
      depends = tx.isTouched;
      return value;
    });
    return { job, result, depends };
  } catch (error) {
    job.reject(error);
    return undefined;
  }
}
