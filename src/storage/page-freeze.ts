/**
 * Transactions of a page that may be frozen. A frozen page gets no answers from its database, but what it has open there keeps every other tab
 * out, in Chromium for a minute. So in the moment of the freeze open transactions are taken back, and made anew when the page runs again.
 * Spec: Page Lifecycle (WICG), `freeze` and `resume`; they are told to pages, not to workers.
 * Not here: what is done in a transaction (indexeddb.ts), lost connections (indexeddb-database.ts).
 * @module
 */

/** The part of a page's document that tells. */
export interface FreezableDocument {
  addEventListener(type: "freeze" | "resume", listener: () => void): void;
  removeEventListener(type: "freeze" | "resume", listener: () => void): void;
}

/** Watches from {@link PageFreeze.start} to {@link PageFreeze.stop}. */
export class PageFreeze {
  readonly #document: FreezableDocument | undefined;
  readonly #open = new Set<IDBTransaction>();
  #thawed: Promise<void> | undefined;
  #thaw: () => void = () => undefined;

  /** @param document `undefined` in workers: nobody tells them. */
  constructor(document: FreezableDocument | undefined) {
    this.#document = document;
  }

  start(): void {
    this.#document?.addEventListener("freeze", this.#onFreeze);
    this.#document?.addEventListener("resume", this.#onResume);
  }

  stop(): void {
    this.#document?.removeEventListener("freeze", this.#onFreeze);
    this.#document?.removeEventListener("resume", this.#onResume);
    this.#onResume();
  }

  /** Runs `work` in a transaction that `begin` makes, and once more after a freeze that took it back. */
  async run<T>(begin: () => IDBTransaction, work: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#thawed !== undefined) await this.#thawed; // what was computed in a frozen page may come here
      const transaction = begin();
      this.#open.add(transaction);
      try {
        return await work(transaction);
      } catch (error) {
        if (this.#open.has(transaction)) throw error;
      } finally {
        this.#open.delete(transaction);
      }
    }
  }

  readonly #onFreeze = (): void => {
    this.#thawed ??= new Promise((resolve) => { this.#thaw = resolve; });
    for (const transaction of this.#open) {
      try {
        transaction.abort();
        this.#open.delete(transaction); // nothing of it is kept: it can be made anew
      } catch {
        continue; // it is being completed already, and holds nobody up
      }
    }
  };

  readonly #onResume = (): void => {
    this.#thawed = undefined;
    this.#thaw();
  };
}
