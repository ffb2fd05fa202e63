/**
 * An IndexedDB in memory with a quota that counts as Chromium does: what a transaction writes counts in full when it completes, and what
 * it deletes gives room to the next one only.
 * @module
 */
import { IDBFactory as FakeFactory, IDBObjectStore as FakeObjectStore } from "fake-indexeddb";
import { vi } from "vitest";

export interface QuotaFactory {
  readonly platform: IDBFactory;
  /** Bytes that may be in use. */
  quota: number;
  /** Bytes in use. */
  readonly used: number;
}

const sizeOf = (value: unknown): number => (value instanceof Uint8Array ? value.length : 64);

/** One at a time: it changes the prototype until `vi.restoreAllMocks`. Databases of one factory share the quota. */
export function quotaFactory(quota: number): QuotaFactory {
  const factory: IDBFactory = new FakeFactory();
  const stored = new Map<string, number>();
  const disk = { platform: factory, quota, get used(): number { return [...stored.values()].reduce((sum, size) => sum + size, 0); } };
  const writes = new WeakMap<IDBTransaction, Map<string, number | undefined>>();
  const note = (transaction: IDBTransaction, key: string, size: number | undefined): void => {
    let pending = writes.get(transaction);
    if (pending === undefined) {
      const begun = new Map<string, number | undefined>();
      transaction.addEventListener("complete", () => {
        for (const [name, bytes] of begun) if (bytes === undefined) stored.delete(name); else stored.set(name, bytes);
      });
      writes.set(transaction, (pending = begun));
    }
    pending.set(key, size);
    const written = [...pending.values()].reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    if (size === undefined || disk.used + written <= disk.quota) return;
    const error = new DOMException("planted", "QuotaExceededError");
    Object.defineProperty(transaction, "error", { get: () => error });
    transaction.abort();
  };
  /* eslint-disable @typescript-eslint/unbound-method -- called with the right `this` below */
  const { put, delete: remove } = FakeObjectStore.prototype;
  /* eslint-enable @typescript-eslint/unbound-method */
  vi.spyOn(FakeObjectStore.prototype, "put").mockImplementation(function counted(this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
    const request = put.call(this, value, key);
    note(this.transaction, key as string, sizeOf(value));
    return request;
  });
  vi.spyOn(FakeObjectStore.prototype, "delete").mockImplementation(function counted(this: IDBObjectStore, key: IDBValidKey | IDBKeyRange) {
    const request = remove.call(this, key);
    note(this.transaction, key as string, undefined);
    return request;
  });
  return disk;
}
