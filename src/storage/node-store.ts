/**
 * The durable store for Node: LevelDB through classic-level. Entry `sotto/storage/node`.
 * A commit is one batch with one flush of the log; a takeover and commits go through one queue.
 * Spec: docs/architecture.md, The commit rule; threats D01, D05, D06, D10-D14, D17, D18, R27. Format: README.md.
 * Decision: docs/decisions/0002-node-store.md.
 * Not here: opening and sharing the database (node-database.ts), lost commits (node-commit-chain.ts, node-head.ts), sweeps (node-upkeep.ts).
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import { UsageError } from "../base/errors.js";
import { randomId, systemRng } from "../base/rng.js";
import type { Change, Fence, Store, StoreKey, StoreRange, StoreRow } from "../session/ports.js";
import { closedError, fencedError, type StorageError } from "./errors.js";
import { asWriter, destroyDatabase, isHeld, joinDatabase, leaveDatabase, proveWritable, writeDurably, type Database } from "./node-database.js";
import { levelError, type LevelWrite } from "./node-level.js";
import { keyBounds } from "./range.js";
import { frameRecord, unframeRecord } from "./record-frame.js";
import { stageChanges } from "./staging.js";

/**
 * A Store in the directory `path`, which is made with mode 0700 and belongs to the store alone.
 * Opened by the first call. One process at a time (`ERR_STORE_LOCKED`), and in it one thread; several stores of one
 * process may share the directory, the newest owner writes. After a write has failed - for want of room with
 * `ERR_STORE_FULL`, which is not retryable here -, commits fail with `ERR_STORE_FAILED` until all handles are closed and the store is opened anew;
 * reading goes on. Where the lock has failed and another process has the directory, everything fails with `ERR_STORE_FENCED`.
 * @throws UsageError `ERR_INVALID_ARGUMENT` for what is no path: an empty one would be the working directory
 */
export function fileStore(path: string): Store {
  if (typeof path !== "string" || path === "") throw new UsageError("ERR_INVALID_ARGUMENT", "fileStore needs the path of a directory, as a string that is not empty");
  return new FileStore(path);
}

class FileStore implements Store {
  readonly #path: string;
  #joined: Promise<Database> | undefined;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  async acquire(confirm?: () => Promise<boolean>): Promise<Fence> {
    const database = await this.#database();
    const newest = database.fence;
    if (confirm !== undefined && !(await confirm())) throw fencedError();
    return asWriter(database, async () => {
      if (confirm !== undefined && database.fence !== newest) throw fencedError();
      proveWritable(database);
      const fence = randomId(systemRng()) as Fence;
      database.fence = fence;
      return fence;
    });
  }

  async owns(fence: Fence): Promise<boolean> {
    const database = await this.#database();
    return database.fence === fence && isHeld(database); // asked before bytes leave: nobody may have committed for long
  }

  async get(key: StoreKey): Promise<Bytes | undefined> {
    const stored = await this.#read((database) => database.level.get(key));
    return stored === undefined ? undefined : unframeRecord(key, stored);
  }

  async getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]> {
    const asked = [...keys];
    const stored = await this.#read((database) => database.level.getMany(asked)); // one snapshot inside
    return asked.map((key, at) => {
      const record = stored[at];
      return record === undefined ? undefined : unframeRecord(key, record);
    });
  }

  async list(range: StoreRange): Promise<readonly StoreRow[]> {
    const bounds = keyBounds(range);
    const rows = await this.#read(async ({ level }) => {
      if (bounds === undefined) return [];
      const { lower, upper: lt } = bounds;
      const window = { lt, limit: range.limit ?? -1, reverse: range.reverse ?? false };
      return level.iterator(bounds.lowerOpen ? { gt: lower, ...window } : { gte: lower, ...window }).all();
    });
    return rows.map(([key, stored]) => ({ key: key as StoreKey, value: unframeRecord(key, stored) }));
  }

  async history(): Promise<string> {
    return (await this.#database()).history;
  }

  async commit(changes: readonly Change[], fence: Fence): Promise<void> {
    if (this.#closed) throw closedError();
    const staged = stageChanges(changes, frameRecord);
    const database = await this.#database();
    await asWriter(database, async () => {
      if (database.fence !== fence) throw fencedError();
      if (staged.length === 0) return;
      await writeDurably(database, staged.map(({ key, stored }): LevelWrite => (stored === undefined ? { type: "del", key } : { type: "put", key, value: stored })));
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const database = await this.#opened();
    if (database !== undefined) await leaveDatabase(database);
  }

  async destroy(): Promise<void> {
    if (this.#closed) throw closedError();
    await this.#opened(); // a damaged store is wiped all the same
    await destroyDatabase(this.#path);
    this.#closed = true;
  }

  async #read<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const database = await this.#database();
    if (!isHeld(database)) throw fencedError();
    try {
      return await work(database);
    } catch (error) {
      throw database.taken ? fencedError() : levelError(error);
    }
  }

  async #database(): Promise<Database> {
    if (this.#closed) throw closedError();
    this.#joined ??= joinDatabase(this.#path);
    const joining = this.#joined;
    try {
      const database = await joining;
      if (database.gone) throw closedError();
      return database;
    } catch (error) {
      // A store that was locked or unavailable may be tried again; one that is gone stays gone.
      if (this.#joined === joining && (error as StorageError).code !== "ERR_STORE_CLOSED") this.#joined = undefined;
      throw error;
    }
  }

  /** The database if this handle has it open. */
  async #opened(): Promise<Database | undefined> {
    return this.#joined?.catch(() => undefined); // opening failed: there is nothing to give back
  }
}
