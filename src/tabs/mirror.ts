/**
 * A state of the leader's client as a tab holds it. What has not changed keeps its identity, also across leaders, so that whoever renders it
 * renders nothing anew.
 * Not here: what a leader tells (state-source.ts).
 * @module
 */
import { Emitter, type Observable, type Unsubscribe } from "../base/events.js";
import type { HostFrame } from "./frames.js";
import { sameData } from "../base/same-data.js";
import { unpack } from "./wire.js";

type StateFrame = Extract<HostFrame, { kind: "state" }>;
type Key = string | number;

/** A state, and the snapshot that `assemble` makes of it. */
export class Mirror<T> implements Observable<T> {
  readonly #assemble: (head: readonly unknown[], entries: ReadonlyMap<Key, unknown>) => T;
  readonly #changes: Emitter<undefined>;
  #head: readonly unknown[] = [];
  #entries = new Map<Key, unknown>();
  /** As it was given out; a change makes a copy. */
  #shared = false;
  #snapshot: { readonly value: T } | undefined;

  /** @param assemble what is rendered; `entries` may be kept, it does not change any more */
  constructor(assemble: (head: readonly unknown[], entries: ReadonlyMap<Key, unknown>) => T, onListenerError?: (error: unknown) => void) {
    this.#assemble = assemble;
    this.#changes = new Emitter(onListenerError);
  }

  getSnapshot = (): T => {
    if (this.#snapshot === undefined) {
      this.#shared = true;
      this.#snapshot = { value: this.#assemble(this.#head, this.#entries) };
    }
    return this.#snapshot.value;
  };

  subscribe = (listener: () => void): Unsubscribe => this.#changes.subscribe(listener);

  /** Takes over what a leader tells. */
  take({ full, head, entries = [], removed = [] }: StateFrame): void {
    const headChanged = head !== undefined && this.#takeHead(unpack(head) as readonly unknown[]);
    const entriesChanged = full ? this.#replace(entries) : this.#patch(entries, removed);
    if (!headChanged && !entriesChanged) return;
    this.#snapshot = undefined;
    this.#changes.emit(undefined);
  }

  #takeHead(head: readonly unknown[]): boolean {
    const kept = head.map((each, i) => (sameData(this.#head[i], each) ? this.#head[i] : each));
    if (kept.length === this.#head.length && kept.every((each, i) => each === this.#head[i])) return false;
    this.#head = kept;
    return true;
  }

  #patch(entries: readonly (readonly [Key, unknown])[], removed: readonly Key[]): boolean {
    if (entries.length === 0 && removed.length === 0) return false;
    if (this.#shared) this.#entries = new Map(this.#entries);
    this.#shared = false;
    for (const key of removed) this.#entries.delete(key);
    for (const [key, value] of entries) this.#entries.set(key, value);
    return true;
  }

  /** In the leader's order. */
  #replace(entries: readonly (readonly [Key, unknown])[]): boolean {
    const before = this.#entries;
    const kept = new Map(entries.map(([key, value]) => {
      const known = before.get(key);
      return [key, sameData(known, value) ? known : value];
    }));
    const [old, now] = [[...before], [...kept]];
    if (old.length === now.length && now.every(([key, value], i) => old[i]?.[0] === key && old[i][1] === value)) return false;
    this.#entries = kept;
    this.#shared = false;
    return true;
  }
}
