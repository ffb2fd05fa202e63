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
import type { MessageLog } from "../log/message-log.js";
import type { Message } from "../message.js";
import type { SendHandle } from "../outbox/send-handle.js";
import { deadKey, deadPosition, deadRange, decodeItem, decodeState, encodeItem, encodeState, itemKey, itemRange, stateKey } from "./rows.js";
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
  /** A handler has failed: an event for the application, nothing else. */
  readonly onError: (error: unknown) => void;
}

/** One consumer. */
export class InboxConsumer implements Inbox {
  readonly #d: ConsumerDeps;
  readonly #window: InboxWindow;
  readonly #unsubscribe: () => void;
  readonly #sleepers = new Set<() => void>();
  #fresh = true;
  #closed = false;

  private constructor(deps: ConsumerDeps, window: InboxWindow) {
    this.#d = deps;
    this.#window = window;
    this.#unsubscribe = deps.log.onChange(({ kind }) => {
      if (kind !== "added") return;
      this.#fresh = true;
      this.#wake();
    });
  }

  /** Reads where the last consumer was. @throws ClientError `ERR_RECORD_INVALID`, StorageError */
  static async load(deps: ConsumerDeps): Promise<InboxConsumer> {
    const state = await deps.store.get(stateKey);
    const items = (await deps.store.list(itemRange)).map(({ key, value }) => decodeItem(key, value));
    const consumer = new InboxConsumer(deps, new InboxWindow(deps.log, state === undefined ? 0 : decodeState(state), items));
    for (const position of consumer.#window.retried) await consumer.#reopen(position);
    return consumer;
  }

  /** The next message, when there is one; `undefined` once the inbox or the reader has ended. */
  async #next(attemptsMax: number = attemptsMaxDefault, signal?: AbortSignal): Promise<Delivered | undefined> {
    for (;;) {
      if (this.#closed || signal?.aborted === true) return undefined;
      const open = this.#window.take();
      if (open !== undefined) {
        const delivery = await this.#handOut(open, attemptsMax);
        if (delivery !== undefined) return delivery;
      }
      else if (this.#fresh) {
        this.#fresh = false;
        await this.#window.fill();
      }
      else await this.#sleep(signal);
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
        const record = await this.#d.log.record(tx, deadPosition(key));
        if (record !== undefined) messages.push(record.message);
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
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InboxDelivery, void> {
    for (let delivery = await this.#next(); delivery !== undefined; delivery = await this.#next()) yield delivery;
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    this.#wake();
  }

  async #run(handler: InboxHandler, delivery: Delivered, attemptsMax: number): Promise<void> {
    try {
      const replies = await handler(delivery);
      await delivery.ack(typeof replies === "object" ? { replies } : {});
    } catch (error) {
      if (error instanceof StorageError) throw error;
      this.#d.onError(error);
      if (!delivery.settled) await this.#failed(delivery.open, attemptsMax);
    }
  }

  /** Counts, then hands out; a message that was handed out too often goes aside instead (threats Q22). */
  async #handOut(open: OpenMessage, attemptsMax: number): Promise<Delivered | undefined> {
    try {
      if (open.attempts >= attemptsMax) {
        await this.#putAside(open);
        return undefined;
      }
      const message = await this.#d.ledger.run(async (tx) => {
        const record = await this.#d.log.record(tx, open.position);
        if (record === undefined) await this.#settleIn(tx, open.position); // deleted meanwhile
        else tx.put(itemKey(open.position), encodeItem({ attempts: open.attempts + 1, acked: false }));
        return record?.message;
      });
      if (message === undefined) {
        this.#giveBack(open);
        return undefined;
      }
      open.attempts += 1;
      return new Delivered(message, open, (replies) => this.#ack(open, message, replies));
    } catch (error) {
      this.#window.giveBack(open);
      throw error;
    }
  }

  async #ack(open: OpenMessage, message: Message, replies: readonly MessageDraft[]): Promise<readonly SendHandle[]> {
    const handles = await this.#d.ledger.run(async (tx) => {
      const stored: SendHandle[] = [];
      for (const draft of replies) stored.push(await this.#d.reply(tx, message.conversation, draft));
      await this.#settleIn(tx, open.position);
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
      this.#wake();
    });
  }

  async #putAside(open: OpenMessage): Promise<void> {
    await this.#d.ledger.run(async (tx) => {
      tx.put(deadKey(open.position), encodeItem({ attempts: open.attempts, acked: false }));
      await this.#settleIn(tx, open.position);
    });
    this.#giveBack(open);
  }

  async #settleIn(tx: Transaction, position: number): Promise<void> {
    const stored = await tx.get(stateKey);
    // Works of the same commit may have come further than memory, which follows the commits.
    const { settled, superfluous } = this.#window.afterSettling(position, stored === undefined ? 0 : decodeState(stored));
    tx.put(stateKey, encodeState(settled));
    for (const each of superfluous) tx.delete(itemKey(each));
    if (position > settled) tx.put(itemKey(position), encodeItem({ attempts: 0, acked: true }));
    else tx.delete(itemKey(position));
    tx.afterCommit(() => { this.#window.settle(position, settled); });
  }

  /** The next one of the conversation is due, and there is room to read on. */
  #giveBack(open: OpenMessage): void {
    this.#window.giveBack(open);
    this.#fresh = true;
    this.#wake();
  }

  async #reopen(position: number): Promise<void> {
    const record = await this.#d.ledger.read((tx) => this.#d.log.record(tx, position));
    if (record !== undefined) this.#window.add(position, record.message.conversation);
    else await this.#d.ledger.run((tx) => { tx.delete(itemKey(position)); });
  }

  #wake(): void {
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const wake of sleepers) wake();
  }

  #sleep(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#sleepers.add(wake);
      signal?.addEventListener("abort", wake);
    });
  }
}

class Delivered implements InboxDelivery {
  readonly message: Message;
  readonly attempt: number;
  readonly open: OpenMessage;
  readonly #settle: (replies: readonly MessageDraft[]) => Promise<readonly SendHandle[]>;
  #acked: Promise<readonly SendHandle[]> | undefined;
  settled = false;

  constructor(message: Message, open: OpenMessage, settle: (replies: readonly MessageDraft[]) => Promise<readonly SendHandle[]>) {
    this.message = message;
    this.attempt = open.attempts;
    this.open = open;
    this.#settle = settle;
  }

  ack(options: { readonly replies?: readonly MessageDraft[] } = {}): Promise<readonly SendHandle[]> {
    this.#acked ??= this.#settle(options.replies ?? []).then(
      (handles) => {
        this.settled = true;
        return handles;
      },
      (error: unknown) => {
        this.#acked = undefined; // nothing was settled: it may be tried again
        throw error;
      },
    );
    return this.#acked;
  }
}
