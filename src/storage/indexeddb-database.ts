/**
 * One connection to one IndexedDB database, as a `UseStore` of idb-keyval with what its own lacks (threats D04):
 * strict durability, a `versionchange` that lets go, every failure as a rejection with a meaning, and one retry when
 * the browser has closed the connection under us (D09).
 * Spec: Indexed Database API 3.0; threats D02, D04-D06, D08, D09.
 * Not here: what the transactions do (indexeddb.ts).
 * @module
 */
import { promisifyRequest, type UseStore } from "idb-keyval";
import { SottoError } from "../base/errors.js";
import { closedError, StorageError } from "./errors.js";

/** The one object store. Keys and framed values are out-of-line. */
const objectStoreName = "records";
/** The layout of rows and frames; browsers refuse to open a database of a higher number. */
const formatVersion = 1;

/** A lazily opened, shared connection. */
export class IdbConnection {
  readonly #name: string;
  readonly #platform: IDBFactory | undefined;
  #opening: Promise<IDBDatabase> | undefined;
  /** Why nobody may use it any more. */
  #ended = false;

  /** @param platform where databases live; `undefined` if this platform has none. */
  constructor(name: string, platform: IDBFactory | undefined) {
    this.#name = name;
    this.#platform = platform;
  }

  /**
   * Runs `callback` in one transaction and resolves when that is complete; a throw or rejection aborts all of it.
   * `callback` may wait for requests of this transaction and for nothing else (threats D02). It may run twice: only
   * after the connection was lost and nothing of the first run can have been kept.
   * @throws StorageError
   */
  readonly use: UseStore = async (mode, callback) => {
    if (this.#ended) throw closedError();
    const opening = this.#database();
    const database = await opening;
    try {
      return await transact(database, mode, callback);
    } catch (error) {
      if (error instanceof SottoError) throw error;
      if (this.#isEnded()) throw closedError(); // since the call began
      // InvalidStateError: the connection is closing, though `close` has not been announced yet.
      if (this.#opening === opening && nameOf(error) === "InvalidStateError") this.#opening = undefined;
      if (this.#opening === opening) throw idbError(error);
      return this.#again(mode, callback);
    }
  };

  /** Idempotent. Transactions that have begun still complete. */
  async close(): Promise<void> {
    this.#ended = true;
    const opening = this.#opening;
    this.#opening = undefined;
    // A database that could not be opened needs no closing; whoever opened it has seen the error.
    (await opening?.catch(() => undefined))?.close();
  }

  /** Closes, and removes the database with everything in it. @throws StorageError */
  async remove(): Promise<void> {
    await this.close();
    try {
      const request = this.#factory().deleteDatabase(this.#name);
      await Promise.race([promisifyRequest(request), rejectWhenBlocked(request)]);
    } catch (error) {
      throw unavailable(error);
    }
  }

  async #again<T>(mode: IDBTransactionMode, callback: (store: IDBObjectStore) => T | PromiseLike<T>): Promise<T> {
    try {
      return await transact(await this.#database(), mode, callback);
    } catch (error) {
      throw idbError(error);
    }
  }

  #database(): Promise<IDBDatabase> {
    if (this.#ended) return Promise.reject(closedError());
    if (this.#opening !== undefined) return this.#opening;
    const opening = this.#open();
    this.#opening = opening;
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined; // the next use tries again
    });
    return opening;
  }

  async #open(): Promise<IDBDatabase> {
    try {
      const request = this.#factory().open(this.#name, formatVersion); // throws where storage is forbidden
      request.onupgradeneeded = () => request.result.createObjectStore(objectStoreName);
      const database = await Promise.race([promisifyRequest(request), rejectWhenBlocked(request)]);
      if (this.#ended) {
        database.close();
        throw closedError();
      }
      database.onversionchange = () => {
        // Somebody deletes or upgrades the database: holding on would block them, and our format may end here.
        this.#ended = true;
        database.close();
      };
      database.onclose = () => (this.#opening = undefined); // the browser closed it: the next use opens it again
      return database;
    } catch (error) {
      throw unavailable(error);
    }
  }

  #isEnded(): boolean {
    return this.#ended;
  }

  #factory(): IDBFactory {
    if (this.#platform === undefined) throw new StorageError("ERR_STORE_UNAVAILABLE", "this platform has no IndexedDB");
    return this.#platform;
  }
}

/** A blocked request may still succeed, much later and unasked for: then it is closed again. */
function rejectWhenBlocked(request: IDBOpenDBRequest): Promise<never> {
  return new Promise((_resolve, reject) => {
    request.onblocked = () => {
      request.addEventListener("success", () => (request.result as IDBDatabase | undefined)?.close());
      reject(new StorageError("ERR_STORE_UNAVAILABLE", "another tab keeps the database open", { retryable: true }));
    };
  });
}

async function transact<T>(
  database: IDBDatabase, mode: IDBTransactionMode, callback: (store: IDBObjectStore) => T | PromiseLike<T>,
): Promise<T> {
  const transaction = database.transaction(objectStoreName, mode, { durability: "strict" });
  const completed = promisifyRequest(transaction);
  completed.catch(() => undefined); // looked at below in every case, but perhaps later than it fails
  try {
    const result = await callback(transaction.objectStore(objectStoreName));
    await completed;
    return result;
  } catch (error) {
    abort(transaction);
    // The transaction knows why it ended (quota); a request that it took along only says AbortError, idb-keyval `null`.
    await completed.catch(() => undefined);
    throw error instanceof SottoError ? error : (transaction.error ?? error);
  }
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    return; // it has ended by itself: there is nothing left to take back
  }
}

function unavailable(cause: unknown): SottoError {
  if (cause instanceof SottoError) return cause;
  if (nameOf(cause) === "QuotaExceededError") return idbError(cause);
  if (nameOf(cause) === "VersionError") {
    return new StorageError("ERR_STORE_UNAVAILABLE", "the store was written by a newer version of Sotto", { details: { readable: formatVersion } });
  }
  return new StorageError("ERR_STORE_UNAVAILABLE", "the browser does not open the database", { cause });
}

/** A failed transaction as our error; errors of our own pass. */
function idbError(cause: unknown): SottoError {
  if (cause instanceof SottoError) return cause;
  if (nameOf(cause) === "QuotaExceededError") {
    return new StorageError("ERR_STORE_FULL", "the browser's storage quota is exhausted", { cause, retryable: true });
  }
  return new StorageError("ERR_STORE_FAILED", "the database refused", { cause, retryable: true });
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error || error instanceof DOMException ? error.name : undefined;
}
