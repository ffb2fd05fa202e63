/** One way to say "aborted" and to wait with a signal and a deadline. @module */
import type { Clock } from "../../base/clock.js";
import { UsageError } from "../../base/errors.js";
import { TransportError } from "../errors.js";

/** The error of a call that its caller aborted. The signal's reason is kept as `cause`. */
export function abortError(signal: AbortSignal | undefined): UsageError {
  return new UsageError("ERR_ABORTED", "the caller aborted", signal === undefined ? {} : { cause: signal.reason as unknown });
}

/** Names of the phases of connecting, as they stand in `details.phase` of `ERR_CONNECT_TIMEOUT`. */
export type ConnectPhase = "socket" | "tls" | "header" | "features" | "authentication" | "binding" | "session";

/** The error of a phase that did not end in time. */
export function phaseTimeout(phase: ConnectPhase): TransportError {
  return new TransportError("ERR_CONNECT_TIMEOUT", "a phase of connecting did not end in time", { retryable: true, details: { phase } });
}

/** What bounds a wait. */
export interface Bounds {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Settles as `work` does, or rejects at the deadline or when the signal fires, whichever is first; then nothing of it is left:
 * no timer, no listener. `work` itself is not stopped by this; whoever owns it does that.
 */
export function bounded<T>(work: Promise<T>, phase: ConnectPhase, bounds: Bounds): Promise<T> {
  return new Promise((resolve, reject) => {
    const { signal } = bounds;
    const onAbort = (): void => { finish(() => { reject(abortError(signal)); }); };
    const cancelTimeout = bounds.clock.schedule(bounds.timeoutMs, () => { finish(() => { reject(phaseTimeout(phase)); }); });
    const finish = (settle: () => void): void => {
      cancelTimeout();
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    work.then((value) => { finish(() => { resolve(value); }); }, (error: unknown) => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passes on what `work` rejected with
      finish(() => { reject(error); });
    });
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
  });
}
