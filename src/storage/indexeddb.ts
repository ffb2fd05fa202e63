/**
 * The durable store for browsers: IndexedDB on idb-keyval. Entry `sotto/storage/indexeddb`.
 * A commit is one transaction with strict durability that reads the fence and writes all changes. The fence is a row
 * beside them, so a tab that takes over invalidates the other tab's fence inside the database itself.
 * Spec: design section 3; threats D01-D06, D08-D10, D13. Format: README.md.
 * Not here: opening, losing and closing the connection (indexeddb-database.ts).
 * @module
 */
import { promisifyRequest } from "idb-keyval";
import type { Bytes } from "../base/bytes.js";
import { randomId, systemRng } from "../base/rng.js";
import type { Change, Fence, Store, StoreKey, StoreRange, StoreRow } from "../session/ports.js";
import { fencedError } from "./errors.js";
import { IdbConnection } from "./indexeddb-database.js";
import { keyBounds, type KeyBounds } from "./range.js";
import { frameRecord, unframeRecord } from "./record-frame.js";
import { stageChanges } from "./staging.js";

/** Begins with a space: such a key cannot come from outside (session/ports.ts storeKey), and ranges start above it. */
const fenceKey = " fence";

/** Options of {@link indexedDbStore}. */
export interface IndexedDbOptions {
  /** Where databases live. Default: the platform's `indexedDB`. */
  readonly platform?: IDBFactory;
}

/**
 * A Store in the IndexedDB database `name` of this origin. Opened by the first call; the newest owner among all tabs
 * and workers writes. When the database is deleted or upgraded elsewhere, this store closes (`ERR_STORE_CLOSED`).
 */
export function indexedDbStore(name: string, options: IndexedDbOptions = {}): Store {
  return new IndexedDbStore(new IdbConnection(name, options.platform ?? (globalThis as { indexedDB?: IDBFactory }).indexedDB));
}

class IndexedDbStore implements Store {
  readonly #connection: IdbConnection;

  constructor(connection: IdbConnection) {
    this.#connection = connection;
  }

  async acquire(): Promise<Fence> {
    const fence = randomId(systemRng()) as Fence;
    await this.#connection.use("readwrite", (store) => promisifyRequest(store.put(fence, fenceKey)));
    return fence;
  }

  async owns(fence: Fence): Promise<boolean> {
    return (await this.#connection.use("readonly", (store) => read(store, fenceKey))) === fence;
  }

  async get(key: StoreKey): Promise<Bytes | undefined> {
    return valueOf(key, await this.#connection.use("readonly", (store) => read(store, key)));
  }

  async getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]> {
    const asked = [...keys];
    const stored = await this.#connection.use("readonly", (store) => Promise.all(asked.map((key) => read(store, key))));
    return asked.map((key, at) => valueOf(key, stored[at]));
  }

  async list(range: StoreRange): Promise<readonly StoreRow[]> {
    const bounds = keyBounds(range);
    const rows = await this.#connection.use("readonly", (store) => (bounds === undefined ? [] : readRange(store, bounds, range)));
    return rows.map(([key, stored]) => ({ key: key as StoreKey, value: unframeRecord(key, stored) }));
  }

  async commit(changes: readonly Change[], fence: Fence): Promise<void> {
    const staged = stageChanges(changes, frameRecord);
    await this.#connection.use("readwrite", async (store) => {
      // In this transaction, not before it: between a check outside and the write another tab could take over.
      if ((await read(store, fenceKey)) !== fence) throw fencedError();
      for (const { key, stored } of staged) {
        if (stored === undefined) store.delete(key);
        else store.put(stored, key);
      }
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async destroy(): Promise<void> {
    // The rows first, fence included: they are gone even if another tab delays the removal of the database.
    await this.#connection.use("readwrite", (store) => promisifyRequest(store.clear()));
    await this.#connection.remove();
  }
}

function read(store: IDBObjectStore, key: string): Promise<unknown> {
  return promisifyRequest<unknown>(store.get(key));
}

function valueOf(key: string, stored: unknown): Bytes | undefined {
  return stored === undefined ? undefined : unframeRecord(key, stored);
}

async function readRange(store: IDBObjectStore, bounds: KeyBounds, range: StoreRange): Promise<readonly (readonly [string, unknown])[]> {
  const interval = IDBKeyRange.bound(bounds.lower, bounds.upper, bounds.lowerOpen, true);
  // getAll() cannot run backwards: only the last rows of a range need a cursor.
  if (range.reverse === true && range.limit !== undefined) return readBackwards(store, interval, range.limit);
  const [keys, values] = await Promise.all([
    promisifyRequest(store.getAllKeys(interval, range.limit)),
    promisifyRequest<unknown[]>(store.getAll(interval, range.limit)),
  ]);
  // Keys are ours, and all of them strings.
  const rows = keys.map((key, at) => [key as string, values[at]] as const);
  return range.reverse === true ? rows.reverse() : rows;
}

function readBackwards(store: IDBObjectStore, interval: IDBKeyRange, limit: number): Promise<readonly (readonly [string, unknown])[]> {
  return new Promise((resolve, reject) => {
    const rows: (readonly [string, unknown])[] = [];
    const request = store.openCursor(interval, "prev");
    request.onerror = () => reject(request.error ?? new DOMException("", "UnknownError"));
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor !== null) rows.push([cursor.key as string, cursor.value]);
      if (cursor === null || rows.length >= limit) resolve(rows);
      else cursor.continue();
    };
  });
}
