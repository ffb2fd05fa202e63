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
    throw new StorageError("ERR_STORE_UNAVAILABLE", "the package classic-level is not installed", { cause });
  }
}

/** LevelDB's error as ours. */
export function levelError(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const chain: string[] = [];
  for (let at: unknown = cause; at instanceof Error; at = at.cause) chain.push(`${(at as { code?: string }).code ?? ""} ${at.message}`);
  const text = chain.join("\n");
  if (/LEVEL_LOCKED/.test(text)) return new StorageError("ERR_STORE_LOCKED", "another process has the store open", { cause, retryable: true });
  if (/LEVEL_CORRUPTION/.test(text)) return new StorageError("ERR_STORE_CORRUPT", "the database is damaged", { cause });
  // LevelDB has no code for these, only strerror(): ENOSPC, EDQUOT, EFBIG.
  if (/No space left|quota exceeded|File too large/i.test(text)) return new StorageError("ERR_STORE_FULL", "the disk is full", { cause, retryable: true });
  if (/LEVEL_(DATABASE|ITERATOR)_NOT_OPEN|LEVEL_ABORTED/.test(text) && !/LEVEL_IO_ERROR/.test(text) && chain.length === 1) return closedError();
  return new StorageError("ERR_STORE_FAILED", "the database refused", { cause });
}
