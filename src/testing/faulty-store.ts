/**
 * A Store that fails, or dies as a process does, at a chosen operation. Run the same scenario once per operation, and
 * every crash point has been tried.
 * Spec: threats D01, D05, D06, D12.
 * Not here: what the other side saw; that is the test's business.
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import { StorageError, type StorageErrorCode } from "../storage/errors.js";
import type { Change, Fence, Store, StoreCondition, StoreKey, StoreRange, StoreRow } from "../session/ports.js";

/** Operations that are counted. `close` and `destroy` are not: a test must be able to clean up. */
export type StoreOperation = "acquire" | "owns" | "get" | "getMany" | "list" | "commit";

/**
 * What goes wrong.
 * - `fail`: this operation alone is refused, nothing of it is applied.
 * - `die-before`: the process ends before the operation reaches the medium.
 * - `die-after`: it ends when the medium has applied the operation, and before anybody learns of it.
 */
export type FaultKind = "fail" | "die-before" | "die-after";

/** One planned fault. */
export interface StoreFault {
  /** Which operation, counted from 1 among those in `operations`. */
  readonly at: number;
  readonly kind: FaultKind;
  /** Which operations are counted. Default: commits alone. */
  readonly operations?: readonly StoreOperation[];
  /** Code of the refusal. Default `ERR_STORE_FAILED`. */
  readonly code?: StorageErrorCode;
  /** Called in the moment of death, before anything is rejected: the test cuts its sockets here. */
  readonly onDeath?: () => void;
}

/** A store under test; reads out what has happened. */
export interface FaultyStore extends Store {
  /** Counted operations so far, the failed one included. */
  readonly counted: number;
  /** True from the death on: every operation is refused with `ERR_STORE_FAILED`, nothing reaches the medium. */
  readonly dead: boolean;
}

/** `inner` with one fault. Without a fault it only counts, which tells a test how many crash points there are. */
export function faultyStore(inner: Store, fault?: StoreFault): FaultyStore {
  return new Faulty(inner, fault);
}

class Faulty implements FaultyStore {
  readonly #inner: Store;
  readonly #fault: StoreFault | undefined;
  readonly #operations: ReadonlySet<StoreOperation>;
  /** There if the inner store has them; not counted. */
  readonly history?: () => Promise<string>;
  readonly condition?: (later?: (condition: StoreCondition) => void) => Promise<StoreCondition>;
  readonly hasRoom?: () => Promise<boolean>;
  counted = 0;
  dead = false;

  constructor(inner: Store, fault: StoreFault | undefined) {
    this.#inner = inner;
    this.#fault = fault;
    const history = inner.history?.bind(inner);
    if (history !== undefined) this.history = () => (this.dead ? Promise.reject(this.#refusal()) : history());
    const condition = inner.condition?.bind(inner);
    if (condition !== undefined) this.condition = (later) => (this.dead ? Promise.reject(this.#refusal()) : condition(later));
    const hasRoom = inner.hasRoom?.bind(inner);
    if (hasRoom !== undefined) this.hasRoom = () => (this.dead ? Promise.reject(this.#refusal()) : hasRoom());
    this.#operations = new Set(fault?.operations ?? ["commit"]);
  }

  acquire(confirm?: () => Promise<boolean>): Promise<Fence> {
    return this.#run("acquire", () => this.#inner.acquire(confirm));
  }
  owns(fence: Fence): Promise<boolean> {
    return this.#run("owns", () => this.#inner.owns(fence));
  }
  get(key: StoreKey): Promise<Bytes | undefined> {
    return this.#run("get", () => this.#inner.get(key));
  }
  getMany(keys: readonly StoreKey[]): Promise<readonly (Bytes | undefined)[]> {
    return this.#run("getMany", () => this.#inner.getMany(keys));
  }
  list(range: StoreRange): Promise<readonly StoreRow[]> {
    return this.#run("list", () => this.#inner.list(range));
  }
  commit(changes: readonly Change[], fence: Fence): Promise<void> {
    return this.#run("commit", () => this.#inner.commit(changes, fence));
  }
  close(): Promise<void> {
    return this.#inner.close();
  }
  destroy(): Promise<void> {
    return this.#inner.destroy();
  }

  async #run<T>(operation: StoreOperation, work: () => Promise<T>): Promise<T> {
    if (this.dead) throw this.#refusal();
    const kind = this.#next(operation);
    if (kind === "fail") throw this.#refusal();
    if (kind === "die-before") throw this.#die();
    const result = await work();
    if (kind === "die-after") throw this.#die();
    if (this.#isDead()) throw this.#refusal(); // died while this one was under way: its answer reaches nobody
    return result;
  }

  #next(operation: StoreOperation): FaultKind | undefined {
    if (!this.#operations.has(operation)) return undefined;
    this.counted += 1;
    return this.counted === this.#fault?.at ? this.#fault.kind : undefined;
  }

  #isDead(): boolean {
    return this.dead;
  }

  #die(): StorageError {
    this.dead = true;
    this.#fault?.onDeath?.();
    return this.#refusal();
  }

  #refusal(): StorageError {
    return new StorageError(this.#fault?.code ?? "ERR_STORE_FAILED", "a planned fault of the test");
  }
}
