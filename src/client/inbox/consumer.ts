/**
 * The consumer of the inbox: hands out, counts, settles. Attempts are counted in a commit before a message is handed out; the
 * acknowledgement, its replies and the cursor are one commit.
 * Not here: which message is next (window.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import type { BareJid } from "../../base/jid.js";
import { randomInteger, type Rng } from "../../base/rng.js";
import type { Ledger } from "../../session/ledger.js";
import type { Store } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { StorageError } from "../../storage/errors.js";
import type { MessageDraft } from "../draft.js";
import { isDamaged } from "../log/damaged.js";
import type { MessageLog } from "../log/message-log.js";
import type { LogRecord } from "../log/message-record.js";
import type { Message } from "../message.js";
import type { SendHandle } from "../outbox/send-handle.js";
import { Delivered } from "./delivered.js";
import { deadKey, deadPosition, deadRange, decodeItem, decodeState, encodeItem, encodeState, itemKey, itemRange, stateKey } from "./rows.js";
import { Sleepers } from "./sleepers.js";
import type { Inbox, InboxDelivery, InboxHandler, ProcessOptions } from "./types.js";
import { InboxWindow, type OpenMessage } from "./window.js";

const attemptsMaxDefault = 5;
/** Pause after the first failed attempt, and the longest one, in milliseconds; the real one is drawn between half of it and it. */
const restMsMin = 1_000;
const restMsMax = 60_000;

export interface ConsumerDeps {
  readonly store: Store;
  readonly ledger: Ledger;
  readonly log: MessageLog;
  readonly clock: Clock;
  readonly rng: Rng;
  /** Stores an encrypted message for `to` in the outbox, as part of `tx`. @throws what {@link Conversation.send} throws */
  readonly reply: (tx: Transaction, to: BareJid, draft: MessageDraft) => Promise<SendHandle>;
  /** A handler has failed, or a message cannot be read: an event for the application, nothing else. */
  readonly onError: (error: unknown) => void;
}

/** One consumer. */
export class InboxConsumer implements Inbox {
  readonly #d: ConsumerDeps;
  readonly #window: InboxWindow;
  readonly #unsubscribe: () => void;
  readonly #sleepers = new Sleepers();
  /** There may be more to read in the log. */
  #fresh = true;
  #filling: Promise<void> | undefined;
  #closed = false;

  private constructor(deps: ConsumerDeps, window: InboxWindow) {
    this.#d = deps;
    this.#window = window;
    this.#unsubscribe = deps.log.onChange(({ kind }) => {
      if (kind !== "added") return;
      this.#fresh = true;
      this.#sleepers.wake();
    });
  }

  /** Reads where the last consumer was. @throws ClientError `ERR_RECORD_INVALID`, StorageError */
  static async load(deps: ConsumerDeps): Promise<InboxConsumer> {
    const state = await deps.store.get(stateKey);
    const items = (await deps.store.list(itemRange)).map(({ key, value }) => decodeItem(key, value));
    const window = new InboxWindow(deps.log, state === undefined ? 0 : decodeState(state), items, deps.onError);
    const consumer = new InboxConsumer(deps, window);
    for (const position of window.retried) await consumer.#reopen(position);
    return consumer;
  }

  /** The next message, when there is one; `undefined` once the inbox or the reader has ended. */
  async #next(attemptsMax: number = attemptsMaxDefault, signal?: AbortSignal): Promise<Delivered | undefined> {
    try {
      return await this.#find(attemptsMax, signal);
    } catch (error) {
      if (!this.#closed) throw error;
      return undefined; // the store may have closed with us
    }
  }

  async #find(attemptsMax: number, signal: AbortSignal | undefined): Promise<Delivered | undefined> {
    while (!this.#hasEnded(signal)) {
      const open = this.#window.take();
      if (open !== undefined) {
        const delivery = await this.#handOut(open, attemptsMax);
        if (delivery !== undefined && !this.#hasEnded()) return delivery;
      }
      else if (this.#fresh || this.#filling !== undefined) await this.#fill();
      else await this.#sleepers.sleep(signal);
    }
    return undefined;
  }

  #hasEnded(signal?: AbortSignal): boolean {
    return this.#closed || signal?.aborted === true;
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
    const { signal, attemptsMax = attemptsMaxDefault, concurrency = 1 } = options;
    const failed = new AbortController(); // one lane whose store fails ends the others
    const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
    const lane = async (): Promise<void> => {
      try {
        for (let next = await this.#next(attemptsMax, stop); next !== undefined; next = await this.#next(attemptsMax, stop)) {
          await this.#run(handler, next, attemptsMax);
        }
      } catch (error) {
        failed.abort();
        throw error;
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, concurrency) }, lane));
  }

  async deadLetters(): Promise<readonly Message[]> {
    return this.#d.ledger.read(async (tx) => {
      const messages: Message[] = [];
      for (const { key } of await tx.list(deadRange)) {
        const record = await this.#look(tx, deadPosition(key));
        if (typeof record === "object") messages.push(record.message);
      }
      return messages;
    });
  }

  async retryDeadLetter(position: number): Promise<void> {
    const found = await this.#d.ledger.run(async (tx) => {
      if (await tx.get(deadKey(position)) === undefined) return false;
      tx.delete(deadKey(position));
      tx.put(itemKey(position), encodeItem({ attempts: 0, acked: false }));
      return true;
    });
    if (found) await this.#reopen(position);
    this.#sleepers.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InboxDelivery, void> {
    for (let delivery = await this.#next(); delivery !== undefined; delivery = await this.#next()) yield delivery;
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#sleepers.wake();
  }

  async #run(handler: InboxHandler, delivery: Delivered, attemptsMax: number): Promise<void> {
    try {
      const replies = await handler(delivery);
      await delivery.ack(typeof replies === "object" ? { replies } : {});
    } catch (error) {
      if (error instanceof StorageError) {
        this.#giveBack(delivery.open); // for the next call
        throw error;
      }
      this.#d.onError(error);
      if (!delivery.settled) await this.#failed(delivery.open, attemptsMax);
    }
  }

  /** Counts, then hands out; a message that was handed out too often, or that cannot be read, goes aside instead (threats Q22, D13). */
  async #handOut(open: OpenMessage, attemptsMax: number): Promise<Delivered | undefined> {
    if (open.attempts >= attemptsMax) {
      await this.#putAside(open);
      return undefined;
    }
    let message: Message | undefined;
    try {
      message = await this.#d.ledger.run((tx) => this.#count(tx, open));
    } catch (error) {
      this.#giveBack(open);
      throw error;
    }
    if (message === undefined) {
      this.#giveBack(open);
      return undefined;
    }
    open.attempts += 1;
    return new Delivered(message, open, (replies) => this.#ack(open, message, replies));
  }

  async #count(tx: Transaction, open: OpenMessage): Promise<Message | undefined> {
    const record = await this.#look(tx, open.position);
    if (typeof record === "object") {
      tx.put(itemKey(open.position), encodeItem({ attempts: open.attempts + 1, acked: false }));
      return record.message;
    }
    if (record === "damaged") await this.#asideIn(tx, open);
    else await this.#settleIn(tx, open); // deleted meanwhile
    return undefined;
  }

  /** What is at `position`. A row that cannot be read is told when `tx` is committed. */
  async #look(tx: Transaction, position: number): Promise<LogRecord | "damaged" | undefined> {
    try {
      return await this.#d.log.record(tx, position);
    } catch (error) {
      if (!isDamaged(error)) throw error;
      tx.afterCommit(() => { this.#d.onError(error); });
      return "damaged";
    }
  }

  async #ack(open: OpenMessage, message: Message, replies: readonly MessageDraft[]): Promise<readonly SendHandle[]> {
    const handles = await this.#d.ledger.run(async (tx) => {
      const stored: SendHandle[] = [];
      for (const draft of replies) stored.push(await this.#d.reply(tx, message.conversation, draft));
      await this.#settleIn(tx, open);
      return stored;
    });
    this.#giveBack(open);
    return handles;
  }

  async #failed(open: OpenMessage, attemptsMax: number): Promise<void> {
    if (open.attempts >= attemptsMax) {
      await this.#putAside(open);
      return;
    }
    const bound = Math.min(restMsMax, restMsMin * 2 ** (open.attempts - 1));
    this.#window.giveBack(open, true);
    this.#d.clock.schedule(randomInteger(this.#d.rng, Math.floor(bound / 2), bound), () => {
      this.#window.rested(open);
      this.#sleepers.wake();
    });
  }

  async #putAside(open: OpenMessage): Promise<void> {
    try {
      await this.#d.ledger.run((tx) => this.#asideIn(tx, open));
    } finally {
      this.#giveBack(open);
    }
  }

  async #asideIn(tx: Transaction, open: OpenMessage): Promise<void> {
    tx.put(deadKey(open.position), encodeItem({ attempts: open.attempts, acked: false }));
    await this.#settleIn(tx, open);
  }

  async #settleIn(tx: Transaction, open: OpenMessage): Promise<void> {
    const { position } = open;
    const stored = await tx.get(stateKey);
    // Works of the same commit may have come further than memory, which follows the commits.
    const { settled, superfluous } = this.#window.afterSettling(open, stored === undefined ? 0 : decodeState(stored));
    tx.put(stateKey, encodeState(settled));
    for (const each of superfluous) tx.delete(itemKey(each));
    if (position > settled) tx.put(itemKey(position), encodeItem({ attempts: 0, acked: true }));
    else tx.delete(itemKey(position));
    tx.afterCommit(() => { this.#window.settle(open, settled); });
  }

  /** The next one of the conversation is due, and there is room to read on. */
  #giveBack(open: OpenMessage): void {
    this.#window.giveBack(open);
    this.#fresh = true;
    this.#sleepers.wake();
  }

  /** A message that was taken back from the dead letters is open again; one that cannot be read goes back to them. */
  async #reopen(position: number): Promise<void> {
    const record = await this.#d.ledger.run(async (tx) => {
      const found = await this.#look(tx, position);
      if (typeof found === "object") return found;
      tx.delete(itemKey(position));
      if (found === "damaged") tx.put(deadKey(position), encodeItem({ attempts: 0, acked: false }));
      return undefined;
    });
    if (record !== undefined) this.#window.add(position, record.message.conversation);
  }
}
