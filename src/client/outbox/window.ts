/**
 * What was written and is not yet confirmed, in the order of the wire. Bounded, so that a link that swallows everything cannot fill
 * memory. The sequences go to the store with whatever commit comes next: an entry without a stored sequence is merely unclear after a
 * crash, and the archive is asked (threats Q03).
 * Spec: XEP-0198 section 4; docs/decisions/0006-outbox.md.
 * @module
 */
import type { Transaction } from "../../session/transaction.js";
import { decodeJson, encodeJson, invalidRecord, numberField } from "../json-record.js";
import { writtenKey } from "./entry.js";
import type { Slot } from "./slots.js";

/** Messages that may be written and unconfirmed. */
export const windowEntriesMax = 500;
/** Bytes of them. */
export const windowBytesMax: number = 4 * 1024 * 1024;

/** The sequences of one session of XEP-0198, as stored. */
export interface StoredWindow {
  readonly epoch: number;
  /** Sequence by place in the outbox. */
  readonly sequences: ReadonlyMap<number, number>;
}

/** Slots in the order of their sequences, all of one session. */
export class Window {
  #queue: { readonly slot: Slot; readonly sequence: number; readonly bytes: number }[] = [];
  #bytes = 0;
  #epoch = 0;
  /** Counts changes; the store is behind while `#saved` differs. */
  #version = 0;
  #saved = 0;
  /** The version that a transaction under way holds. */
  #saving = 0;
  /** The store may hold sequences. */
  #stored = true;

  /** What of `row` an earlier run has left. @throws ClientError `ERR_RECORD_INVALID` */
  static decode(row: Uint8Array | undefined): StoredWindow {
    if (row === undefined) return { epoch: 0, sequences: new Map() };
    const record = decodeJson(row);
    const pairs = record["written"];
    if (!Array.isArray(pairs)) throw invalidRecord();
    return {
      epoch: numberField(record, "epoch"),
      sequences: new Map(pairs.map(pairOf)),
    };
  }

  /** How many more entries may be written now. */
  get room(): number {
    return this.#bytes >= windowBytesMax ? 0 : windowEntriesMax - this.#queue.length;
  }

  get size(): number {
    return this.#queue.length;
  }

  slots(): readonly Slot[] {
    return this.#queue.map(({ slot }) => slot);
  }

  /** Begins anew for another session; the slots of the former one are the caller's. */
  restart(epoch: number): void {
    if (this.#queue.length > 0 || this.#epoch !== epoch) this.#version += 1;
    this.#queue = [];
    this.#bytes = 0;
    this.#epoch = epoch;
  }

  /** `slot` was written. Sequences only grow. */
  push(slot: Slot, sequence: number, bytes: number): void {
    slot.whereabouts = { kind: "written", epoch: this.#epoch, sequence };
    this.#queue.push({ slot, sequence, bytes });
    this.#bytes += bytes;
    this.#version += 1;
  }

  /** Takes out everything that the server has confirmed. */
  confirm(upTo: number): readonly Slot[] {
    const end = this.#queue.findIndex(({ sequence }) => sequence > upTo);
    const confirmed = this.#queue.splice(0, end === -1 ? this.#queue.length : end);
    for (const { slot, bytes } of confirmed) {
      slot.whereabouts = { kind: "confirmed" };
      this.#bytes -= bytes;
    }
    if (confirmed.length > 0) this.#version += 1;
    return confirmed.map(({ slot }) => slot);
  }

  /** Writes the sequences as part of `tx`, if the store is behind. */
  save(tx: Transaction): void {
    const version = this.#version;
    if (version === this.#saved || version === this.#saving) return;
    this.#note(tx, this.#queue.map(({ slot, sequence }) => [slot.seq, sequence] as const));
  }

  /**
   * Takes the sequences out of the store as part of `tx`. Memory keeps them: what the server says next is about them still. Nothing puts them back until
   * there are others.
   */
  retract(tx: Transaction): void {
    if (this.#stored || this.#saving !== this.#saved) this.#note(tx, []);
    else this.#saved = this.#saving = this.#version;
  }

  #note(tx: Transaction, written: readonly (readonly [seq: number, sequence: number])[]): void {
    const version = this.#saving = this.#version;
    tx.onUndone(() => { this.#saving = this.#saved; });
    tx.put(writtenKey, encodeJson({ epoch: this.#epoch, written }));
    tx.afterCommit(() => {
      this.#saved = Math.max(this.#saved, version);
      this.#stored = written.length > 0;
    });
  }
}

function pairOf(value: unknown): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2 || !value.every((part) => Number.isSafeInteger(part))) throw invalidRecord();
  return value as unknown as readonly [number, number];
}
