/**
 * The life of one incarnation of a client: its operations on store and socket are counted, and at one of them something may go wrong.
 * A process that has died does nothing any more: what it waits for never comes, what it does reaches nobody.
 * @module
 */
import type { Clock } from "../../src/base/clock.js";
import type { Change, Fence, Store, StoreKey, StoreRange } from "../../src/session/ports.js";
import { StorageError } from "../../src/storage/errors.js";

/** What is counted: commits, everything else that asks the store, elements to the server, elements from it. */
export type Operation = "commit" | "read" | "write" | "receive";

/**
 * What goes wrong at the `at`-th operation of its kind.
 * - `die`: the process ends, before or after the operation.
 * - `cut`: the connection breaks there, before or after the element has passed; `write` and `receive` only.
 * - `refuse`: the store refuses this operation alone; `commit` and `read` only.
 */
export interface Fault {
  readonly kind: "die" | "cut" | "refuse";
  readonly operation: Operation;
  readonly at: number;
  readonly moment: "before" | "after";
}

/** The dimensions of crash points: every meaningful fault but for its number. */
export const faults: readonly Omit<Fault, "at">[] = [
  { kind: "die", operation: "commit", moment: "before" },
  { kind: "die", operation: "commit", moment: "after" },
  { kind: "die", operation: "read", moment: "before" },
  { kind: "die", operation: "write", moment: "before" },
  { kind: "die", operation: "write", moment: "after" },
  { kind: "die", operation: "receive", moment: "before" },
  { kind: "die", operation: "receive", moment: "after" },
  { kind: "cut", operation: "write", moment: "before" },
  { kind: "cut", operation: "write", moment: "after" },
  { kind: "cut", operation: "receive", moment: "before" },
  { kind: "cut", operation: "receive", moment: "after" },
  { kind: "refuse", operation: "commit", moment: "before" },
];

/** A promise of its own each time: one for all would keep alive whoever waits for it. */
export const never = (): Promise<never> => new Promise(() => undefined);

/** One incarnation. */
export class Life {
  #fault: Fault | undefined;
  readonly #counts: Record<Operation, number> = { commit: 0, read: 0, write: 0, receive: 0 };
  #dead = false;
  #fired = false;
  /** Called in the moment of death. */
  onDeath: () => void = () => undefined;

  constructor(fault?: Fault) {
    this.#fault = fault;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Whether the planned fault has happened. */
  get fired(): boolean {
    return this.#fired;
  }

  get counts(): Readonly<Record<Operation, number>> {
    return this.#counts;
  }

  /** What has not gone wrong by now will not. */
  spare(): void {
    this.#fault = undefined;
  }

  /** The process ends now. */
  die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.onDeath();
  }

  /** Counts an operation; returns the fault that hits it. */
  next(operation: Operation): Fault | undefined {
    const number = ++this.#counts[operation];
    const fault = this.#fault;
    if (fault?.operation !== operation || fault.at !== number) return undefined;
    this.#fired = true;
    return fault;
  }

  /** Time as this process sees it: after its death no timer goes off. */
  clock(clock: Clock): Clock {
    return { ...clock, schedule: (delayMs, task) => clock.schedule(delayMs, () => { if (!this.#dead) task(); }) };
  }

  /** The disk as this process sees it. */
  store(inner: Store): Store {
    const read = <T>(work: () => Promise<T>): Promise<T> => this.#run("read", work);
    return {
      acquire: () => read(() => inner.acquire()),
      owns: (fence) => read(() => inner.owns(fence)),
      get: (key: StoreKey) => read(() => inner.get(key)),
      getMany: (keys: readonly StoreKey[]) => read(() => inner.getMany(keys)),
      list: (range: StoreRange) => read(() => inner.list(range)),
      commit: (changes: readonly Change[], fence: Fence) => this.#run("commit", () => inner.commit(changes, fence)),
      close: () => (this.#dead ? never() : inner.close()),
      destroy: () => (this.#dead ? never() : inner.destroy()),
    };
  }

  #isDead(): boolean {
    return this.#dead;
  }

  async #run<T>(operation: "commit" | "read", work: () => Promise<T>): Promise<T> {
    if (this.dead) return never();
    const fault = this.next(operation);
    if (fault?.kind === "refuse") throw new StorageError("ERR_STORE_FAILED", "a planned fault of the test");
    if (fault?.moment === "before") {
      this.die();
      return never();
    }
    const result = await work();
    if (fault?.moment === "after") this.die();
    return this.#isDead() ? never() : result; // died while this was under way: its answer reaches nobody
  }
}
