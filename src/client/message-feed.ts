/**
 * Broadcast of messages: every reader sees every message from the moment it starts to read.
 * What was committed before the first reader came is kept by the inbox and offered to that first reader.
 * @module
 */
import { ClientError } from "./errors.js";

/** Messages that a slow reader may leave unread before it is told. */
export const unreadPerReaderMax = 10_000;

interface Reader<T> {
  readonly queue: T[];
  wake: (() => void) | undefined;
  overflown: boolean;
}

/** A source that any number of `for await` loops can read side by side. */
export class MessageFeed<T> {
  readonly #readers = new Set<Reader<T>>();
  readonly #onFirstReader: () => void;
  #closed = false;

  /** `onFirstReader` is called when the number of readers rises from zero. */
  constructor(onFirstReader: () => void) {
    this.#onFirstReader = onFirstReader;
  }

  /** Number of readers. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Hands `message` to every reader. */
  publish(message: T): void {
    for (const reader of this.#readers) {
      if (reader.queue.length >= unreadPerReaderMax) reader.overflown = true;
      else reader.queue.push(message);
      reader.wake?.();
    }
  }

  /** Ends all readers after what they still have to read. */
  close(): void {
    this.#closed = true;
    for (const reader of this.#readers) reader.wake?.();
  }

  /**
   * Reads from now on, until `signal` aborts or the feed closes; both end the loop without an error.
   * @throws ClientError `ERR_FEED_OVERFLOW` after {@link unreadPerReaderMax} unread messages.
   */
  read(signal?: AbortSignal): AsyncIterableIterator<T> {
    const reader: Reader<T> = { queue: [], wake: undefined, overflown: false };
    const wake = (): void => reader.wake?.();
    signal?.addEventListener("abort", wake);
    const finish = (): IteratorResult<T> => {
      signal?.removeEventListener("abort", wake);
      this.#readers.delete(reader);
      return { done: true, value: undefined };
    };
    // Registered at once, not at the first next(): what arrives in between belongs to this reader.
    this.#readers.add(reader);
    if (this.#readers.size === 1) this.#onFirstReader();
    const next = async (): Promise<IteratorResult<T>> => {
      for (;;) {
        if (signal?.aborted === true) return finish();
        const message = reader.queue.shift();
        if (message !== undefined) return { done: false, value: message };
        if (reader.overflown) {
          finish();
          throw new ClientError("ERR_FEED_OVERFLOW", "this reader fell too far behind", { details: { unread: unreadPerReaderMax } });
        }
        if (this.#closed || !this.#readers.has(reader)) return finish();
        await new Promise<void>((resolve) => { reader.wake = resolve; });
        reader.wake = undefined;
      }
    };
    return {
      next,
      return: () => {
        const done = finish();
        reader.wake?.();
        return Promise.resolve(done);
      },
      [Symbol.asyncIterator]() { return this; },
    };
  }
}
