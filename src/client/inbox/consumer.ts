/**
 * The consumer of the inbox: hands out, and says what becomes of what was handed out.
 * Not here: which message is next (window.ts), what is committed (commits.ts), whose failure it is (handled.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { randomInteger } from "../../base/rng.js";
import { StorageError } from "../../storage/errors.js";
import type { MessageDraft } from "../draft.js";
import type { Message } from "../message.js";
import type { SendHandle } from "../outbox/send-handle.js";
import { InboxCommits } from "./commits.js";
import type { ConsumerDeps } from "./consumer-deps.js";
import { Delivered } from "./delivered.js";
import { handled, hasNoRoom } from "./handled.js";
import { checkedReplies, type Replies } from "./replies.js";
import { Sleepers } from "./sleepers.js";
import { storedItems, storedState } from "./stored.js";
import type { Inbox, InboxDelivery, InboxHandler, ProcessOptions } from "./types.js";
import { InboxWindow, type OpenMessage } from "./window.js";

const attemptsMaxDefault = 5;
/** Pause after the first failed attempt, and the longest one, in milliseconds; the real one is drawn between half of it and it. */
const restMsMin = 1_000;
const restMsMax = 60_000;

/** One consumer. */
export class InboxConsumer implements Inbox {
  readonly #d: ConsumerDeps;
  readonly #window: InboxWindow;
  readonly #commits: InboxCommits;
  readonly #unsubscribe: () => void;
  readonly #sleepers = new Sleepers();
  /** See {@link ConsumerDeps.running}. */
  readonly #running: Set<number>;
  /** There may be more to read in the log. */
  #fresh = true;
  #filling: Promise<void> | undefined;
  readonly #closing = new AbortController();

  private constructor(deps: ConsumerDeps, window: InboxWindow, commits: InboxCommits) {
    this.#d = deps;
    this.#window = window;
    this.#commits = commits;
    this.#running = new Set(deps.running);
    this.#unsubscribe = deps.log.onChange(({ kind }) => {
      if (kind !== "added") return;
      this.#fresh = true;
      this.#sleepers.wake();
    });
  }

  /** Reads where the last consumer was. @throws ClientError `ERR_RECORD_INVALID`, StorageError */
  static async load(deps: ConsumerDeps): Promise<InboxConsumer> {
    const { store, log, onError } = deps;
    const window = new InboxWindow(log, await storedState(store), await storedItems(store, log.last, onError), onError);
    const commits = new InboxCommits(deps, window);
    for (const position of window.retried) await commits.reopen(position);
    return new InboxConsumer(deps, window, commits);
  }

  /** The next message, when there is one; `undefined` once the inbox or the reader has ended. */
  async #next(attemptsMax: number = attemptsMaxDefault, signal: AbortSignal = this.#closing.signal): Promise<Delivered | undefined> {
    try {
      return await this.#find(attemptsMax, signal);
    } catch (error) {
      if (!this.#closed) throw error;
      return undefined; // the store may have closed with us
    }
  }

  /** @param signal aborts also when the inbox closes */
  async #find(attemptsMax: number, signal: AbortSignal): Promise<Delivered | undefined> {
    while (!signal.aborted) {
      const open = this.#window.take();
      if (open !== undefined) {
        const delivery = await this.#handOut(open, attemptsMax);
        if (delivery !== undefined && !this.#closed) return delivery;
      }
      else if (this.#fresh || this.#filling !== undefined) await this.#fill();
      else await this.#sleepers.sleep(signal);
    }
    return undefined;
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** One at a time, and everybody who has nothing to do waits for it: what it finds is for all of them. */
  #fill(): Promise<void> {
    this.#filling ??= this.#readOn().finally(() => { this.#filling = undefined; });
    return this.#filling;
  }

  async #readOn(): Promise<void> {
    this.#fresh = false; // before reading: what is added meanwhile may be missed
    try {
      if (await this.#window.fill()) this.#fresh = true;
    } catch (error) {
      this.#fresh = true; // not read: for whoever comes next
      throw error;
    }
  }

  async process(handler: InboxHandler, options: ProcessOptions = {}): Promise<void> {
    if (typeof handler !== "function") throw new UsageError("ERR_INVALID_ARGUMENT", "process needs a handler: without one every message would go aside");
    const { signal, attemptsMax = attemptsMaxDefault, concurrency = 1 } = options;
    // Without one lane nothing would be handled, without one attempt everything would go aside; both without a word.
    if (![attemptsMax, concurrency].every((count) => Number.isSafeInteger(count) && count > 0)) throw new UsageError("ERR_INVALID_ARGUMENT", "attemptsMax and concurrency are whole numbers above 0");
    const failed = new AbortController(); // one lane whose store fails ends the others
    const stop = AbortSignal.any([this.#closing.signal, failed.signal, ...(signal === undefined ? [] : [signal])]);
    const lane = async (): Promise<void> => {
      try {
        for (let next = await this.#next(attemptsMax, stop); next !== undefined; next = await this.#next(attemptsMax, stop)) {
          await this.#run(handler, next, attemptsMax, stop);
        }
      } catch (error) {
        failed.abort();
        throw error;
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
  }

  deadLetters(): Promise<readonly Message[]> {
    return this.#commits.deadLetters();
  }

  async retryDeadLetter(position: number): Promise<void> {
    if (!Number.isSafeInteger(position)) throw new UsageError("ERR_INVALID_ARGUMENT", "not the position of a message");
    await this.#commits.retry(position);
    this.#sleepers.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InboxDelivery, void> {
    for (let delivery = await this.#next(); delivery !== undefined; delivery = await this.#next()) yield delivery;
  }

  close(): void {
    this.#unsubscribe();
    this.#closing.abort();
  }

  async #run(handler: InboxHandler, delivery: Delivered, attemptsMax: number, signal: AbortSignal): Promise<void> {
    const { open, attempt } = delivery;
    let replies: Replies | undefined;
    for (let waits = 0; ; waits++) {
      try {
        replies ??= await handled(handler, delivery);
        await delivery.ack({ replies });
        return;
      } catch (error) {
        if (error instanceof StorageError) {
          this.#giveBack(open); // for the next call
          throw error;
        }
        const isHeld = !delivery.settled && hasNoRoom(error, delivery.replies);
        if (waits === 0 || !isHeld) this.#d.onError(error);
        if (!isHeld) {
          open.attempts = attempt; // also behind a wait
          if (!delivery.settled) await this.#failed(open, attemptsMax);
          return;
        }
        if (replies !== undefined) replies = delivery.replies; // perhaps of an acknowledgement that the handler has begun, and not waited for
        if (open.attempts === attempt) await this.#count(open, attempt - 1); // whoever gets it next, after a crash perhaps, makes the same attempt
        await this.#pause(waits, signal);
        // A handler that is called again may kill the process as well as at first.
        if (!signal.aborted && (replies !== undefined || await this.#count(open, attempt) !== undefined)) continue;
        this.#giveBack(open);
        return;
      }
    }
  }

  /** Resolves when it is time for another try, or nothing is wanted any more. */
  async #pause(waits: number, signal: AbortSignal): Promise<void> {
    const due = new AbortController();
    const cancel = this.#d.clock.schedule(this.#restMs(waits), () => { due.abort(); });
    const either = AbortSignal.any([signal, due.signal]);
    while (!either.aborted) await this.#sleepers.sleep(either); // the others are woken more often
    cancel();
  }

  /** Counts, then hands out; a message that was handed out too often, or that cannot be read, goes aside instead (threats Q22, D13). */
  async #handOut(open: OpenMessage, attemptsMax: number): Promise<Delivered | undefined> {
    const attempts = this.#running.has(open.position) ? Math.max(1, open.attempts) : open.attempts + 1;
    if (attempts > attemptsMax) {
      await this.#putAside(open);
      return undefined;
    }
    const message = await this.#count(open, attempts);
    if (message === undefined) {
      this.#giveBack(open);
      return undefined;
    }
    this.#running.delete(open.position);
    return new Delivered(message, open, (replies) => this.#ack(open, message, replies));
  }

  /** @throws StorageError; then it can be handed out again */
  async #count(open: OpenMessage, attempts: number): Promise<Message | undefined> {
    try {
      const message = await this.#commits.count(open, attempts);
      open.attempts = attempts;
      return message;
    } catch (error) {
      this.#giveBack(open);
      throw error;
    }
  }

  async #ack(open: OpenMessage, message: Message, replies: readonly MessageDraft[]): Promise<readonly SendHandle[]> {
    const handles = await this.#commits.acknowledge(open, message, checkedReplies(replies));
    this.#giveBack(open);
    return handles;
  }

  async #failed(open: OpenMessage, attemptsMax: number): Promise<void> {
    if (open.attempts >= attemptsMax) {
      await this.#putAside(open);
      return;
    }
    this.#d.clock.schedule(this.#restMs(open.attempts - 1), () => { this.#giveBack(open); }); // until then its conversation waits
  }

  /** @param times how often it was tried again already */
  #restMs(times: number): number {
    const bound = Math.min(restMsMax, restMsMin * 2 ** times);
    return randomInteger(this.#d.rng, Math.floor(bound / 2), bound);
  }

  async #putAside(open: OpenMessage): Promise<void> {
    try {
      await this.#commits.putAside(open);
    } finally {
      this.#giveBack(open);
    }
  }

  /** The next one of the conversation is due, and there is room to read on. */
  #giveBack(open: OpenMessage): void {
    this.#window.giveBack(open);
    this.#fresh = true;
    this.#sleepers.wake();
  }
}
