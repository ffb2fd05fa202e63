/**
 * One connection to one IndexedDB database, as a `UseStore` of idb-keyval with what its own lacks (threats D04):
 * strict durability, a `versionchange` that lets go, every failure as a rejection with a meaning, and one retry when
 * the browser has closed the connection under us (D09).
 * Spec: Indexed Database API 3.0; threats D02, D04-D06, D08, D09.
 * Not here: what the transactions do (indexeddb.ts), how one ends (indexeddb-transaction.ts), what failures mean (indexeddb-errors.ts).
 * @module
 */
import { promisifyRequest, type UseStore } from "idb-keyval";
import type { Clock } from "../base/clock.js";
import { SottoError } from "../base/errors.js";
import { Emitter } from "../base/events.js";
import { storeOpenTimeoutMs, storeReopenMs, storeReopensMax } from "../base/limits.js";
import { closedError, StorageError } from "./errors.js";
import { endedError, evictedError, idbError, isPassingRefusal, nameOf, openingError } from "./indexeddb-errors.js";
import { transact } from "./indexeddb-transaction.js";
import { PageFreeze, platformLifecycle } from "./page-freeze.js";

/** The one object store. Keys and framed values are out-of-line. */
const objectStoreName = "records";
/** The layout of rows and frames; browsers refuse to open a database of a higher number. */
const formatVersion = 1;

/** A lazily opened, shared connection. */
export class IdbConnection {
  readonly #name: string;
  readonly #platform: () => IDBFactory | null | undefined;
  readonly #clock: Clock;
  #opening: Promise<IDBDatabase> | undefined;
  readonly #freeze = new PageFreeze(platformLifecycle());
  /** Why nobody may use it any more, once that is so. */
  #end: Promise<StorageError> | undefined;
  readonly #ends = new Emitter<StorageError>();
  readonly #deletedOnPurpose: () => Promise<boolean>;
  /** How often it was opened again unasked since it was of use. */
  #reopened = 0;
  #reopening: (() => void) | undefined;
  /** It was open once: what is opened from then on must be there already. */
  #known = false;

  /**
   * @param platform where databases live; nothing if this platform has none. It may throw where storage is forbidden.
   * @param deletedOnPurpose whether a database that somebody has just deleted was deleted by destroy()
   */
  constructor(name: string, platform: () => IDBFactory | null | undefined, clock: Clock, deletedOnPurpose: () => Promise<boolean> = () => Promise.resolve(true)) {
    this.#name = name;
    this.#platform = platform;
    this.#clock = clock;
    this.#deletedOnPurpose = deletedOnPurpose;
  }

  /** Calls `listener` when the database ends under this connection; not for {@link IdbConnection.close}. */
  onEnd(listener: (error: StorageError) => void): void {
    this.#ends.subscribe(listener);
  }

  /**
   * Runs `callback` in one transaction and resolves when that is complete; a throw or rejection aborts all of it.
   * `callback` may wait for requests of this transaction and for nothing else (threats D02). It may run twice: only
   * after the connection was lost, the page was frozen, or Firefox let it only delete, and nothing of the first run can have been kept.
   * @throws StorageError
   */
  readonly use: UseStore = async (mode, callback) => {
    if (this.#end !== undefined) throw await this.#end; // and else begun in this turn
    const opening = this.#database();
    const database = await opening;
    try {
      const result = await this.#transact(database, mode, callback);
      this.#reopened = 0;
      return result;
    } catch (error) {
      if (error instanceof SottoError) throw error;
      await this.mustBeOpen(); // since the call began
      // InvalidStateError: the connection is closing, though `close` has not been announced yet.
      if (this.#opening === opening && nameOf(error) === "InvalidStateError") this.#opening = undefined;
      if (this.#opening === opening) throw idbError(error);
      return this.#again(mode, callback);
    }
  };

  /** @throws StorageError `ERR_STORE_CLOSED`, or what has ended it: the same from then on */
  async mustBeOpen(): Promise<void> {
    if (this.#end !== undefined) throw await this.#end;
  }

  /** Idempotent. Transactions that have begun still complete. */
  async close(): Promise<void> {
    this.#end = Promise.resolve(closedError());
    this.#reopening?.();
    this.#freeze.stop();
    const opening = this.#opening;
    this.#opening = undefined;
    // A database that could not be opened needs no closing; whoever opened it has seen the error.
    (await opening?.catch(() => undefined))?.close();
  }

  /** Closes, and removes the database with everything in it. @throws StorageError */
  async remove(): Promise<void> {
    await this.close();
    try {
      await answered(this.#factory().deleteDatabase(this.#name), this.#clock);
    } catch (error) {
      throw openingError(error, formatVersion);
    }
  }

  async #transact<T>(database: IDBDatabase, mode: IDBTransactionMode, callback: (store: IDBObjectStore) => T | PromiseLike<T>): Promise<T> {
    let begun: IDBTransaction | undefined;
    const run = (): Promise<T> => this.#freeze.run(() => (begun = database.transaction(objectStoreName, mode, { durability: "strict" })), (transaction) => transact(transaction, callback));
    try {
      return await run();
    } catch (error) {
      // After one that met the end of the quota Firefox begins one of another mode, which may only delete. The next is as it should be.
      if (nameOf(error) !== "InvalidStateError" || (begun?.mode ?? mode) === mode) throw error;
      return run();
    }
  }

  async #again<T>(mode: IDBTransactionMode, callback: (store: IDBObjectStore) => T | PromiseLike<T>): Promise<T> {
    try {
      return await this.#transact(await this.#database(), mode, callback);
    } catch (error) {
      throw idbError(error);
    }
  }

  #database(): Promise<IDBDatabase> {
    if (this.#end !== undefined) return this.#end.then((error) => { throw error; });
    if (this.#opening !== undefined) return this.#opening;
    const opening = this.#open();
    this.#opening = opening;
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined; // the next use tries again
    });
    return opening;
  }

  /** One that was there is asked for again while Chromium refuses, as it does until it has deleted everything: then it shows what became of it. */
  async #open(): Promise<IDBDatabase> {
    for (let times = 0; ; times++) {
      try {
        return await this.#openOnce();
      } catch (error) {
        if (!this.#known || times >= storeReopensMax || !isPassingRefusal(error)) throw error;
        await new Promise<void>((resolve) => { this.#clock.schedule(storeReopenMs * 2 ** times, resolve); });
      }
    }
  }

  async #openOnce(): Promise<IDBDatabase> {
    try {
      const request = this.#factory().open(this.#name, formatVersion); // throws where storage is forbidden
      let evicted = false;
      request.onupgradeneeded = (event) => {
        evicted = this.#known && event.oldVersion === 0;
        // Whoever reads on must not take an empty database for the one that was lost; the next start sees what happened (threats D07).
        if (evicted) request.transaction?.abort();
        else if (!request.result.objectStoreNames.contains(objectStoreName)) request.result.createObjectStore(objectStoreName);
      };
      const database = await answered(request, this.#clock).catch(async (error: unknown) => {
        if (!evicted) throw error;
        this.#endWith(Promise.resolve(evictedError()));
        await this.mustBeOpen();
        throw error;
      });
      this.#known = true;
      if (this.#end !== undefined) {
        database.close();
        throw await this.#end;
      }
      this.#freeze.start();
      database.onversionchange = ({ newVersion }) => {
        // Somebody deletes or upgrades the database: holding on would block them, and our format may end here.
        database.close();
        this.#endWith(newVersion === null ? this.#deletion() : Promise.resolve(endedError("upgraded")));
      };
      database.onclose = () => { this.#lost(); };
      return database;
    } catch (error) {
      throw openingError(error, formatVersion);
    }
  }

  /**
   * The browser closed it: the next use opens it again. So do we soon, for this is all that is heard of an eviction, and nobody may ask for
   * long (threats D07). Not at once: Chromium refuses until everything is deleted. Not without end either: it may be closed each time.
   */
  #lost(): void {
    this.#opening = undefined;
    if (this.#end !== undefined || this.#reopening !== undefined || this.#reopened >= storeReopensMax) return;
    this.#reopening = this.#clock.schedule(storeReopenMs * 2 ** this.#reopened, () => {
      this.#reopening = undefined;
      this.#database().catch(() => { this.#lost(); });
    });
    this.#reopened += 1;
  }

  /** The first end counts, and is told; whoever calls from now on waits until its reason is known. */
  #endWith(reason: Promise<StorageError>): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#freeze.stop();
    void reason.then((error) => { if (this.#end === reason) this.#ends.emit(error); });
  }

  async #deletion(): Promise<StorageError> {
    return (await this.#deletedOnPurpose()) ? endedError("deleted") : evictedError();
  }

  #factory(): IDBFactory {
    const platform = this.#platform() ?? undefined;
    if (platform === undefined) throw new StorageError("ERR_STORE_UNAVAILABLE", "this platform has no IndexedDB", { details: { reason: "missing" } });
    return platform;
  }
}

/** Resolves with the request's result. A blocked request may still succeed, much later and unasked for: then it is closed again. */
async function answered(request: IDBOpenDBRequest, clock: Clock): Promise<IDBDatabase> {
  let cancel: (() => void) | undefined;
  const blocked = new Promise<never>((_resolve, reject) => {
    const giveUp = (): void => {
      request.addEventListener("success", () => (request.result as IDBDatabase | undefined)?.close());
      reject(new StorageError("ERR_STORE_UNAVAILABLE", "another tab keeps the database open", { retryable: true, details: { reason: "blocked" } }));
    };
    request.onblocked = giveUp;
    // Behind somebody else's blocked request ours waits without any event.
    cancel = clock.schedule(storeOpenTimeoutMs, giveUp);
  });
  try {
    return await Promise.race([promisifyRequest(request), blocked]);
  } finally {
    cancel?.();
  }
}
