/**
 * The errors of storage/: every adapter throws these and nothing else.
 * Spec: docs/architecture.md, The commit rule; threats D05, D06, D08, D10, D12, D13.
 * @module
 */
import { SottoError, type SottoErrorOptions } from "../base/errors.js";

/** Codes of {@link StorageError}. */
export type StorageErrorCode =
  | "ERR_STORE_FENCED" // another writer has taken the store over; nothing was written
  | "ERR_STORE_FULL" // quota or disk exhausted; nothing was written
  | "ERR_STORE_FAILED" // the medium refused; nothing of the commit is visible
  | "ERR_STORE_CLOSED" // closed by us, or by the platform because the database is being deleted or upgraded
  | "ERR_STORE_LOCKED" // another process holds the directory
  | "ERR_STORE_CORRUPT" // this record (or this format) is not what was written
  | "ERR_STORE_CONTRACT" // the adapter broke a promise of its port; nothing can be trusted any more
  | "ERR_STORE_UNAVAILABLE"; // forbidden, blocked, missing driver, not a directory of ours

/** A store that cannot do what was asked. After a failed commit nothing of it is visible. */
export class StorageError extends SottoError {
  readonly code: StorageErrorCode;
  constructor(code: StorageErrorCode, message: string, options?: SottoErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The error of every call after close() or destroy(). */
export function closedError(): StorageError {
  return new StorageError("ERR_STORE_CLOSED", "the store is closed");
}

/** The error of a commit by a writer that has been replaced. */
export function fencedError(): StorageError {
  return new StorageError("ERR_STORE_FENCED", "another writer has taken the store over");
}

/** The error of an adapter that broke a promise of its port, in this operation. */
export function contractError(operation: string, cause?: unknown): StorageError {
  return new StorageError("ERR_STORE_CONTRACT", "the storage adapter broke a promise of its port", { details: { operation }, ...(cause === undefined ? {} : { cause }) });
}
