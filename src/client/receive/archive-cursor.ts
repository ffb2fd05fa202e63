/**
 * Up to where the archive has been read. Moves with the commit that holds the messages of a page, and only with pages: what comes
 * live may overtake what the archive holds (messages of other devices that were not copied to us, our own ones), and would hide it.
 * @module
 */
import { type Store, type StoreKey, storeKey } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { decodeJson, encodeJson, givenField, numberField, stringField } from "../json-record.js";

const key: StoreKey = storeKey("client/archive");

/** A place in the archive; without an id the archive was empty. */
export interface ArchivePlace {
  /** The last message that was taken in. */
  readonly id?: string;
  /** When the archive stored it, by its own clock, milliseconds since 1970. */
  readonly stamp?: number;
}

/** The cursor of one store. */
export class ArchiveCursor {
  #place: ArchivePlace | undefined;

  private constructor(place: ArchivePlace | undefined) {
    this.#place = place;
  }

  /** @throws ClientError `ERR_RECORD_INVALID` */
  static async load(store: Store): Promise<ArchiveCursor> {
    const row = await store.get(key);
    if (row === undefined) return new ArchiveCursor(undefined);
    const record = decodeJson(row);
    return new ArchiveCursor({ ...givenField(record, "id", stringField), ...givenField(record, "stamp", numberField) });
  }

  /** Where the last page ended; `undefined` if this store has never seen an archive. */
  get place(): ArchivePlace | undefined {
    return this.#place;
  }

  /** Moves the cursor as part of `tx`. */
  move(tx: Transaction, place: ArchivePlace): void {
    tx.put(key, encodeJson({ ...place }));
    tx.afterCommit(() => { this.#place = place; });
  }
}
