/**
 * A client over a link, or the end of the link. Whoever asks for one may lose patience: beside a frozen leader a hidden tab waits until somebody
 * looks at it.
 * Not here: the client (facade.ts), links (hub.ts, worker-client.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import type { Client } from "../client/surface.js";
import { createFacade } from "./facade.js";
import type { LeaderLink } from "./link.js";

/** As {@link createFacade}; if that fails the link is closed. @throws UsageError `ERR_ABORTED` at once, while the link is being closed */
export async function beginClient(link: LeaderLink, signal: AbortSignal | undefined): Promise<Client> {
  try {
    return await unlessAborted(createFacade(link), signal);
  } catch (error) {
    const closed = link.close();
    if (signal?.aborted === true) closed.catch(() => undefined); // who aborts does not wait for a stream's goodbye
    else await closed;
    throw error;
  }
}

/** The error of a client that was not waited for. The signal's reason is kept as `cause`. */
export function abortedBegin(signal: AbortSignal | undefined): UsageError {
  return new UsageError("ERR_ABORTED", "the caller aborted before there was a client", signal === undefined ? {} : { cause: signal.reason as unknown });
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const aborted = (): void => { reject(abortedBegin(signal)); };
    signal.addEventListener("abort", aborted);
    work.then(resolve, reject).finally(() => { signal.removeEventListener("abort", aborted); });
    if (signal.aborted) aborted();
  });
}
