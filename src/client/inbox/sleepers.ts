/** Readers that wait for something to do. Not here: what there is (window.ts). @module */
import { AbortTasks } from "../../base/abort-tasks.js";

/** Whoever sleeps; all are woken together, and look again. */
export class Sleepers {
  readonly #asleep = new Set<() => void>();
  readonly #aborts = new AbortTasks();

  wake(): void {
    for (const wake of [...this.#asleep]) wake();
  }

  /** Resolves with the next {@link Sleepers.wake}, or when `signal` aborts. */
  sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#asleep.delete(wake);
        forgetSignal();
        resolve();
      };
      this.#asleep.add(wake);
      const forgetSignal = this.#aborts.add(signal, wake);
    });
  }
}
