/**
 * Stores that have ended under a leader, whichever tab that was: the next leader opens the store anew, later each time, and after too many, or
 * one that was deleted on purpose, nobody does. Every tab counts alike, for each may be the next.
 * Spec: threats D07, D10; docs/decisions/0013-tabs-and-workers.md. Not here: giving the lead up (leadership.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { leaderOpenAttemptsMax, leaderOpenRetryMs, storeLossesForgottenMs } from "../base/limits.js";
import type { AnySottoError } from "../client/errors.js";

/** See the module. */
export class StoreLosses {
  readonly #clock: Clock;
  #last: { readonly times: number; readonly error: AnySottoError; readonly at: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A store has ended under this tab. @returns how often that has happened lately, for the other tabs */
  add(error: AnySottoError): number {
    return this.heard(isMeant(error) ? leaderOpenAttemptsMax + 1 : this.#lately.times + 1, error);
  }

  /** One has ended under another tab. */
  heard(times: number, error: AnySottoError): number {
    this.#last = { times, error, at: this.#clock.monotonic() };
    return times;
  }

  /** Why no store is to be opened any more. */
  get refusal(): AnySottoError | undefined {
    const { times, error } = this.#lately;
    return times > leaderOpenAttemptsMax ? error : undefined;
  }

  /** Milliseconds before the next one is opened: none after the first, nor if none is to be. */
  get pauseMs(): number {
    const { times } = this.#lately;
    return times < 2 || times > leaderOpenAttemptsMax ? 0 : leaderOpenRetryMs * 2 ** (times - 2);
  }

  get #lately(): { readonly times: number; readonly error?: AnySottoError } {
    return this.#last !== undefined && this.#clock.monotonic() - this.#last.at <= storeLossesForgottenMs ? this.#last : { times: 0 };
  }
}

/**
 * Whoever destroys a store wants no new device in its place, and whoever takes it over keeps it: taking it back would go on for ever. Nor can anybody
 * trust an adapter that breaks its promises.
 */
export function isMeant({ code, details }: AnySottoError): boolean {
  return code === "ERR_STORE_CONTRACT" || code === "ERR_STORE_FENCED" || (code === "ERR_STORE_CLOSED" && details["reason"] === "deleted");
}
