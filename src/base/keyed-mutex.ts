/** One task at a time per key, in the order of the calls. @module */

/** Serialises tasks that share a key; tasks of different keys run side by side. */
export class KeyedMutex<K> {
  readonly #tails = new Map<K, Promise<void>>();

  /** Runs `task` after all earlier tasks of `key` have settled. Settles as `task` does. */
  run<T>(key: K, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(task);
    const tail = result.then(() => undefined, () => undefined);
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return result;
  }

  /** Keys with running or waiting tasks. */
  get size(): number {
    return this.#tails.size;
  }
}
