/**
 * Whether the browser may delete the store by itself: asked for once, without waiting for the answer, which may be a person's.
 * Spec: Storage Standard, persist() and persisted(); threats D07.
 * @module
 */
import type { StoreCondition } from "../session/ports.js";

/** The part of `navigator.storage` that is used. Workers have no `persist`. */
export interface StorageAuthority {
  /** Asks for it, perhaps through the user. */
  persist?(): Promise<boolean>;
  /** Whether it was granted before. */
  persisted?(): Promise<boolean>;
  /** In bytes; browsers round, and some make the quota up. */
  estimate?(): Promise<{ readonly usage?: number; readonly quota?: number }>;
}

/** `navigator.storage`, where there is one. */
export function platformAuthority(): StorageAuthority | undefined {
  try {
    return (globalThis as { readonly navigator?: { readonly storage?: StorageAuthority } }).navigator?.storage;
  } catch {
    return undefined; // where storage is forbidden
  }
}

/** The answer, as far as it is known. */
export class Persistence {
  readonly #authority: StorageAuthority | undefined;
  readonly #onChange: () => void;
  #answer: StoreCondition["persistence"] = "unknown";
  #looked: Promise<void> | undefined;

  constructor(authority: StorageAuthority | undefined, onChange: () => void) {
    this.#authority = authority;
    this.#onChange = onChange;
  }

  get answer(): StoreCondition["persistence"] {
    return this.#answer;
  }

  /** Looks, and asks if `ask`; once. Resolves when what needs no person's answer is known. */
  settle(ask: boolean): Promise<void> {
    this.#looked ??= this.#settle(ask);
    return this.#looked;
  }

  async estimate(): Promise<StoreCondition["estimate"]> {
    const told = await soundly(async () => this.#authority?.estimate?.());
    return typeof told?.usage === "number" && typeof told.quota === "number" ? { usage: told.usage, quota: told.quota } : undefined;
  }

  async #settle(ask: boolean): Promise<void> {
    const authority = this.#authority;
    if (await soundly(async () => authority?.persisted?.())) this.#answer = "granted";
    else if (ask) void soundly(async () => authority?.persist?.()).then((granted) => {
      if (granted === undefined) return;
      this.#answer = granted ? "granted" : "denied";
      this.#onChange();
    });
  }
}

/** An authority that throws has not answered. */
async function soundly<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch {
    return undefined;
  }
}
