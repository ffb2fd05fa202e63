/**
 * `messages()`: broadcast, resumable. Every reader gets every message of others and of our other devices, once and in order: first from
 * the log, where its cursor is behind, then as it comes. A reader that falls behind goes on from the log: nothing is lost, and little
 * is held in memory (threats H06).
 * Where no cursor is given, the first reader begins where the last one of all ended, also across restarts.
 * Not here: acknowledgements (inbox/), pages and projections (log/).
 * @module
 */
import { utf8, utf8Decode } from "../base/bytes.js";
import type { Unsubscribe } from "../base/events.js";
import type { Ledger } from "../session/ledger.js";
import { type Store, storeKey, type StoreKey } from "../session/ports.js";
import { placesWhole, readWhole } from "./log/damaged.js";
import type { MessageLog } from "./log/message-log.js";
import { timelineKind } from "./log/message-record.js";
import type { Message } from "./message.js";

/** Messages that are held for a reader before it goes on from the log. */
export const heldPerReaderMax = 256;
const pageSize = 100;
const key: StoreKey = storeKey("client/feed");

interface Reader {
  /** Everything up to here was looked at. */
  position: number;
  queue: Message[];
  /** True while the log may hold more than the queue. */
  behind: boolean;
  /** Something was added since the log was last looked at. */
  missed: boolean;
  wake: (() => void) | undefined;
}

export interface FeedDeps {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly log: MessageLog;
  readonly onError: (error: unknown) => void;
}

/** A source that any number of `for await` loops can read side by side. */
export class MessageFeed {
  readonly #d: FeedDeps;
  readonly #readers = new Set<Reader>();
  readonly #unsubscribe: Unsubscribe;
  /** Up to where readers without a cursor of their own have read. */
  #handed: number;
  #saved: number;
  #saving: Promise<void> | undefined;
  #implicit = 0;
  #closed = false;

  private constructor(deps: FeedDeps, handed: number) {
    this.#d = deps;
    this.#handed = handed;
    this.#saved = handed;
    this.#unsubscribe = deps.log.onChange(({ kind, message }) => { if (kind === "added") this.#publish(message); });
  }

  static async load(deps: FeedDeps): Promise<MessageFeed> {
    const row = await deps.store.get(key);
    return new MessageFeed(deps, row === undefined ? 0 : Number(utf8Decode(row)));
  }

  /** Number of readers. */
  get readers(): number {
    return this.#readers.size;
  }

  /** Ends all readers after what is held for them. What they read from now on is not noted: the next run hands it out again. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    for (const reader of this.#readers) reader.wake?.();
    await this.#saving;
  }

  /**
   * Reads until `signal` aborts or the feed closes; both end the loop without an error.
   * @param options `after`: begin behind this {@link Message.position}; `resume`: the same for a reader without a cursor of its own, which
   *   began in an earlier run
   * @throws StorageError out of `next()`; that ends the reader, and the next one without a cursor goes on behind what it handed out
   */
  read(options: { readonly after?: number; readonly resume?: number; readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Message> {
    const { after, resume, signal } = options;
    // Registered at once, not at the first next(): what arrives in between belongs to this reader.
    const reader = this.#register(after, resume);
    const wake = (): void => reader.wake?.();
    signal?.addEventListener("abort", wake);
    const finish = (): IteratorResult<Message> => {
      signal?.removeEventListener("abort", wake);
      if (this.#readers.delete(reader) && after === undefined) this.#implicit -= 1;
      wake();
      return { done: true, value: undefined };
    };
    return {
      next: async () => {
        try {
          for (;;) {
            if (signal?.aborted === true || !this.#readers.has(reader)) return finish();
            const message = reader.queue.shift();
            if (message !== undefined) {
              if (after === undefined) this.#hand(message.position);
              return { done: false, value: message };
            }
            if (this.#closed) return finish();
            if (reader.behind) await this.#readLog(reader);
            else await new Promise<void>((resolve) => { reader.wake = resolve; });
            reader.wake = undefined;
          }
        } catch (error) {
          finish(); // a loop does not call return() then, and the next one begins where this one ended
          throw error;
        }
      },
      return: () => Promise.resolve(finish()),
      [Symbol.asyncIterator]() { return this; },
    };
  }

  /** Where a reader begins that has no cursor. */
  get start(): number {
    return this.#implicit > 0 ? this.#d.log.last : this.#handed;
  }

  #register(after: number | undefined, resume: number | undefined): Reader {
    const fromNow = after === undefined && resume === undefined && this.#implicit > 0;
    if (after === undefined) this.#implicit += 1;
    const position = fromNow ? 0 : Math.max(0, after ?? resume ?? this.#handed); // from now on: whatever is told is new
    const reader: Reader = { position, queue: [], behind: !fromNow, missed: false, wake: undefined };
    this.#readers.add(reader);
    return reader;
  }

  #publish(message: Message): void {
    if (!isOffered(message)) return;
    for (const reader of this.#readers) {
      if (message.position <= reader.position) continue;
      if (!reader.behind && reader.queue.length < heldPerReaderMax) {
        reader.queue.push(message);
        reader.position = message.position;
      } else {
        reader.behind = true;
        reader.missed = true;
      }
      reader.wake?.();
    }
  }

  async #readLog(reader: Reader): Promise<void> {
    reader.missed = false;
    const { log, onError } = this.#d;
    const places = await placesWhole(log, reader.position, pageSize, onError); // one row that is damaged keeps nothing else back (threats D13)
    const last = places.at(-1);
    // What is committed is in the log before it is published: nothing was missed if nothing came since.
    if (last === undefined) reader.behind = reader.missed;
    else {
      const offered = places.filter(({ kind }) => kind === "received" || kind === "carbon");
      reader.queue.push(...await readWhole(log, offered, onError));
      reader.position = last.position;
    }
  }

  #hand(position: number): void {
    if (position <= this.#handed) return;
    this.#handed = position;
    if (!this.#closed) this.#saving ??= this.#save().catch(this.#d.onError).finally(() => { this.#saving = undefined; });
  }

  /** One write at a time, for whatever was handed out meanwhile. */
  async #save(): Promise<void> {
    while (this.#saved < this.#handed) {
      const handed = this.#handed;
      await this.#d.ledger.run((tx) => { tx.put(key, utf8(String(handed))); });
      this.#saved = handed;
    }
  }
}

/** Own messages are their sender's to know, and what cannot be read is an event; history from before this device is history. */
function isOffered(message: Message): boolean {
  const kind = timelineKind(message);
  return message.position > 0 && (kind === "received" || kind === "carbon");
}
