/** A bounded memory of what was computed: the least recently used entry leaves first (threats H06). For public values only. @module */

/** Remembers the last `max` results. */
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
    const held = this.#entries.get(key);
    const value = held ?? compute();
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
    return value;
  }
}
