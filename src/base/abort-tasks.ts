/**
 * What is to be done when a signal aborts, with one listener per signal however many share it: Node takes more than ten for a leak, and says so.
 * Not here: the errors (transport/connection/abort.ts).
 * @module
 */

/** Tasks by signal. */
export class AbortTasks {
  readonly #signals = new Map<AbortSignal, { readonly tasks: Set<() => void>; readonly stop: () => void }>();

  /** Calls `task` when `signal` aborts, which it has not yet. @returns takes it back */
  add(signal: AbortSignal, task: () => void): () => void {
    const { tasks, stop } = this.#signals.get(signal) ?? this.#listen(signal);
    tasks.add(task);
    return () => { if (tasks.delete(task) && tasks.size === 0) stop(); };
  }

  #listen(signal: AbortSignal): { readonly tasks: Set<() => void>; readonly stop: () => void } {
    const tasks = new Set<() => void>();
    const run = (): void => { for (const task of [...tasks]) task(); };
    const stop = (): void => {
      signal.removeEventListener("abort", run);
      this.#signals.delete(signal);
    };
    const listening = { tasks, stop };
    this.#signals.set(signal, listening);
    signal.addEventListener("abort", run);
    return listening;
  }
}
