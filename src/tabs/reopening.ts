/**
 * States that a new leader could not tell at once, such as for want of its store: they are asked for again, or what is shown would be stale for ever.
 * Not here: what is watched (watches.ts).
 * @module
 */
import { type Clock, systemClock } from "../base/clock.js";

/** Milliseconds from a failure until it is tried again. */
const pauseMs = 1_000;

/** All of them with one timer. */
export class Reopening {
  readonly #open: (id: number) => void;
  readonly #clock: Clock;
  readonly #ids = new Set<number>();
  #cancel: (() => void) | undefined;

  constructor(open: (id: number) => void, clock: Clock = systemClock) {
    this.#open = open;
    this.#clock = clock;
  }

  later(id: number): void {
    this.#ids.add(id);
    this.#cancel ??= this.#clock.schedule(pauseMs, () => {
      const ids = [...this.#ids];
      this.stop();
      for (const each of ids) this.#open(each);
    });
  }

  /** Nothing is asked for again. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#ids.clear();
  }
}
