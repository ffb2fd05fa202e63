/** Readers that wait for something to do. Not here: what there is (window.ts). @module */

/** Whoever sleeps; all are woken together, and look again. */
export class Sleepers {
  readonly #asleep = new Set<() => void>();

  wake(): void {
    const asleep = [...this.#asleep];
    this.#asleep.clear();
    for (const wake of asleep) wake();
  }

  /** Resolves with the next {@link Sleepers.wake}, or when `signal` aborts. */
  sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#asleep.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#asleep.add(wake);
      signal.addEventListener("abort", wake);
    });
  }
}
