/**
 * Up to where the archive has been read. Moves with the commit that holds the messages of a page, and only with pages: what comes
 * live may overtake what the archive holds (messages of other devices that were not copied to us, our own ones), and would hide it.
 * @module
 */
import { type Store, type StoreKey, storeKey } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { unlessDamaged } from "../damaged.js";
import { decodeJson, encodeJson, givenField, numberField, stringField } from "../json-record.js";

const key: StoreKey = storeKey("client/archive");
/** The same once more, far from it: where we were can be found out from nothing else without an own message being taken for a lost one (threats D13, R21). */
const copyKey: StoreKey = storeKey("client/where-archive");

/** A place in the archive; with nothing the archive was empty. */
export interface ArchivePlace {
  /** The last message that was taken in; absent where what is there cannot be read. */
  readonly id?: string;
  /** When the archive stored it, by its own clock, milliseconds since 1970; without an id the time from which on there may be unread messages. */
  readonly stamp?: number;
  /** Up to this time messages before this place could not be read: it stays known, for the server's offline storage may hold them as well. */
  readonly unreadable?: number;
}

/** The cursor of one store. */
export class ArchiveCursor {
  /** It was known, and cannot be read any more. */
  readonly isLost: boolean;
  #place: ArchivePlace | undefined;

  private constructor(place: ArchivePlace | "damaged" | undefined) {
    this.isLost = place === "damaged";
    this.#place = place === "damaged" ? undefined : place;
  }

  /** @throws StorageError of the store as a whole */
  static async load(store: Store, onError?: (error: unknown) => void): Promise<ArchiveCursor> {
    const read = (from: StoreKey): Promise<ArchivePlace | "damaged" | undefined> => unlessDamaged(async () => {
      const row = await store.get(from);
      return row === undefined ? undefined : decoded(row);
    }, onError);
    const place = await read(key);
    return new ArchiveCursor(place === "damaged" ? (await read(copyKey)) ?? place : place);
  }

  /** Where the last page ended; `undefined` if this store has never seen an archive. */
  get place(): ArchivePlace | undefined {
    return this.#place;
  }

  /** Moves the cursor as part of `tx`. */
  move(tx: Transaction, to: ArchivePlace): void {
    const { unreadable } = this.#place ?? {};
    const place = { ...(unreadable === undefined ? {} : { unreadable }), ...to };
    for (const each of [key, copyKey]) tx.put(each, encodeJson({ ...place }));
    tx.afterCommit(() => { this.#place = place; });
  }
}

/** @throws ClientError `ERR_RECORD_INVALID` */
function decoded(row: Uint8Array): ArchivePlace {
  const record = decodeJson(row);
  return { ...givenField(record, "id", stringField), ...givenField(record, "stamp", numberField), ...givenField(record, "unreadable", numberField) };
}
