/**
 * How often something may happen per subject: at most so many times within a window, in memory.
 * Threats H06, L02. Not here: automatic messages (follow-ups.ts), which have limits of their own.
 * @module
 */
import type { Clock } from "../base/clock.js";
import { remember } from "../base/recent.js";

/** Subjects that are remembered; the oldest are forgotten first. */
const rememberedMax = 1_000;

/** Counts per subject. */
export class RateLimit {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #max: number;
  readonly #windowMs: number;
  readonly #times = new Map<string, readonly number[]>();

  constructor(clock: Pick<Clock, "monotonic">, max: number, windowMs: number) {
    this.#clock = clock;
    this.#max = max;
    this.#windowMs = windowMs;
  }

  /** Whether it may happen now; if so, it counts. */
  allow(subject: string): boolean {
    const now = this.#clock.monotonic();
    const times = (this.#times.get(subject) ?? []).filter((time) => now - time < this.#windowMs);
    if (times.length >= this.#max) return false;
    remember(this.#times, subject, [...times, now], rememberedMax);
    return true;
  }

  /** It did not happen after all. */
  giveBack(subject: string): void {
    this.#times.set(subject, (this.#times.get(subject) ?? []).slice(0, -1));
  }
}
