/**
 * The reference adapter: a Store in memory. Nothing survives the process; for tests, and for applications that ask
 * for exactly that. Everything an adapter promises can be read here in its shortest form.
 * Spec: docs/architecture.md, The commit rule. Tests: test/unit/storage/memory.test.ts (the contract suite).
 * Not here: durability (node-store.ts, indexeddb.ts).
 * @module
 */
import { copyBytes, type Bytes } from "../base/bytes.js";
import type { Change, Fence, Store, StoreKey, StoreRange, StoreRow } from "../session/ports.js";
import { closedError, fencedError } from "./errors.js";
import { inBounds, keyBounds } from "./range.js";
import { stageChanges } from "./staging.js";

/** The "disk" under memory stores: hand one to several stores to let them compete for it, as tabs and processes do. */
export interface MemoryDisk {
  /** Not to be changed from outside. A Map, so that a key like `__proto__` is a key like any other. */
  readonly rows: Map<StoreKey, Bytes>;
  /** How often the disk was acquired; the newest fence is made of it. */
  acquisitions: number;
  /** What {@link Store.history} answers. A test that puts old rows back gives it another name, as an adapter does that notices. */
  history: string;
}

/** An empty disk. */
export function memoryDisk(): MemoryDisk {
  return { rows: new Map(), acquisitions: 0, history: "memory" };
}

/** A Store in memory. Stores on one {@link MemoryDisk} see the same rows and fence each other. */
export function memoryStore(disk: MemoryDisk = memoryDisk()): Store {
  return new MemoryStore(disk);
}

class MemoryStore implements Store {
  readonly #disk: MemoryDisk;
  #closed = false;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  // All methods are async, so that a failure is always a rejection and never a throw (threats D04).
  async acquire(confirm?: () => Promise<boolean>): Promise<Fence> {
    const { acquisitions } = this.#open();
    if (confirm !== undefined && !(await confirm())) throw fencedError();
    const disk = this.#open();
    if (disk.acquisitions !== acquisitions) throw fencedError();
    disk.acquisitions += 1;
    return newestFence(disk);
  }

  async owns(fence: Fence): Promise<boolean> {
    return newestFence(this.#open()) === fence;
  }

  async get(key: StoreKey): Promise<Bytes | undefined> {
    return copyOf(this.#open().rows.get(key));
  }

  async getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]> {
    const { rows } = this.#open();
    return keys.map((key) => copyOf(rows.get(key)));
  }

  async list(range: StoreRange): Promise<readonly StoreRow[]> {
    const { rows } = this.#open();
    const bounds = keyBounds(range);
    if (bounds === undefined) return [];
    const found = [...rows].filter(([key]) => inBounds(key, bounds)).sort(([a], [b]) => (a < b ? -1 : 1));
    if (range.reverse === true) found.reverse();
    return found.slice(0, range.limit).map(([key, value]) => ({ key, value: copyBytes(value) }));
  }

  async history(): Promise<string> {
    return this.#open().history;
  }

  async commit(changes: readonly Change[], fence: Fence): Promise<void> {
    const disk = this.#open();
    const staged = stageChanges(changes, (_key, value) => copyBytes(value)); // all that can fail happens here
    if (newestFence(disk) !== fence) throw fencedError();
    for (const { key, stored } of staged) {
      if (stored === undefined) disk.rows.delete(key);
      else disk.rows.set(key, stored);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async destroy(): Promise<void> {
    const disk = this.#open();
    disk.rows.clear();
    disk.acquisitions += 1; // whoever still holds a fence must not write into what was wiped
    this.#closed = true;
  }

  #open(): MemoryDisk {
    if (this.#closed) throw closedError();
    return this.#disk;
  }
}

function newestFence(disk: MemoryDisk): Fence {
  return String(disk.acquisitions) as Fence;
}

function copyOf(value: Bytes | undefined): Bytes | undefined {
  return value === undefined ? undefined : copyBytes(value);
}
