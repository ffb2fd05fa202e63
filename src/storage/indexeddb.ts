/**
 * The durable store for browsers: IndexedDB on idb-keyval. Entry `sotto/storage/indexeddb`.
 * A commit is one transaction with strict durability that reads the fence and writes all changes. The fence is a row
 * beside them, so a tab that takes over invalidates the other tab's fence inside the database itself.
 * Spec: docs/architecture.md, The commit rule; threats D01-D10, D13; docs/decisions/0012-browser-storage.md. Format: README.md.
 * Not here: opening, losing and closing the connection (indexeddb-database.ts), the reserve (indexeddb-reserve.ts).
 * @module
 */
import { promisifyRequest } from "idb-keyval";
import type { Bytes } from "../base/bytes.js";
import { type Clock, systemClock } from "../base/clock.js";
import type { SottoError } from "../base/errors.js";
import { storeReserveBytes } from "../base/limits.js";
import { randomId, systemRng } from "../base/rng.js";
import type { Change, Fence, Store, StoreCondition, StoreKey, StoreRange, StoreRow } from "../session/ports.js";
import { fencedError } from "./errors.js";
import { IdbConnection } from "./indexeddb-database.js";
import { Reserve } from "./indexeddb-reserve.js";
import { Persistence, platformAuthority, type StorageAuthority } from "./persistence.js";
import { keyBounds, type KeyBounds } from "./range.js";
import { frameRecord, unframeRecord } from "./record-frame.js";
import { stageChanges } from "./staging.js";
import { platformWitness, type StoreWitness } from "./store-witness.js";

// They begin with a space: such keys cannot come from outside (session/ports.ts storeKey), and ranges start above them.
const fenceKey = " fence";
/** A random name of this database, made with it. */
const incarnationKey = " incarnation";
const reserveKey = " reserve";

/** Options of {@link indexedDbStore}. */
export interface IndexedDbOptions {
  /** Where databases live. Default: the platform's `indexedDB`. */
  readonly platform?: IDBFactory | undefined;
  /** Ask the browser once not to delete the store by itself; some ask the user. Default true. */
  readonly persist?: boolean | undefined;
  /** Whom to ask. Default: `navigator.storage`. */
  readonly authority?: StorageAuthority | undefined;
  /** Bytes kept aside for the device's own state. 0: none. Default 1 MiB. */
  readonly reserveBytes?: number | undefined;
  /** Where it is noted that the database exists. Default: localStorage, in workers Cache Storage. */
  readonly witness?: StoreWitness | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/**
 * A Store in the IndexedDB database `name` of this origin. Opened by the first call; the newest owner among all tabs
 * and workers writes. When the database is deleted with destroy() or upgraded elsewhere, this store closes (`ERR_STORE_CLOSED`, `details.reason`
 * `deleted` or `upgraded`); when it vanishes in any other way every call fails with `ERR_STORE_UNAVAILABLE`, `evicted`.
 * A database that cannot be opened is `ERR_STORE_UNAVAILABLE` at the first call; `details.reason` is `missing`, `forbidden`, `blocked`,
 * `newer`, `evicted` or `refused`. Nothing goes on in memory instead: who wants that uses memoryStore().
 */
export function indexedDbStore(name: string, options: IndexedDbOptions = {}): Store {
  return new IndexedDbStore(name, options);
}

class IndexedDbStore implements Store {
  readonly #name: string;
  readonly #connection: IdbConnection;
  readonly #witness: StoreWitness | undefined;
  readonly #persist: boolean;
  readonly #persistence: Persistence;
  readonly #reserve: Reserve;
  /** The newest fence of this handle, and the database that it is in. */
  #owned: { readonly fence: Fence; readonly incarnation: string } | undefined;
  #lost = false;
  #estimate: StoreCondition["estimate"];
  #later: ((condition: StoreCondition) => void) | undefined;

  constructor(name: string, options: IndexedDbOptions) {
    this.#name = name;
    this.#connection = new IdbConnection(name, () => options.platform ?? (globalThis as { indexedDB?: IDBFactory }).indexedDB, options.clock ?? systemClock, () => this.#deletedOnPurpose());
    this.#witness = options.witness ?? platformWitness();
    this.#persist = options.persist ?? true;
    this.#persistence = new Persistence(options.authority ?? platformAuthority(), () => { this.#changed(); });
    this.#reserve = new Reserve(options.reserveBytes ?? storeReserveBytes, () => { this.#changed(); });
  }

  async acquire(confirm?: () => Promise<boolean>): Promise<Fence> {
    const rng = systemRng();
    const fence = randomId(rng) as Fence;
    const witness = this.#witness?.read(this.#name); // begun before the database is, and not waited for: taking over begins in this turn
    const confirmed = confirm === undefined ? undefined : await this.#confirmed(confirm);
    let found: { readonly incarnation: unknown; readonly reserve: boolean } | undefined;
    let incarnation = "";
    this.#reserve.found(true); // perhaps: it is given up if even this does not fit
    await this.#reserve.spend({
      write: () => this.#connection.use("readwrite", async (store) => {
        const [stored, reserve, newest] = await Promise.all([read(store, incarnationKey), promisifyRequest(store.getKey(reserveKey)), read(store, fenceKey)]);
        if (confirmed !== undefined && newest !== confirmed.newest) throw fencedError();
        found = { incarnation: stored, reserve: reserve !== undefined };
        incarnation = typeof stored === "string" ? stored : randomId(rng);
        if (stored !== incarnation) store.put(incarnation, incarnationKey);
        store.put(fence, fenceKey);
      }),
      release: () => this.#connection.use("readwrite", (store) => promisifyRequest(store.delete(reserveKey))),
    });
    this.#reserve.found(found?.reserve ?? false);
    this.#owned = { fence, incarnation };
    const witnessed = await witness;
    // A loss stays witnessed until somebody has asked, so that it is told even if this run ends before.
    if (witnessed !== undefined && witnessed !== incarnation) this.#lost = true;
    else if (witnessed === undefined) await this.#witness?.write(this.#name, incarnation);
    await this.#persistence.settle(this.#persist);
    return fence;
  }

  /** The newest fence before `confirm` said yes: a page may be frozen, and thawed long after, between that word and its transaction. */
  async #confirmed(confirm: () => Promise<boolean>): Promise<{ readonly newest: unknown }> {
    const newest = await this.#connection.use("readonly", (store) => read(store, fenceKey));
    if (!(await confirm())) throw fencedError();
    return { newest };
  }

  async condition(later?: (condition: StoreCondition) => void): Promise<StoreCondition> {
    await this.#connection.mustBeOpen();
    if (later !== undefined) this.#later = later;
    const owned = this.#owned;
    if (this.#lost && owned !== undefined) await this.#witness?.write(this.#name, owned.incarnation);
    this.#estimate = await this.#persistence.estimate(); // first: only then Chromium counts anew what earlier pages have freed
    await this.hasRoom();
    return this.#condition();
  }

  async hasRoom(): Promise<boolean> {
    await this.#connection.mustBeOpen();
    const owned = this.#owned;
    if (owned === undefined) return true;
    return this.#reserve.restore((ballast) => this.#connection.use("readwrite", async (store) => {
      if ((await read(store, fenceKey)) === owned.fence) store.put(ballast, reserveKey);
    }));
  }

  async owns(fence: Fence): Promise<boolean> {
    return (await this.#connection.use("readonly", (store) => read(store, fenceKey))) === fence;
  }

  async get(key: StoreKey): Promise<Bytes | undefined> {
    return valueOf(key, await this.#connection.use("readonly", (store) => read(store, key)));
  }

  async getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]> {
    const asked = [...keys];
    const stored = await this.#connection.use("readonly", (store) => Promise.all(asked.map((key) => read(store, key))));
    return asked.map((key, at) => valueOf(key, stored[at]));
  }

  async list(range: StoreRange): Promise<readonly StoreRow[]> {
    const bounds = keyBounds(range);
    const rows = await this.#connection.use("readonly", (store) => (bounds === undefined ? [] : readRange(store, bounds, range)));
    return rows.map(([key, stored]) => ({ key: key as StoreKey, value: unframeRecord(key, stored) }));
  }

  async commit(changes: readonly Change[], fence: Fence): Promise<void> {
    const staged = stageChanges(changes, frameRecord);
    const owned = (work: (store: IDBObjectStore) => void): Promise<void> => this.#connection.use("readwrite", async (store) => {
      // In this transaction, not before it: between a check outside and the write another tab could take over.
      if ((await read(store, fenceKey)) !== fence) throw fencedError();
      work(store);
    });
    await this.#reserve.commit(changes, {
      write: (ballast) => owned((store) => {
        for (const { key, stored } of staged) {
          if (stored === undefined) store.delete(key);
          else store.put(stored, key);
        }
        if (ballast !== undefined) store.put(ballast, reserveKey);
      }),
      release: () => owned((store) => { store.delete(reserveKey); }),
    });
  }

  onEnd(listener: (error: SottoError) => void): void {
    this.#connection.onEnd(listener);
  }

  close(): Promise<void> {
    this.#later = undefined;
    return this.#connection.close();
  }

  async destroy(): Promise<void> {
    this.#later = undefined;
    // First: what is deleted on purpose must not look like a loss, however far the rest comes.
    await this.#witness?.remove(this.#name);
    // The rows first, fence included: they are gone even if another tab delays the removal of the database.
    await this.#connection.use("readwrite", (store) => promisifyRequest(store.clear()));
    await this.#connection.remove();
  }

  /** destroy() removes the witness first. Where nobody can witness anything a deletion counts as meant: a loss is not made up. */
  async #deletedOnPurpose(): Promise<boolean> {
    return (await this.#witness?.read(this.#name)) === undefined;
  }

  #condition(): StoreCondition {
    const estimate = this.#estimate;
    return { persistence: this.#persistence.answer, lost: this.#lost, full: this.#reserve.isFull, ...(estimate === undefined ? {} : { estimate }) };
  }

  #changed(): void {
    this.#later?.(this.#condition());
  }
}

function read(store: IDBObjectStore, key: string): Promise<unknown> {
  return promisifyRequest<unknown>(store.get(key));
}

function valueOf(key: string, stored: unknown): Bytes | undefined {
  return stored === undefined ? undefined : unframeRecord(key, stored);
}

async function readRange(store: IDBObjectStore, bounds: KeyBounds, range: StoreRange): Promise<readonly (readonly [string, unknown])[]> {
  const interval = IDBKeyRange.bound(bounds.lower, bounds.upper, bounds.lowerOpen, true);
  // getAll() cannot run backwards: only the last rows of a range need a cursor.
  if (range.reverse === true && range.limit !== undefined) return readBackwards(store, interval, range.limit);
  const [keys, values] = await Promise.all([
    promisifyRequest(store.getAllKeys(interval, range.limit)),
    promisifyRequest<unknown[]>(store.getAll(interval, range.limit)),
  ]);
  // Keys are ours, and all of them strings.
  const rows = keys.map((key, at) => [key as string, values[at]] as const);
  return range.reverse === true ? rows.reverse() : rows;
}

function readBackwards(store: IDBObjectStore, interval: IDBKeyRange, limit: number): Promise<readonly (readonly [string, unknown])[]> {
  return new Promise((resolve, reject) => {
    const rows: (readonly [string, unknown])[] = [];
    const request = store.openCursor(interval, "prev");
    request.onerror = () => reject(request.error ?? new DOMException("", "UnknownError"));
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor !== null) rows.push([cursor.key as string, cursor.value]);
      if (cursor === null || rows.length >= limit) resolve(rows);
      else cursor.continue();
    };
  });
}
