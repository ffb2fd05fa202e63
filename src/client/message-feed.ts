/**
 * `messages()`: broadcast, resumable. Every reader gets every message of others and of our other devices, once and in order: first from
 * the log, where its cursor is behind, then as it comes. A reader that falls behind goes on from the log: nothing is lost, and little
 * is held in memory (threats H06).
 * Where no cursor is given, the first reader begins at a mark that is kept, also across restarts, and further ones begin now. The mark is
 * where the slowest of these readers is: after a crash or {@link MessageFeed.close} the next run gets what any of them had not, and so
 * perhaps some of it again. A reader that the application ends - `break`, `return()`, its signal - no longer counts; what it alone was to get
 * is given up when another one goes on, not by ending all of them. Handed out is what `next()` has given, be it handled or not.
 * Not here: acknowledgements (inbox/), pages and projections (log/).
 * @module
 */
import { apart } from "../base/apart.js";
import { utf8 } from "../base/bytes.js";
import type { SottoError } from "../base/errors.js";
import type { Unsubscribe } from "../base/events.js";
import type { Ledger } from "../session/ledger.js";
import { type Store, storeKey, type StoreKey } from "../session/ports.js";
import { unlessDamaged } from "./damaged.js";
import { notedPosition } from "./log/keys.js";
import type { MessageLog } from "./log/message-log.js";
import { timelineKind } from "./log/message-record.js";
import type { Message } from "./message.js";

/** Messages that are held for a reader before it goes on from the log. */
export const heldPerReaderMax = 256;
const pageSize = 100;
const key: StoreKey = storeKey("client/feed");

interface Reader {
  /** It has no cursor of its own, and counts for the mark. */
  readonly implicit: boolean;
  /** Everything that comes behind this is for it. */
  readonly began: number;
  /** Up to where it has handed out. */
  handed: number;
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
  /** Where readers without a cursor of their own begin when there is none. */
  #mark: number;
  /** Up to here everything was handed to one of them at least, or given up. */
  #covered: number;
  /** Where those were that the store has failed: the next one goes on there. */
  #failed = Infinity;
  /** The last message that was told to readers. */
  #told: number;
  #saved: number;
  #saving: Promise<void> | undefined;
  #closed = false;
  /** Why nothing is to be read any more. */
  #end: SottoError | undefined;

  private constructor(deps: FeedDeps, mark: number) {
    this.#d = deps;
    this.#mark = mark;
    this.#covered = mark;
    this.#saved = mark;
    this.#told = deps.log.last;
    this.#unsubscribe = deps.log.onChange(({ kind, message }) => { if (kind === "added") this.#publish(message); });
    deps.store.onEnd?.((error) => {
      this.#end = error;
      void this.close();
    });
  }

  static async load(deps: FeedDeps): Promise<MessageFeed> {
    // A mark that cannot be read is none: all is handed out again, and nothing is lost (threats D13).
    const mark = await unlessDamaged(async () => notedPosition(await deps.store.get(key)) ?? 0, deps.onError);
    return new MessageFeed(deps, mark === "damaged" ? 0 : mark);
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
   * @throws StorageError out of `next()`, also why the store has ended, behind what is held; that ends the reader, and the next one without a cursor
   *   goes on behind what it handed out
   */
  read(options: { readonly after?: number | undefined; readonly resume?: number | undefined; readonly signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<Message> {
    const { after, resume } = options;
    const signal = apart(options.signal);
    // Registered at once, not at the first next(): what arrives in between belongs to this reader.
    const reader = this.#register(after, resume);
    const finish = (): IteratorResult<Message> => {
      signal?.removeEventListener("abort", finish);
      if (this.#readers.delete(reader)) this.#moveMark();
      reader.wake?.();
      return { done: true, value: undefined };
    };
    if (signal?.aborted === true) finish();
    else signal?.addEventListener("abort", finish); // also while nobody waits: it must not hold the mark back
    const advance = async (): Promise<IteratorResult<Message>> => {
      try {
        for (;;) {
          if (!this.#readers.has(reader)) return finish();
          const message = reader.queue.shift();
          if (message !== undefined) {
            this.#hand(reader, message.position);
            return { done: false, value: message };
          }
          if (this.#end !== undefined) throw this.#end;
          if (this.#closed) return finish();
          if (reader.behind) await this.#readLog(reader);
          else await new Promise<void>((resolve) => { reader.wake = resolve; });
          reader.wake = undefined;
        }
      } catch (error) {
        if (reader.implicit && this.#readers.has(reader)) this.#failed = Math.min(this.#failed, reader.handed);
        finish(); // a loop does not call return() then
        throw error;
      }
    };
    let turn: Promise<unknown> = Promise.resolve();
    return {
      // One after the other: whoever asks ahead waits for the one before.
      next: () => {
        const result = turn.then(advance, advance);
        turn = result;
        return result;
      },
      return: () => Promise.resolve(finish()),
      [Symbol.asyncIterator]() { return this; },
    };
  }

  /** Where a reader begins that has no cursor. */
  get start(): number {
    if (this.#implicit.length === 0) return this.#mark;
    return this.#failed === Infinity ? this.#told : this.#failed;
  }

  get #implicit(): readonly Reader[] {
    return [...this.#readers].filter(({ implicit }) => implicit);
  }

  #register(after: number | undefined, resume: number | undefined): Reader {
    const began = Math.max(0, after ?? resume ?? this.start);
    const reader: Reader = {
      implicit: after === undefined, began, handed: began, position: began, queue: [],
      behind: true, missed: false, wake: undefined,
    };
    if (after === undefined && resume === undefined) this.#failed = Infinity; // this one has taken that up
    this.#readers.add(reader);
    return reader;
  }

  #publish(message: Message): void {
    if (!isOffered(message)) return;
    this.#told = message.position;
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
    const places = await log.places({ after: reader.position, limit: pageSize }, onError); // one row that is damaged keeps nothing else back (threats D13)
    const last = places.at(-1);
    // What is committed is in the log before it is published: nothing was missed if nothing came since.
    if (last === undefined) reader.behind = reader.missed;
    else {
      const offered = places.filter(({ kind }) => kind === "received" || kind === "carbon");
      reader.queue.push(...await log.read(offered, onError));
      reader.position = last.position;
    }
  }

  #hand(reader: Reader, position: number): void {
    reader.handed = position;
    if (!reader.implicit) return;
    // What lies between is for one that began earlier, as long as there is one.
    if (reader.began <= this.#covered || this.#implicit.every(({ began }) => began > this.#covered)) this.#covered = Math.max(this.#covered, position);
    this.#moveMark();
  }

  #moveMark(): void {
    if (this.#closed) return;
    this.#mark = Math.min(this.#covered, this.#failed, ...this.#implicit.map(({ handed }) => handed));
    if (this.#mark !== this.#saved) this.#saving ??= this.#save();
  }

  /** One write at a time, for whatever was handed out meanwhile. */
  async #save(): Promise<void> {
    try {
      while (this.#saved !== this.#mark) {
        const mark = this.#mark;
        await this.#d.ledger.run((tx) => { tx.put(key, utf8(String(mark))); });
        this.#saved = mark;
      }
    } catch (error) {
      this.#d.onError(error); // made up for with the next message
    } finally {
      this.#saving = undefined; // in the turn of the last look at the mark: whoever moves it later begins another
    }
  }
}

/** Own messages are their sender's to know, and what cannot be read is an event; history from before this device is history. */
function isOffered(message: Message): boolean {
  const kind = timelineKind(message);
  return message.position > 0 && (kind === "received" || kind === "carbon");
}
