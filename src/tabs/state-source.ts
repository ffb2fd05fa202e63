/**
 * A state of the client as it is told to tabs: as a whole to whoever begins to watch, then only what has changed. Entries of maps keep their
 * identity in the client until they change, so that finding the changes is one look at each, and a roster of thousands is cloned once.
 * Not here: which states there are (sources.ts), the other end (mirror.ts).
 * @module
 */
import type { Observable, Unsubscribe } from "../base/events.js";
import type { HostFrame } from "./frames.js";
import { sameData } from "../base/same-data.js";
import { pack } from "./wire.js";

/** Keys of entries. */
export type EntryKey = string | number;

/** A state: some values, and perhaps entries by key. */
export interface StateParts {
  readonly head: readonly unknown[];
  readonly entries?: ReadonlyMap<EntryKey, unknown>;
}

/** What is sent of a state, but for whom. */
export type StateNews = Omit<Extract<HostFrame, { kind: "state" }>, "kind" | "id">;

/** One state and everybody who watches it. */
export class StateSource {
  readonly #read: () => StateParts;
  readonly #sinks = new Set<(news: StateNews) => void>();
  readonly #subscribe: (listener: () => void) => Unsubscribe;
  #told: StateParts | undefined;
  #stop: Unsubscribe | undefined;

  /**
   * @param read cheap while nothing has changed
   * @param subscribe calls its listener when `read` may give something new
   */
  constructor(read: () => StateParts, subscribe: (listener: () => void) => Unsubscribe) {
    this.#read = read;
    this.#subscribe = subscribe;
  }

  /** Number of those who watch. */
  get size(): number {
    return this.#sinks.size;
  }

  /** Tells the whole state, and each change from then on. @param changed called when there may be something for {@link flush} */
  watch(sink: (news: StateNews) => void, changed: () => void): Unsubscribe {
    this.flush();
    this.#stop ??= this.#subscribe(changed);
    this.#sinks.add(sink);
    const now = this.#told ?? this.#read();
    this.#told = now;
    sink({ full: true, head: pack(now.head), ...(now.entries === undefined ? {} : { entries: [...now.entries] }) });
    return () => {
      if (!this.#sinks.delete(sink) || this.#sinks.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
      this.#told = undefined;
    };
  }

  /** Tells what has changed since the last time. */
  flush(): void {
    if (this.#sinks.size === 0 || this.#told === undefined) return;
    const before = this.#told;
    const now = this.#read();
    if (now === before) return;
    this.#told = now;
    const news = changes(before, now);
    if (news !== undefined) for (const sink of [...this.#sinks]) sink(news);
  }
}

/** What an observable shows. @param parts asked once for each of its values */
export const sourceOf = <T>(state: Observable<T>, parts: (snapshot: T) => StateParts): StateSource =>
  new StateSource(remembered(() => state.getSnapshot(), parts), (changed) => state.subscribe(changed));

/** Makes something of a snapshot once. */
export function remembered<S, T>(getSnapshot: () => S, make: (snapshot: S) => T): () => T {
  let last: { readonly snapshot: S; readonly made: T } | undefined;
  return () => {
    const snapshot = getSnapshot();
    if (last === undefined || !Object.is(last.snapshot, snapshot)) last = { snapshot, made: make(snapshot) };
    return last.made;
  };
}

function changes(before: StateParts, now: StateParts): StateNews | undefined {
  const head = sameData(before.head, now.head) ? {} : { head: pack(now.head) };
  const [entries, removed]: [[EntryKey, unknown][], EntryKey[]] = [[], []];
  if (before.entries !== now.entries) {
    const [old, fresh] = [before.entries ?? new Map<EntryKey, unknown>(), now.entries ?? new Map<EntryKey, unknown>()];
    for (const [key, value] of fresh) if (!old.has(key) || !sameData(old.get(key), value)) entries.push([key, value]);
    for (const key of old.keys()) if (!fresh.has(key)) removed.push(key);
  }
  if (!("head" in head) && entries.length === 0 && removed.length === 0) return undefined;
  return { full: false, ...head, ...(entries.length === 0 ? {} : { entries }), ...(removed.length === 0 ? {} : { removed }) };
}
