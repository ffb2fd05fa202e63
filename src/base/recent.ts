/** Bounded memories: what was noted last stays, the oldest leaves first (threats H06). @module */

/** Notes `value` under `key` as the newest of at most `max` entries of `map`. */
export function remember<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key); // the newest stand last
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= max) break;
    map.delete(oldest);
  }
}

/** Remembers the last `max` results of a computation; the least recently used leaves. Neither names nor results may be secrets in clear. */
export class Recent<V> {
  readonly #entries = new Map<string, V>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many results are held. */
  get size(): number {
    return this.#entries.size;
  }

  /** The result for `key`, computed if it is not held. What `compute` throws is not remembered. */
  get(key: string, compute: () => V): V {
    const value = this.#entries.get(key) ?? compute();
    remember(this.#entries, key, value, this.#max);
    return value;
  }

  /** A result that turned out to be none is computed anew. */
  forget(key: string, value: V): void {
    if (this.#entries.get(key) === value) this.#entries.delete(key);
  }
}
