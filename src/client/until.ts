/** Waiting for a state, with a signal: the same for connections and messages. @module */
import { apart } from "../base/apart.js";
import { UsageError } from "../base/errors.js";
import type { Observable } from "../base/events.js";

/** What a state means to whoever waits. */
export type Verdict<T> = { readonly value: T } | { readonly error: Error } | undefined;

/**
 * Resolves or rejects with the first verdict on a state of `source`.
 * @param obstacle what to name as the cause if `signal` aborts
 * @throws UsageError `ERR_ABORTED`
 */
export function until<S, T>(
  source: Observable<S>, signal: AbortSignal | undefined, judge: (state: S) => Verdict<T>, obstacle: (state: S) => Error | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const own = apart(signal);
    const settle = (): boolean => {
      const state = source.getSnapshot();
      const verdict = judge(state);
      if (verdict !== undefined && "value" in verdict) resolve(verdict.value);
      else if (verdict !== undefined) reject(verdict.error);
      else if (signal?.aborted === true) reject(aborted(obstacle(state)));
      else return false;
      return true;
    };
    if (settle()) return;
    const check = (): void => {
      if (!settle()) return;
      unsubscribe();
      own?.removeEventListener("abort", check);
    };
    const unsubscribe = source.subscribe(check);
    own?.addEventListener("abort", check);
  });
}

function aborted(cause: Error | undefined): UsageError {
  return new UsageError("ERR_ABORTED", "the wait was aborted before there was an outcome", cause === undefined ? {} : { cause });
}
