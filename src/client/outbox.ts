/**
 * The durable outbox: rows in the order of `send()`, each with the plaintext and, once sealed, the final bytes.
 * Not here: encryption and the wire (sender.ts).
 * @module
 */
import type { BareJid } from "../base/jid.js";
import type { Store } from "../session/ports.js";
import type { Transaction } from "../session/transaction.js";
import { ClientError } from "./errors.js";
import { decodeOutboxEntry, encodeOutboxEntry, outboxKey, type OutboxEntry, outboxRange, sequenceOf } from "./records.js";

/** Messages that may wait; more is the application's to hold back (threats Q15). */
export const outboxEntriesMax = 10_000;

/** What waits to leave, in memory as on disk. Changes go through a {@link Transaction}; memory follows after the commit. */
export class Outbox {
  readonly #entries = new Map<number, OutboxEntry>();
  readonly #reserved = new Set<number>();
  #nextSeq: number;

  private constructor(entries: readonly OutboxEntry[]) {
    for (const entry of entries) this.#entries.set(entry.seq, entry);
    this.#nextSeq = (entries.at(-1)?.seq ?? 0) + 1;
  }

  /** Reads what an earlier run left. */
  static async load(store: Store): Promise<Outbox> {
    const rows = await store.list(outboxRange);
    return new Outbox(rows.map((row) => ({ ...decodeOutboxEntry(row.value), seq: sequenceOf(row.key) })));
  }

  /** Takes the next place in the order; the entry does not wait to leave before it is {@link committed}. @throws ClientError `ERR_OUTBOX_FULL` */
  reserve(draft: Omit<OutboxEntry, "seq">): OutboxEntry {
    const waiting = this.#entries.size + this.#reserved.size;
    if (waiting >= outboxEntriesMax) {
      throw new ClientError("ERR_OUTBOX_FULL", "too many messages wait to be sent", { retryable: true, details: { waiting } });
    }
    const entry = { ...draft, seq: this.#nextSeq++ };
    this.#reserved.add(entry.seq);
    return entry;
  }

  /** Writes `entry` as part of `tx`. */
  put(tx: Transaction, entry: OutboxEntry): void {
    tx.put(outboxKey(entry.seq), encodeOutboxEntry(entry));
  }

  /** Removes `entry` as part of `tx`. */
  delete(tx: Transaction, entry: OutboxEntry): void {
    tx.delete(outboxKey(entry.seq));
  }

  /** After a commit: memory is as the store. */
  committed(entry: OutboxEntry): void {
    this.#reserved.delete(entry.seq);
    this.#entries.set(entry.seq, entry);
  }

  /** After a commit that removed it, or when it never became durable. */
  forget(entry: OutboxEntry): void {
    this.#reserved.delete(entry.seq);
    this.#entries.delete(entry.seq);
  }

  /** The present form of an entry; `undefined` once it is gone. */
  current(entry: OutboxEntry): OutboxEntry | undefined {
    return this.#entries.get(entry.seq);
  }

  /** All that waits for `to`, oldest first. */
  waitingFor(to: BareJid): OutboxEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.to === to).sort((a, b) => a.seq - b.seq);
  }

  /** Addresses with waiting messages. */
  recipients(): BareJid[] {
    return [...new Set([...this.#entries.values()].map((entry) => entry.to))];
  }
}
