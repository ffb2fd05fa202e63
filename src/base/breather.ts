/**
 * Long work in pieces, so that a page keeps answering its user (docs/architecture.md, What things cost). The other way, a worker, is in tabs/.
 * @module
 */
import type { Clock } from "./clock.js";
import { threadKeptMs } from "./limits.js";

/** One for each piece of work that goes through many things of one kind, begun when the work begins. */
export class Breather {
  readonly #clock: Pick<Clock, "monotonic">;
  #since: number;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** To be awaited between two of them: gives the thread to others if it was kept for too long, and is over at once if not. */
  async pause(): Promise<void> {
    if (this.#clock.monotonic() - this.#since < threadKeptMs) return;
    // After what waits for the thread by now. Not a timer: those wait at least 4 ms, and a second in tabs that nobody sees.
    const { port1, port2 } = new MessageChannel();
    await new Promise((resolve) => {
      port1.onmessage = resolve;
      port2.postMessage(0);
    });
    port1.close();
    this.#since = this.#clock.monotonic();
  }
}
