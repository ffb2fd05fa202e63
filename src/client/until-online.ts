/** Waiting for the connection, wherever the client works. @module */
import { UsageError } from "../base/errors.js";
import type { Observable } from "../base/events.js";
import { ClientError } from "./errors.js";
import type { ClientStatus } from "./status.js";
import { until } from "./until.js";

/** Resolves when the client is online. @throws as {@link SottoClient.ready} */
export function untilOnline(status: Observable<ClientStatus>, signal: AbortSignal | undefined): Promise<void> {
  return until(status, signal, (now) => {
    if (now.kind === "online") return { value: undefined };
    if (now.kind === "stopped") return { error: now.error };
    if (now.kind === "closed") return { error: closed() };
    return undefined;
  }, (now) => (now.kind === "waiting" ? now.error : undefined));
}

/** Resolves when `work` is over, or nobody waits for it any more. */
export function settledOrAborted(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => { resolve(); };
    work.then(done, done);
    if (signal?.aborted === true) done();
    else signal?.addEventListener("abort", done, { once: true });
  });
}

/** What a call is answered that needs a stream, while there is none: whoever tries again as long as that may help comes to an end (threats Q21). */
export function offline(status: ClientStatus): UsageError | ClientError {
  if (status.kind === "closed") return closed();
  return new ClientError("ERR_OFFLINE", "there is no stream", status.kind === "stopped" ? { cause: status.error } : { retryable: true });
}

/** What a client that is closed answers. */
export const closed = (): UsageError => new UsageError("ERR_CLOSED", "the client is closed");
