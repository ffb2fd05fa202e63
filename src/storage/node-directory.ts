/**
 * The directory of a Node store: made, checked and locked down before the database sees it.
 * Spec: threats D12 (typed errors), D14 (0700), D18 (links, foreign files).
 * Not here: the database in it (node-database.ts).
 * @module
 */
import { constants, type Stats } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, realpath, type FileHandle } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { StorageError } from "./errors.js";

/** The names that LevelDB gives to its files, and ours; in a directory of ours there is nothing else. */
const databaseFile = /^(CURRENT|LOCK|LOG(\.old)?|MANIFEST-\d+|\d+\.(log|ldb|sst|dbtmp)|(HEAD|TABLES)(\.new)?)$/;

/**
 * Makes the directory where it is missing, and refuses one that is not ours.
 * @returns its canonical path: one name per directory, whatever way leads there.
 * @throws StorageError `ERR_STORE_UNAVAILABLE` (link, foreign file, other owner, no permission), `ERR_STORE_FULL`.
 */
export async function prepareDirectory(path: string): Promise<string> {
  const absolute = resolve(path); // also drops a trailing slash, which would make lstat follow a link
  try {
    const made = await makeDirectory(absolute);
    // Each name that was given, else a power cut may take the whole store with it.
    for (let at = absolute; made !== undefined && at.length >= made.length; at = dirname(at)) await flushDirectory(dirname(at));
    const about = await lstat(absolute);
    if (!about.isDirectory()) throw refused("the store path is a symbolic link or not a directory"); // lstat: a link is no directory
    if (isForeign(about)) throw refused("the store directory belongs to another user");
    await checkFiles(absolute); // before chmod: a directory of somebody else's files stays as it is
    if ((about.mode & 0o077) !== 0) await chmod(absolute, 0o700);
    await closeToOthers(absolute);
    return await realpath(absolute);
  } catch (error) {
    throw error instanceof StorageError ? error : directoryError(error);
  }
}

/**
 * Makes a directory and what is missing above it. Not by mkdir's `recursive`: that never ends, and keeps a core busy, where a directory takes no new
 * names and says that it is not there, as /proc does.
 * @returns the topmost that was made
 */
async function makeDirectory(path: string): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return path;
  } catch (error) {
    if (await isThere(path)) return undefined;
    const above = dirname(path);
    if (codeOf(error) !== "ENOENT" || above === path || await isThere(above)) throw error;
    const topmost = await makeDirectory(above);
    await makeDirectory(path);
    return topmost;
  }
}

const isThere = (path: string): Promise<boolean> => lstat(path).then(() => true, () => false);

/** Takes the rights of others from every file: LevelDB makes them with the process's umask. In a directory that was checked. */
export async function closeToOthers(directory: string): Promise<void> {
  if (process.platform === "win32") return; // no such rights there
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    // Not through an open file: closing any file that stands for LOCK would drop the lock of the whole process.
    const about = await lstat(path).catch(unlessMissing); // LevelDB may have removed it meanwhile
    if (about?.isFile() === true && (about.mode & 0o777) !== 0o600) await chmod(path, 0o600).catch(unlessMissing);
  }
}

/** Flags of open() for reading that do not follow a link put there after the check. Windows has no such flag. */
const noFollow: number = constants.O_RDONLY | ((constants as { readonly O_NOFOLLOW?: number }).O_NOFOLLOW ?? 0);

/** Opens a file for reading; `undefined` if there is none. @throws errors of the file system */
export function openExisting(path: string): Promise<FileHandle | undefined> {
  return open(path, noFollow).catch(unlessMissing);
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}

/** Makes names that were just given or taken in `directory` survive a power cut. */
export async function flushDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be opened there, and need not be flushed
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function checkFiles(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile()) throw refused("the store directory contains something that is not a plain file");
    if (!databaseFile.test(entry.name)) throw refused("the store directory contains files of something else");
    const about = await lstat(join(directory, entry.name)).catch(unlessMissing);
    if (about === undefined) continue; // another process has the store open, and has removed it meanwhile
    if (isForeign(about)) throw refused("a file of the store belongs to another user");
    // A hard link would let the database write into a file that has another name elsewhere.
    if (about.nlink > 1) throw refused("a file of the store has a second name");
  }
}

function isForeign(about: Stats): boolean {
  return process.getuid !== undefined && about.uid !== process.getuid();
}

function refused(message: string): StorageError {
  return new StorageError("ERR_STORE_UNAVAILABLE", message);
}

function directoryError(cause: unknown): StorageError {
  const code = codeOf(cause);
  if (code === "ENOSPC" || code === "EDQUOT") return new StorageError("ERR_STORE_FULL", "no space for the store directory", { cause, retryable: true });
  const retryable = code === "EMFILE" || code === "ENFILE"; // too many open files: may pass
  return new StorageError("ERR_STORE_UNAVAILABLE", "the store directory cannot be used", { cause, retryable });
}

function codeOf(cause: unknown): unknown {
  return (cause as { readonly code?: unknown } | undefined)?.code;
}
