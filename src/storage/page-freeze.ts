/**
 * Transactions of a page that may be frozen. A frozen page gets no answers from its database, but what it has open there keeps every other tab
 * out, in Chromium for a minute. So in the moment of the freeze open transactions are taken back, and made anew when the page runs again.
 * Spec: Page Lifecycle (WICG), `freeze` and `resume`. They are told to pages; a worker's page passes them on (tabs/worker-page.ts).
 * Not here: what is done in a transaction (indexeddb.ts), lost connections (indexeddb-database.ts).
 * @module
 */

/** The part of a page's document that tells; in a worker, of its global scope. */
export interface FreezableDocument {
  addEventListener(type: "freeze" | "resume", listener: () => void): void;
  removeEventListener(type: "freeze" | "resume", listener: () => void): void;
}

/** Who tells here: the page's document, or the worker's scope, at which serveWorker repeats what its page was told. */
export function platformLifecycle(): FreezableDocument | undefined {
  const scope = globalThis as Partial<FreezableDocument> & { readonly document?: FreezableDocument };
  if (scope.document !== undefined) return scope.document;
  return scope.addEventListener === undefined ? undefined : scope as FreezableDocument;
}

/** Watches from {@link PageFreeze.start} to {@link PageFreeze.stop}. */
export class PageFreeze {
  readonly #document: FreezableDocument | undefined;
  /** Open transactions, with the turns of their runs. */
  readonly #open = new Map<IDBTransaction, number>();
  /** Turns that wait: they begin in their order, as transactions do. */
  readonly #behind = new Set<number>();
  #waiting: (() => void)[] = [];
  #turns = 0;
  #frozen = false;

  /** @param document `undefined` where nobody freezes anything */
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
    const turn = ++this.#turns;
    for (;;) {
      while (this.#mustWait(turn)) { // what was computed in a frozen page may come here
        this.#behind.add(turn);
        await new Promise<void>((resolve) => { this.#waiting.push(resolve); });
      }
      this.#goesOn(turn);
      const transaction = begin();
      this.#open.set(transaction, turn);
      try {
        const result = await work(transaction);
        this.#goesOn(turn);
        return result;
      } catch (error) {
        if (this.#open.has(transaction)) throw error;
      } finally {
        this.#open.delete(transaction);
      }
    }
  }

  #mustWait(turn: number): boolean {
    return this.#frozen || [...this.#behind].some((earlier) => earlier < turn);
  }

  #goesOn(turn: number): void {
    if (this.#behind.delete(turn)) this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  readonly #onFreeze = (): void => {
    this.#frozen = true;
    for (const [transaction, turn] of this.#open) {
      try {
        transaction.abort();
        this.#open.delete(transaction); // nothing of it is kept: it can be made anew
        this.#behind.add(turn);
      } catch {
        continue; // it is being completed already, and holds nobody up
      }
    }
  };

  readonly #onResume = (): void => {
    this.#frozen = false;
    this.#wake();
  };
}
