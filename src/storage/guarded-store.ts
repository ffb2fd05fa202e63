/**
 * A watchman in front of an adapter that we did not write. The contract suite shows before its use whether an adapter keeps the
 * promises; what breaks one of them at run time all the same is fatal here: from then on every call is refused, and nothing is
 * encrypted from rows that nobody can trust.
 * Spec: docs/architecture.md, The commit rule; threats D20.
 * Not here: what cannot be seen from outside, such as durability (testing/store-contract.ts, the adapter's own tests).
 * @module
 */
import { equalBytes, type Bytes } from "../base/bytes.js";
import { SottoError } from "../base/errors.js";
import { Emitter } from "../base/events.js";
import type { Change, Fence, Store, StoreCondition, StoreKey, StoreRange, StoreRow } from "../session/ports.js";
import { contractError, fencedError, type StorageError } from "./errors.js";
import { inBounds, keyBounds } from "./range.js";

/** A store that tells of its end, however that shows. */
export type WatchedStore = Store & Required<Pick<Store, "onEnd">>;

/**
 * `inner`, watched. The error of a broken promise is `ERR_STORE_CONTRACT`; only `close` and `destroy` work after it. That is an end, and so is
 * whatever says that nothing can be stored here any more: by the adapter's own word, or by the first call that fails with it.
 */
export function guardedStore(inner: Store): WatchedStore {
  return inner instanceof GuardedStore ? inner : new GuardedStore(inner);
}

/** What no later call will undo. `ERR_STORE_FENCED` is an end only for the newest fence of this handle: see the calls that ask with one. */
const isEnd = ({ code, retryable }: SottoError): boolean => !retryable && (code === "ERR_STORE_CLOSED" || code === "ERR_STORE_UNAVAILABLE" || code === "ERR_STORE_CONTRACT");

/** A commit: its rows that nobody has read since. */
interface Written {
  readonly fence: Fence;
  readonly rows: Map<StoreKey, Bytes | undefined>;
}

class GuardedStore implements WatchedStore {
  readonly #inner: Store;
  readonly history?: () => Promise<string>;
  readonly condition?: (later?: (condition: StoreCondition) => void) => Promise<StoreCondition>;
  readonly hasRoom?: () => Promise<boolean>;
  readonly #fences = new Set<Fence>();
  #newest: Fence | undefined;
  /** What was committed last, until it has been read once or somebody else has taken over. */
  #written: Written | undefined;
  #broken: StorageError | undefined;
  readonly #ends = new Emitter<SottoError>();
  /** The first cause: what fails after it only follows from it. */
  #end: SottoError | undefined;
  #closing = false;

  constructor(inner: Store) {
    this.#inner = inner;
    inner.onEnd?.((error) => { this.#ended(error); });
    if (inner.history !== undefined) {
      this.history = () => this.#run(async () => {
        const name: unknown = await inner.history?.();
        this.#must(typeof name === "string" && name.length > 0 && name.length <= 256, "history");
        return name as string;
      });
    }
    if (inner.condition !== undefined) {
      this.condition = (later) => this.#run(async () => {
        const told: unknown = await inner.condition?.((next) => {
          if (isCondition(next)) later?.(next);
          else this.#break(contractError("condition"));
        });
        this.#must(isCondition(told), "condition");
        return told as StoreCondition;
      });
    }
    if (inner.hasRoom !== undefined) {
      this.hasRoom = () => this.#run(async () => {
        const room: unknown = await inner.hasRoom?.();
        this.#must(typeof room === "boolean", "hasRoom");
        return room as boolean;
      });
    }
  }

  acquire(confirm?: () => Promise<boolean>): Promise<Fence> {
    return this.#run(async () => {
      const fence = await this.#inner.acquire(confirm);
      this.#must(typeof fence === "string" && fence.length > 0 && !this.#fences.has(fence), "acquire");
      this.#fences.add(fence);
      this.#newest = fence;
      this.#written = undefined;
      return fence;
    });
  }

  owns(fence: Fence): Promise<boolean> {
    return this.#run(async () => {
      const owns: unknown = await this.#inner.owns(fence);
      this.#must(typeof owns === "boolean", "owns");
      if (owns === false && fence === this.#newest) this.#ended(fencedError());
      return owns as boolean;
    });
  }

  async get(key: StoreKey): Promise<Bytes | undefined> {
    return (await this.#answers([key], "get", async () => [await this.#inner.get(key)]))[0];
  }

  getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]> {
    return this.#answers([...keys], "getMany", () => this.#inner.getMany(keys));
  }

  list(range: StoreRange): Promise<readonly StoreRow[]> {
    return this.#run(async () => {
      const bounds = keyBounds(range);
      const rows = await this.#inner.list(range);
      this.#must(Array.isArray(rows) && rows.length <= (range.limit ?? Infinity), "list");
      let before: StoreKey | undefined;
      for (const { key, value } of rows) {
        const ordered = before === undefined || (range.reverse === true ? key < before : key > before);
        this.#must(value instanceof Uint8Array && bounds !== undefined && inBounds(key, bounds) && ordered, "list");
        before = key;
      }
      return rows;
    });
  }

  commit(changes: readonly Change[], fence: Fence): Promise<void> {
    const rows = new Map<StoreKey, Bytes | undefined>();
    return this.#run(async () => {
      for (const change of changes) rows.set(change.key, change.kind === "put" && change.value instanceof Uint8Array ? change.value.slice() : undefined);
      this.#written = undefined;
      await this.#inner.commit(changes, fence).catch((error: unknown) => {
        if (error instanceof SottoError && error.code === "ERR_STORE_FENCED" && fence === this.#newest) this.#ended(error);
        throw error;
      });
      this.#must(this.#fences.has(fence), "commit"); // applied for somebody who never owned the store
      this.#written = { fence, rows };
    });
  }

  onEnd(listener: (error: SottoError) => void): void {
    const end = this.#end;
    if (end === undefined) this.#ends.subscribe(listener);
    else queueMicrotask(() => { listener(end); });
  }

  close(): Promise<void> {
    this.#closing = true;
    return this.#inner.close();
  }

  destroy(): Promise<void> {
    this.#closing = true;
    return this.#inner.destroy();
  }

  #answers(keys: readonly StoreKey[], what: string, ask: () => Promise<readonly (Bytes | undefined)[]>): Promise<readonly (Bytes | undefined)[]> {
    return this.#run(async () => {
      const written = this.#written; // a commit or takeover meanwhile puts another one there: then nothing is compared
      const values = await ask();
      this.#must(Array.isArray(values) && values.length === keys.length, what);
      for (const value of values) this.#must(value === undefined || (value as unknown) instanceof Uint8Array, what);
      if (written !== undefined && keys.some((key) => written.rows.has(key))) await this.#compare(written, keys, values);
      return values;
    });
  }

  /** What was acknowledged must be what is read: the first time each row is asked for. */
  async #compare(written: Written, keys: readonly StoreKey[], values: readonly (Bytes | undefined)[]): Promise<void> {
    const differs = keys.some((key, at) => written.rows.has(key) && !same(written.rows.get(key), values[at]));
    if (!differs) {
      for (const key of keys) written.rows.delete(key);
      return;
    }
    // Somebody else may have taken the store over and written since.
    if ((await this.#inner.owns(written.fence)) && this.#written === written) this.#must(false, "commit");
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      return await work();
    } catch (error) {
      if (error instanceof SottoError) {
        if (isEnd(error)) this.#ended(error);
        throw error;
      }
      // Without a meaning nobody can tell what of it was applied.
      const code = (error as { readonly code?: unknown } | undefined)?.code;
      if (typeof code === "string" && code.startsWith("ERR_STORE_")) throw error;
      throw this.#break(contractError("error", error));
    }
  }

  #must(holds: boolean, operation: string): void {
    if (!holds) throw this.#break(contractError(operation));
  }

  #break(error: StorageError): StorageError {
    this.#broken ??= error;
    this.#ended(this.#broken);
    return this.#broken;
  }

  #ended(error: SottoError): void {
    if (this.#closing || this.#end !== undefined) return;
    this.#end = error;
    this.#ends.emit(error);
  }
}

function same(a: Bytes | undefined, b: Bytes | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}

function isCondition(told: unknown): told is StoreCondition {
  if (typeof told !== "object" || told === null) return false;
  const { persistence, lost, full } = told as Partial<Record<keyof StoreCondition, unknown>>;
  return (persistence === "granted" || persistence === "denied" || persistence === "unknown") && typeof lost === "boolean" && typeof full === "boolean";
}
