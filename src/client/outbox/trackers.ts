/** The handles of this run, by message id. Bounded: those of waiting messages, those that somebody watches, and the newest of the others. @module */
import type { SendTracker } from "./send-handle.js";

/** Handles of settled messages that nobody watches: they can still be told of a receipt or a refusal. */
export const idleTrackersMax = 1_000;
/** Handles of settled messages in all (threats H06). */
export const settledTrackersMax = 20_000;

/** Where news for a handle go. */
export class Trackers {
  readonly #waiting = new Map<string, SendTracker>();
  /** The newest stand last. */
  readonly #settled = new Map<string, SendTracker>();
  readonly #onForgotten: (id: string) => void;

  /** @param onForgotten called for each that is let go */
  constructor(onForgotten: (id: string) => void = () => undefined) {
    this.#onForgotten = onForgotten;
  }

  add(tracker: SendTracker): void {
    this.#waiting.set(tracker.id, tracker);
  }

  get(id: string): SendTracker | undefined {
    return this.#waiting.get(id) ?? this.#settled.get(id);
  }

  /** The message has left the outbox. */
  settle(id: string): void {
    const tracker = this.#waiting.get(id);
    if (tracker === undefined) return;
    this.#waiting.delete(id);
    this.#settled.set(id, tracker);
    // Two looks for each one that is added: the oldest that nobody watches go, the watched ones move to the end.
    for (let looks = 0; looks < 2 && this.#settled.size > idleTrackersMax; looks++) this.#lookAtOldest();
  }

  #lookAtOldest(): void {
    const oldest = this.#settled.entries().next();
    if (oldest.done === true) return;
    const [id, tracker] = oldest.value;
    this.#settled.delete(id);
    if (tracker.isWatched && this.#settled.size < settledTrackersMax) this.#settled.set(id, tracker);
    else this.#onForgotten(id);
  }
}
