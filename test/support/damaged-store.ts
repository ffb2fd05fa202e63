/** A store that finds its checksum of some rows wrong, as the real adapters do: whatever touches one fails, until it is written again. @module */
import type { Store, StoreKey } from "../../src/session/ports.js";
import { StorageError } from "../../src/storage/errors.js";
import { memoryStore, type MemoryDisk } from "../../src/storage/memory.js";

/** `inner`, on which the rows under `bad` are damaged; `bad` may grow. */
export function damaging(inner: Store, bad: Set<string>): Store {
  const [list, get, getMany, commit] = [inner.list.bind(inner), inner.get.bind(inner), inner.getMany.bind(inner), inner.commit.bind(inner)];
  const check = (touched: readonly StoreKey[]): void => { if (touched.some((key) => bad.has(key))) throw new StorageError("ERR_STORE_CORRUPT", "that record"); };
  inner.list = async (range) => { const rows = await list(range); check(rows.map(({ key }) => key)); return rows; };
  inner.get = async (key) => { check([key]); return get(key); };
  inner.getMany = async (many) => { check(many); return getMany(many); };
  inner.commit = async (changes, fence) => { await commit(changes, fence); for (const { key } of changes) bad.delete(key); };
  return inner;
}

/** One in memory over `disk`. */
export const damagedStore = (disk: MemoryDisk, bad: Set<string>): Store => damaging(memoryStore(disk), bad);
