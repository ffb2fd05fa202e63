/**
 * What failures of IndexedDB mean: its errors as ours. Errors of our own pass.
 * Spec: Indexed Database API 3.0; threats D05, D06, D08, D09.
 * Not here: when they are asked for (indexeddb-database.ts).
 * @module
 */
import { SottoError } from "../base/errors.js";
import { StorageError } from "./errors.js";

/** The database is gone, and nobody has deleted it on purpose. */
export function evictedError(): StorageError {
  return new StorageError("ERR_STORE_UNAVAILABLE", "the browser has deleted the database", { details: { reason: "evicted" } });
}

/** Somebody else has ended it on purpose. */
export function endedError(reason: "deleted" | "upgraded"): StorageError {
  return new StorageError("ERR_STORE_CLOSED", `the database was ${reason} elsewhere`, { details: { reason } });
}

/** A failure on the way to an open database. @param readable the newest format that we read */
export function openingError(cause: unknown, readable: number): SottoError {
  if (cause instanceof SottoError) return cause;
  if (nameOf(cause) === "QuotaExceededError") return idbError(cause);
  if (nameOf(cause) === "VersionError") {
    return new StorageError("ERR_STORE_UNAVAILABLE", "the store was written by a newer version of Sotto", {
      details: { reason: "newer", readable },
    });
  }
  const reason = nameOf(cause) === "SecurityError" ? "forbidden" : "refused";
  const retryable = nameOf(cause) === "AbortError"; // so says Chromium while it closes all connections and deletes
  return new StorageError("ERR_STORE_UNAVAILABLE", "the browser does not open the database", { cause, retryable, details: { reason } });
}

/** What Chromium says while it closes all connections and deletes. */
export const isPassingRefusal = (error: unknown): boolean => error instanceof StorageError && error.retryable && error.details["reason"] === "refused";

/** A failed transaction. */
export function idbError(cause: unknown): SottoError {
  if (cause instanceof SottoError) return cause;
  if (nameOf(cause) === "QuotaExceededError") {
    return new StorageError("ERR_STORE_FULL", "the browser's storage quota is exhausted", { cause, retryable: true });
  }
  return new StorageError("ERR_STORE_FAILED", "the database refused", { cause, retryable: true });
}

/** The name of an error of the platform. */
export function nameOf(error: unknown): string | undefined {
  return error instanceof Error || error instanceof DOMException ? error.name : undefined;
}
