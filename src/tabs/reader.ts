/**
 * Readers of items that come one by one: `messages()` and the inbox. Under a new leader a reader goes on behind the last item that it has seen.
 * Not here: the leader's readers (served-tab.ts).
 * @module
 */
import type { AnySottoError } from "../client/errors.js";
import type { Calls } from "./calls.js";
import type { HostFrame, ReaderStart } from "./frames.js";
import { fromWire } from "./wire.js";

/** How a reader goes on. */
export interface ReaderOptions<T> {
  /** Where to begin, under this leader or the next one. */
  readonly from: () => ReaderStart;
  /** An item was handed to the application. */
  readonly handed?: (item: T) => void;
  /** Where the leader has begun. */
  readonly started?: (start: number, log: string | undefined) => void;
  readonly signal?: AbortSignal | undefined;
}

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: Error) => void;
}

/** Reads until the leader ends it, `signal` aborts, or the facade closes. */
export function remoteReader<T>(calls: Calls, { from, handed, started, signal }: ReaderOptions<T>): AsyncIterableIterator<T> {
  const id = calls.newId();
  const waiters: Waiter<T>[] = [];
  let over = false;
  /** Why it is over, if nobody was waiting who could be told. */
  let untold: AnySottoError | undefined;
  const done = (): IteratorResult<T> => ({ done: true, value: undefined });
  const finish = (error?: AnySottoError): void => {
    if (over) return;
    over = true;
    stop();
    signal?.removeEventListener("abort", onAbort);
    calls.tell({ kind: "return", id });
    const [first, ...rest] = waiters.splice(0);
    if (error !== undefined && first !== undefined) first.reject(error);
    else {
      untold = error;
      first?.resolve(done());
    }
    for (const { resolve } of rest) resolve(done());
  };
  const onAbort = (): void => { finish(); };
  const take = (frame: HostFrame): void => {
    if (!("id" in frame) || frame.id !== id) return;
    if (frame.kind === "started") started?.(frame.start, frame.log);
    else if (frame.kind === "item") {
      const item = frame.item as T;
      handed?.(item);
      waiters.shift()?.resolve({ done: false, value: item });
      if (waiters.length > 0) calls.tell({ kind: "next", id });
    } else if (frame.kind === "end") finish(frame.error === undefined ? undefined : fromWire(frame.error));
    else if (frame.kind === "error") finish(fromWire(frame.error));
  };
  const begin = (): void => {
    calls.tell({ kind: "read", id, from: from() });
    if (waiters.length > 0) calls.tell({ kind: "next", id });
  };
  const stop = calls.follow({ begin, take, end: (error) => { finish(error.code === "ERR_CLOSED" ? undefined : error); } });
  if (signal?.aborted === true) finish();
  else if (calls.end !== undefined) finish(calls.end); // nobody would ever say so
  else signal?.addEventListener("abort", onAbort);
  return {
    next: () => new Promise((resolve, reject) => {
      if (untold !== undefined) reject(untold);
      else if (over) resolve(done());
      // One is asked for at a time: the leader answers in order.
      else if (waiters.push({ resolve, reject }) === 1) calls.tell({ kind: "next", id });
      untold = undefined;
    }),
    return: () => {
      finish();
      untold = undefined;
      return Promise.resolve(done());
    },
    [Symbol.asyncIterator]() { return this; },
  };
}
