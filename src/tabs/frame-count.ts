/**
 * Counts the frames between a tab that follows and its leader: none is taken twice or out of order, and one that is missing is noticed.
 * Not here: the leader's side of it (leadership.ts), what is repeated after a loss (facade.ts).
 * @module
 */

/** One session's, both directions. A session begins with each leader and after each loss. */
export class FrameCount {
  #sent = 0;
  #received = 0;

  /** @returns the number of the next frame to the leader */
  next(): number {
    this.#sent += 1;
    return this.#sent - 1;
  }

  /** @returns whether the leader's frame `n` is the next one, was had before, or comes after one that is missing */
  take(n: number): "next" | "had" | "gap" {
    if (n < this.#received) return "had";
    if (n > this.#received) return "gap";
    this.#received += 1;
    return "next";
  }
}
