/**
 * A stanza that has begun has a deadline (threats P11); between stanzas the server may be silent. Each byte buys the time that the
 * slowest link needs for it, so that a long stanza arrives over such a link, and a drip of single bytes gains nothing.
 * Not here: what happens then (chassis.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { slowLinkBytesPerSecond, stanzaTimeoutMs } from "../../base/limits.js";

/** One timer, at most. */
export class StanzaDeadline {
  readonly #clock: Clock;
  readonly #passed: () => void;
  #cancel: (() => void) | undefined;
  #atMs = 0;
  #progressAt: number | undefined;

  /** `passed` is called when a stanza was not complete in time. */
  constructor(clock: Clock, passed: () => void) {
    this.#clock = clock;
    this.#passed = passed;
  }

  /** When the last piece of an unfinished stanza came; `undefined` while there is none. */
  get progressAt(): number | undefined {
    return this.#progressAt;
  }

  /** After each piece of input, of so many bytes: `unfinished` if a stanza is, `completed` if one was within the piece. */
  watch(bytes: number, unfinished: boolean, completed: boolean): void {
    if (!unfinished || completed) this.stop();
    if (!unfinished) return;
    this.#progressAt = this.#clock.monotonic();
    if (this.#cancel !== undefined) {
      this.#atMs += (1000 * bytes) / slowLinkBytesPerSecond;
      return;
    }
    this.#atMs = this.#progressAt + stanzaTimeoutMs;
    this.#wait(stanzaTimeoutMs);
  }

  /** Nothing is waited for. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#progressAt = undefined;
  }

  /** Looks again at what was bought meanwhile: no timer is set anew for each piece. */
  #wait(ms: number): void {
    this.#cancel = this.#clock.schedule(ms, () => {
      const leftMs = Math.ceil(this.#atMs - this.#clock.monotonic());
      if (leftMs > 0) this.#wait(leftMs);
      else this.#passed();
    });
  }
}
