/**
 * One open LevelDB, shared by all stores of this process on the same directory.
 * LevelDB's lock belongs to the process: a second open in the same process fails and, on the way, drops the lock that
 * keeps other processes out. So a directory is opened once, and the handles are counted.
 * Spec: docs/architecture.md, The commit rule; threats D10, D12. Decision: docs/decisions/0002-node-store.md.
 * Not here: the Store port (node-store.ts), the directory itself (node-directory.ts).
 * @module
 */
import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { toHex } from "../base/bytes.js";
import { KeyedMutex } from "../base/keyed-mutex.js";
import { systemRng } from "../base/rng.js";
import type { Fence } from "../session/ports.js";
import { closedError, fencedError, StorageError } from "./errors.js";
import { openChain, type CommitChain } from "./node-commit-chain.js";
import { closeToOthers, prepareDirectory } from "./node-directory.js";
import { Head, headFile, newHeadFile, readHead } from "./node-head.js";
import { driver, levelError, openingError, type Level, type LevelWrite } from "./node-level.js";
import { checkTables, listTables, noTables, newTablesFile, tablesFile } from "./node-tables.js";
import { Upkeep } from "./node-upkeep.js";

/** An open database and who uses it. */
export interface Database {
  readonly path: string;
  readonly level: Level;
  readonly chain: CommitChain;
  readonly head: Head;
  readonly upkeep: Upkeep;
  /** Another one after each recognised loss of something that was acknowledged. */
  readonly history: string;
  /** The newest owner; undefined until somebody acquires. Dies with the process, as LevelDB's lock does. */
  fence: Fence | undefined;
  /** Set by a failed write: what LevelDB appends after a torn record could be lost at the next start (threats D12). */
  broken: boolean;
  /** Another process has the directory: the database is closed here, for reading as well. */
  taken: boolean;
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

/**
 * Whether the directory is still in our hands, whatever the lock said. If not, the database is let go in this turn: nothing is written any
 * more, not even on close, and nothing read. LevelDB compacts by itself, after reads too, and deletes the tables that it does not
 * know: those of the process that has the directory now (threats D10). About 3 µs.
 * @throws StorageError if that cannot be told
 */
export function isHeld(database: Database): boolean {
  if (database.taken) return false;
  try {
    if (database.head.isOurs()) return true;
  } catch (error) {
    database.broken = true;
    throw levelError(error);
  }
  database.taken = true;
  database.fence = undefined;
  database.upkeep.cancel();
  database.level.close().catch(() => undefined); // writes nothing; tried again when the last handle leaves
  return false;
}

/** @throws StorageError `ERR_STORE_FENCED` if another process has the directory now, `ERR_STORE_FAILED` after a failed write */
export function proveWritable(database: Database): void {
  if (!isHeld(database)) throw fencedError();
  if (database.broken) throw new StorageError("ERR_STORE_FAILED", "an earlier write failed: close the store and open it again");
}

/** Applies all writes or none, and returns when they are on the disk. Only inside {@link asWriter}. @throws StorageError */
export async function writeDurably(database: Database, writes: readonly LevelWrite[]): Promise<void> {
  proveWritable(database);
  const step = database.chain.next(writes);
  try {
    const batch = database.level.batch(); // an array of writes would be copied write by write, each into an object with a hidden class of its own
    for (const write of [...writes, step.write]) {
      if (write.type === "put") batch.put(write.key, write.value);
      else batch.del(write.key);
    }
    await batch.write({ sync: true });
    step.done();
  } catch (cause) {
    database.broken = true;
    const failure = levelError(cause);
    if (!failure.retryable) throw failure;
    throw new StorageError(failure.code, `${failure.message}: close the store and open it again`, { cause }); // room that comes back helps who opens it next
  }
  try {
    database.head.note(step.tip);
    await database.upkeep.committed();
  } catch {
    database.broken = true; // this commit is on the disk: it succeeded, and it was the last one
  }
}

/**
 * Deletes every file of the store, whoever in this process has it open. Works on a damaged store, too.
 * @throws StorageError `ERR_STORE_LOCKED` if another process holds the directory: then that one has lost nothing
 */
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
      await ClassicLevel.destroy(canonical); // asks for the lock; before that nothing may be touched: without its head an owner is fenced (threats D10)
      for (const name of [headFile, newHeadFile, tablesFile, newTablesFile]) await rm(join(canonical, name), { force: true });
      await rmdir(canonical).catch(() => undefined); // gone already, or somebody has begun anew in it
    } catch (error) {
      throw levelError(error);
    }
  });
}

async function openDatabase(path: string): Promise<Database> {
  const { ClassicLevel } = await driver();
  const level: Level = new ClassicLevel<string, Uint8Array>(path, { keyEncoding: "utf8", valueEncoding: "view" });
  let head: Head | undefined;
  try {
    const tables = await checkTables(path);
    await level.open(); // from here on the directory is ours
    const former = await readHead(path);
    const chain = await openChain(level);
    const history = former !== undefined && tables !== undefined && chain.continues(former) ? former.history : systemRng()(16);
    head = await Head.replace(path, { ...chain.tip, history });
    const listed = await listTables(path, tables ?? noTables, tables?.swept ?? 0);
    await closeToOthers(path);
    const database: Database = {
      path, level, chain, head, history: toHex(history), fence: undefined, broken: false, taken: false, gone: false, handles: 0,
      upkeep: new Upkeep({
        directory: path, level, chain, head, tables: listed, prove: () => { proveWritable(database); }, failed: () => { database.broken = true; },
      }),
    };
    databases.set(path, database);
    return database;
  } catch (error) {
    await head?.close();
    await level.close();
    throw openingError(error);
  }
}

async function shut(database: Database): Promise<void> {
  databases.delete(database.path);
  await writers.run(database, async () => {
    try {
      await database.upkeep.stop(!database.broken && !database.taken && !database.gone);
    } catch {
      database.broken = true; // what was committed is on the disk; the next start sweeps
    } finally {
      await database.level.close();
    }
  });
}
