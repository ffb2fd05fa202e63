/**
 * The door to classic-level: how we use its types, how it is loaded, and what its errors mean.
 * Spec: threats D06, D12, D13.
 * Not here: who opens what (node-database.ts).
 * @module
 */
import type { ClassicLevel } from "classic-level";
import { closedError, StorageError } from "./errors.js";

/** Keys are ASCII strings, values framed bytes. */
export type Level = ClassicLevel<string, Uint8Array>;

/** A write inside one batch. */
export type LevelWrite =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string };

/** classic-level is an optional dependency: a browser application never installs it. */
export async function driver(): Promise<{ readonly ClassicLevel: typeof ClassicLevel }> {
  try {
    return await import("classic-level");
  } catch (cause) {
    // A bundle has it, and cannot load it; nor can a system for which there is no binary.
    const isMissing = (cause as { code?: unknown } | null)?.code === "ERR_MODULE_NOT_FOUND";
    throw new StorageError("ERR_STORE_UNAVAILABLE", isMissing ? "the package classic-level is not installed" : "the package classic-level cannot be loaded: cause says why", { cause });
  }
}

/** An error on the way to an open database, as ours: what the file system forbids is no failure of the medium. */
export function openingError(cause: unknown): StorageError {
  const error = levelError(cause);
  const text = textOf(cause);
  if (error.code !== "ERR_STORE_FAILED" || !/Permission denied|Read-only file system|Operation not permitted|Too many open files|\bE(ACCES|ROFS|PERM|MFILE|NFILE|LOOP)\b/i.test(text)) return error;
  return new StorageError("ERR_STORE_UNAVAILABLE", "the store directory cannot be used", { cause, retryable: /Too many open files|\bE[MN]FILE\b/i.test(text) });
}

/** LevelDB's error, or one of the files beside it, as ours. */
export function levelError(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const text = textOf(cause);
  if (/LEVEL_LOCKED/.test(text)) return new StorageError("ERR_STORE_LOCKED", "another process has the store open", { cause, retryable: true });
  if (/LEVEL_CORRUPTION/.test(text)) return new StorageError("ERR_STORE_CORRUPT", "the database is damaged", { cause });
  // LevelDB has no code for these, only strerror(): ENOSPC, EDQUOT, EFBIG.
  if (/No space left|quota exceeded|File too large|\b(ENOSPC|EDQUOT|EFBIG)\b/i.test(text)) return new StorageError("ERR_STORE_FULL", "the disk is full", { cause, retryable: true });
  if (/LEVEL_(DATABASE|ITERATOR)_NOT_OPEN|LEVEL_ABORTED/.test(text) && !/LEVEL_IO_ERROR/.test(text) && !text.includes("\n")) return closedError();
  return new StorageError("ERR_STORE_FAILED", "the database refused", { cause });
}

/** Codes and messages of an error and its causes, one a line. */
function textOf(cause: unknown): string {
  const chain: string[] = [];
  for (let at: unknown = cause; at instanceof Error; at = at.cause) chain.push(`${(at as { code?: string }).code ?? ""} ${at.message}`);
  return chain.join("\n");
}
