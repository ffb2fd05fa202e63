/**
 * The handles of this run, by message id. Bounded: those of waiting messages, those that somebody watches, and the newest of the others. One that
 * is let go can be added again.
 * @module
 */
import type { SendTracker } from "./send-handle.js";

/** Handles of settled messages that nobody watches: they can still be told of a receipt or a refusal. */
export const idleTrackersMax = 1_000;
/** Handles of settled messages in all (threats H06): more are let go though somebody watches them. */
export const settledTrackersMax = 20_000;

/** Where news for a handle go. */
export class Trackers {
  readonly #waiting = new Map<string, SendTracker>();
  /** The newest stand last. */
  readonly #settled = new Map<string, SendTracker>();
  readonly #onForgotten: (id: string, tracker: SendTracker) => void;
  #end: Error | undefined;

  /** @param onForgotten called for each that is let go */
  constructor(onForgotten: (id: string, tracker: SendTracker) => void = () => undefined) {
    this.#onForgotten = onForgotten;
  }

  add(tracker: SendTracker): void {
    this.#waiting.set(tracker.id, tracker);
    if (this.#end !== undefined) tracker.end(this.#end);
  }

  /** No news will come any more, for these and for those that are added yet. */
  end(reason: Error): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    for (const tracker of [...this.#waiting.values(), ...this.#settled.values()]) tracker.end(reason);
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
    if (this.#settled.size > settledTrackersMax) this.#letOneGo();
  }

  #lookAtOldest(): void {
    const oldest = this.#settled.values().next();
    if (oldest.done === true) return;
    const tracker = oldest.value;
    this.#settled.delete(tracker.id);
    if (tracker.isWatched) this.#settled.set(tracker.id, tracker);
    else this.#onForgotten(tracker.id, tracker);
  }

  /** The oldest that nobody watches; the oldest of all if there is none. */
  #letOneGo(): void {
    let chosen: SendTracker | undefined;
    for (const tracker of this.#settled.values()) {
      chosen ??= tracker;
      if (tracker.isWatched) continue;
      chosen = tracker;
      break;
    }
    if (chosen === undefined) return;
    this.#settled.delete(chosen.id);
    this.#onForgotten(chosen.id, chosen);
  }
}
