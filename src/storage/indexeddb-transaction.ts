/**
 * One transaction of IndexedDB: all of it or nothing, and if nothing, the reason that the browser has for it.
 * Spec: Indexed Database API 3.0; threats D02, D04, D06.
 * Not here: connections (indexeddb-database.ts), what reasons mean (indexeddb-errors.ts).
 * @module
 */
import { SottoError } from "../base/errors.js";

/**
 * Runs `callback` and resolves when the transaction is complete; a throw or rejection aborts it.
 * @throws what the callback throws if it is ours, else what ended the transaction
 */
export async function transact<T>(transaction: IDBTransaction, callback: (store: IDBObjectStore) => T | PromiseLike<T>): Promise<T> {
  const completed = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => { resolve(); };
    // Not at `error`: that of a request passes here before it has become the transaction's, and whoever aborts in between takes the reason away.
    transaction.onabort = () => { reject(transaction.error ?? new DOMException("", "AbortError")); };
  });
  completed.catch(() => undefined); // looked at below in every case, but perhaps later than it fails
  try {
    const result = await callback(transaction.objectStore(transaction.objectStoreNames[0] as string));
    await completed;
    return result;
  } catch (error) {
    abort(transaction);
    // The transaction knows why it ended (quota); a request that it took along only says AbortError.
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
