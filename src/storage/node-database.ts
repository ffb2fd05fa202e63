/**
 * One open LevelDB, shared by all stores of this process on the same directory.
 * LevelDB's lock belongs to the process: a second open in the same process fails and, on the way, drops the lock that
 * keeps other processes out. So a directory is opened once, and the handles are counted.
 * Spec: design section 3; threats D10, D12. Decision: docs/decisions/0002-node-store.md.
 * Not here: the Store port (node-store.ts), the directory itself (node-directory.ts).
 * @module
 */
import { KeyedMutex } from "../base/keyed-mutex.js";
import type { Fence } from "../session/ports.js";
import { commitTrail, type CommitTrail } from "./node-commit-trail.js";
import { prepareDirectory } from "./node-directory.js";
import { driver, levelError, type Level, type LevelWrite } from "./node-level.js";
import { closedError, StorageError } from "./errors.js";

/** An open database and who uses it. */
export interface Database {
  readonly path: string;
  readonly level: Level;
  readonly trail: CommitTrail;
  /** The newest owner; undefined until somebody acquires. Dies with the process, as LevelDB's lock does. */
  fence: Fence | undefined;
  /** Set by a failed write: what LevelDB appends after a torn record could be lost at the next start (threats D12). */
  broken: boolean;
  /** Set by destroy(): every handle is closed. */
  gone: boolean;
  handles: number;
}

/** Open databases by canonical path. */
const databases = new Map<string, Database>();
/** Opening, closing and wiping of one directory wait for each other. */
const doors = new KeyedMutex<string>();
/** Takeovers and commits of one database run one after the other, so that no commit of a former owner lands late. */
const writers = new KeyedMutex<Database>();

/** Opens the directory, or joins the one that is open. Pair with {@link leaveDatabase}. @throws StorageError */
export async function joinDatabase(path: string): Promise<Database> {
  const canonical = await prepareDirectory(path);
  return doors.run(canonical, async () => {
    const shared = databases.get(canonical) ?? (await openDatabase(canonical));
    shared.handles += 1;
    return shared;
  });
}

/** Gives one handle back; the last one closes the database and frees the lock. */
export function leaveDatabase(database: Database): Promise<void> {
  return doors.run(database.path, async () => {
    database.handles -= 1;
    if (database.handles === 0 && !database.gone) await shut(database);
  });
}

/**
 * Runs `work` when all earlier writes are done.
 * @throws StorageError `ERR_STORE_CLOSED` if the database was wiped meanwhile.
 */
export function asWriter<T>(database: Database, work: () => Promise<T>): Promise<T> {
  return writers.run(database, () => (database.gone ? Promise.reject(closedError()) : work()));
}

/** Applies all writes or none, and returns when they are on the disk. Only inside {@link asWriter}. */
export async function writeDurably(database: Database, writes: readonly LevelWrite[]): Promise<void> {
  if (database.broken) {
    throw new StorageError("ERR_STORE_FAILED", "an earlier write failed: close the store and open it again");
  }
  const step = database.trail.next();
  try {
    await database.level.batch([...writes, step.write], { sync: true });
    step.done();
  } catch (error) {
    database.broken = true;
    throw levelError(error);
  }
}

/** Deletes every file of the store, whoever in this process has it open. Works on a damaged store, too. */
export async function destroyDatabase(path: string): Promise<void> {
  const canonical = await prepareDirectory(path);
  await doors.run(canonical, async () => {
    const shared = databases.get(canonical);
    if (shared !== undefined) {
      shared.gone = true;
      await shut(shared);
    }
    const { ClassicLevel } = await driver();
    try {
      await ClassicLevel.destroy(canonical);
    } catch (error) {
      throw levelError(error);
    }
  });
}

async function openDatabase(path: string): Promise<Database> {
  const { ClassicLevel } = await driver();
  const level: Level = new ClassicLevel<string, Uint8Array>(path, { keyEncoding: "utf8", valueEncoding: "view" });
  try {
    await level.open();
    const trail = await commitTrail(level);
    const database: Database = { path, level, trail, fence: undefined, broken: false, gone: false, handles: 0 };
    databases.set(path, database);
    return database;
  } catch (error) {
    await level.close();
    throw levelError(error);
  }
}

async function shut(database: Database): Promise<void> {
  databases.delete(database.path);
  await writers.run(database, () => database.level.close());
}
