/**
 * What an application may know about the medium under the store: whether it is safe from eviction, was lost, is full (threats D06, D07).
 * Not here: finding it out (storage/).
 * @module
 */
import type { SottoError } from "../base/errors.js";
import { Emitter, type Unsubscribe } from "../base/events.js";
import type { Store, StoreCondition } from "../session/ports.js";
import type { ClientEvent } from "./events.js";

/** `client.storage`. */
export interface StorageReport {
  /** Whether the platform has promised not to delete the store by itself. `unknown`: no answer yet, or nobody to ask. */
  readonly persistence: StoreCondition["persistence"];
  /**
   * True if the platform had deleted the store that was here before: this is a new device, and older messages are not here. Or has just
   * deleted this one: then the status is `stopped`, and the next client is that device.
   */
  readonly lost: boolean;
  /** True while only receiving, reading and deleting are possible: new messages are refused with `ERR_STORE_FULL`. */
  readonly full: boolean;
  /** Bytes in use and allowed, when the store was opened, as the platform tells them. Not to be relied upon. */
  readonly estimate?: { readonly usage: number; readonly quota: number };
}

/** Follows the store's condition as long as the client lives. */
export class StorageWatch {
  #report: StorageReport = { persistence: "unknown", lost: false, full: false };
  #untold = false;
  readonly #store: Store;
  readonly #changes = new Emitter<undefined>();

  private constructor(store: Store) {
    this.#store = store;
  }

  /** Reads it once; a store that cannot tell is unknown, and not lost. @throws StorageError */
  static async load(store: Store): Promise<StorageWatch> {
    const watch = new StorageWatch(store);
    const condition = await store.condition?.((later) => {
      watch.#report = later;
      watch.#changes.emit(undefined);
    });
    if (condition !== undefined) watch.#report = condition;
    watch.#untold = watch.#report.lost;
    return watch;
  }

  get report(): StorageReport {
    return this.#report;
  }

  /** Calls `listener` when the report is another one. */
  onChange(listener: () => void): Unsubscribe {
    return this.#changes.subscribe(listener);
  }

  /** The store has ended under the client. A loss is told to who listens, or first does (threats D07). */
  ended(error: SottoError, emit: (event: ClientEvent) => void, listeners: number): void {
    if (error.details["reason"] !== "evicted") return;
    this.#report = { ...this.#report, lost: true };
    this.#changes.emit(undefined);
    this.#untold = true;
    if (listeners > 0) this.listened(emit);
  }

  /** Something was deleted: perhaps there is room again, which the store finds out by trying. @throws StorageError */
  async deleted(): Promise<void> {
    if (this.#report.full) await this.#store.hasRoom?.();
  }

  /** Somebody listens: a loss that nobody could hear of yet is told in the next turn. */
  listened(emit: (event: ClientEvent) => void): void {
    if (!this.#untold) return;
    this.#untold = false;
    queueMicrotask(() => { emit({ kind: "storage-lost" }); });
  }
}
