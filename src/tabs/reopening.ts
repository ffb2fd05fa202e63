/**
 * What could not be read at once, such as for want of a store: it is asked for again, or what is shown would be stale for ever.
 * Not here: what is watched (watches.ts), messages that are followed (served-follows.ts).
 * @module
 */
import { type Clock, systemClock } from "../base/clock.js";

/** Milliseconds from a failure until it is tried again. */
const pauseMs = 1_000;

/** All of them with one timer. */
export class Reopening<T> {
  readonly #open: (each: T) => void;
  readonly #clock: Clock;
  readonly #waiting = new Set<T>();
  #cancel: (() => void) | undefined;

  constructor(open: (each: T) => void, clock: Clock = systemClock) {
    this.#open = open;
    this.#clock = clock;
  }

  later(each: T): void {
    this.#waiting.add(each);
    this.#cancel ??= this.#clock.schedule(pauseMs, () => {
      const due = [...this.#waiting];
      this.stop();
      for (const one of due) this.#open(one);
    });
  }

  /** Nothing is asked for again. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#waiting.clear();
  }
}
