/**
 * The directory of a Node store: made, checked and locked down before the database sees it.
 * Spec: threats D12 (typed errors), D14 (0700), D18 (links, foreign files).
 * Not here: the database in it (node-database.ts).
 * @module
 */
import { chmod, lstat, mkdir, open, readdir, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { StorageError } from "./errors.js";

/** The names that LevelDB gives to its files; in a directory of ours there is nothing else. */
const databaseFile = /^(CURRENT|LOCK|LOG(\.old)?|MANIFEST-\d+|\d+\.(log|ldb|sst|dbtmp))$/;

/**
 * Makes the directory where it is missing, and refuses one that is not ours.
 * @returns its canonical path: one name per directory, whatever way leads there.
 * @throws StorageError `ERR_STORE_UNAVAILABLE` (link, foreign file, other owner, no permission), `ERR_STORE_FULL`.
 */
export async function prepareDirectory(path: string): Promise<string> {
  const absolute = resolve(path); // also drops a trailing slash, which would make lstat follow a link
  try {
    const made = await mkdir(absolute, { recursive: true, mode: 0o700 });
    if (made !== undefined) await flushDirectory(dirname(made)); // else a power cut may take the whole store with it
    const about = await lstat(absolute);
    if (!about.isDirectory()) throw refused("the store path is a symbolic link or not a directory"); // lstat: a link is no directory
    if (process.getuid !== undefined && about.uid !== process.getuid()) throw refused("the store directory belongs to another user");
    await checkFiles(absolute); // before chmod: a directory of somebody else's files stays as it is
    if ((about.mode & 0o077) !== 0) await chmod(absolute, 0o700);
    return await realpath(absolute);
  } catch (error) {
    throw error instanceof StorageError ? error : directoryError(error);
  }
}

async function checkFiles(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile()) throw refused("the store directory contains something that is not a plain file");
    if (!databaseFile.test(entry.name)) throw refused("the store directory contains files of something else");
    // A hard link would let the database write into a file that has another name elsewhere.
    if ((await lstat(join(directory, entry.name))).nlink > 1) throw refused("a file of the store has a second name");
  }
}

async function flushDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be opened there, and need not be flushed
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function refused(message: string): StorageError {
  return new StorageError("ERR_STORE_UNAVAILABLE", message);
}

function directoryError(cause: unknown): StorageError {
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  if (code === "ENOSPC" || code === "EDQUOT") return new StorageError("ERR_STORE_FULL", "no space for the store directory", { cause, retryable: true });
  return new StorageError("ERR_STORE_UNAVAILABLE", "the store directory cannot be used", { cause });
}
