/**
 * A stanza that has begun has a deadline (threats P11); between stanzas the server may be silent.
 * Not here: what happens then (chassis.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { stanzaTimeoutMs } from "../../base/limits.js";

/** One timer, at most. */
export class StanzaDeadline {
  readonly #clock: Clock;
  readonly #passed: () => void;
  #cancel: (() => void) | undefined;

  /** `passed` is called when a stanza was not complete in time. */
  constructor(clock: Clock, passed: () => void) {
    this.#clock = clock;
    this.#passed = passed;
  }

  /** After each piece of input: `unfinished` if a stanza is, `completed` if one was within the piece. */
  watch(unfinished: boolean, completed: boolean): void {
    if (!unfinished || completed) this.stop();
    if (unfinished) this.#cancel ??= this.#clock.schedule(stanzaTimeoutMs, this.#passed);
  }

  /** Nothing is waited for. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
