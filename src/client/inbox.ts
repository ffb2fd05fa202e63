/**
 * The inbox: messages that were taken in and not yet handed to anybody. A row is written in the commit that moves the ratchet,
 * and removed once a reader has it, so that a crash in between hands it out again.
 * @module
 */
import type { Ledger } from "../session/ledger.js";
import type { Store } from "../session/ports.js";
import type { Transaction } from "../session/transaction.js";
import type { IncomingMessage } from "./message.js";
import { decodeIncoming, encodeIncoming, inboxKey, inboxRange, sequenceOf } from "./records.js";

/** A message with its place in the inbox. */
export interface InboxEntry {
  readonly seq: number;
  readonly message: IncomingMessage;
}

/** Order of arrival, durable. */
export class Inbox {
  #nextSeq: number;
  /** Committed, but no reader was there. */
  #waiting: InboxEntry[];

  private constructor(waiting: InboxEntry[]) {
    this.#waiting = waiting;
    this.#nextSeq = (waiting.at(-1)?.seq ?? 0) + 1;
  }

  /** Reads what an earlier run could not hand out. */
  static async load(store: Store): Promise<Inbox> {
    const rows = await store.list(inboxRange);
    return new Inbox(rows.map((row) => ({ seq: sequenceOf(row.key), message: decodeIncoming(row.value) })));
  }

  /** Writes `message` as part of `tx`. */
  put(tx: Transaction, message: IncomingMessage): InboxEntry {
    const entry = { seq: this.#nextSeq++, message };
    tx.put(inboxKey(entry.seq), encodeIncoming(message));
    return entry;
  }

  /** Keeps a committed entry until {@link takeWaiting}. */
  hold(entry: InboxEntry): void {
    this.#waiting.push(entry);
  }

  /** All that waits, oldest first; they are the caller's to hand out now. */
  takeWaiting(): InboxEntry[] {
    const entries = this.#waiting;
    this.#waiting = [];
    return entries;
  }

  /** Removes what was handed out. */
  async release(entries: readonly InboxEntry[], ledger: Ledger): Promise<void> {
    await ledger.run((tx) => { for (const entry of entries) tx.delete(inboxKey(entry.seq)); });
  }
}
