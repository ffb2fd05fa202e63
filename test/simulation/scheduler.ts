/**
 * Virtual time: everything that happens in a simulated world is an event in one queue, and nothing happens between two events but
 * what follows at once from the last one. The same seed gives the same run.
 * @module
 */
import type { Clock } from "../../src/base/clock.js";
import type { Rng } from "../../src/base/rng.js";

/** A number in [0, 1). */
export type Random = () => number;

/** A small generator with a period that is long enough (mulberry32). Nothing in it is secret. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Bytes for keys and ids of one incarnation of a client. */
export function seededRng(seed: number): Rng {
  const random = seededRandom(seed);
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = Math.floor(random() * 0x1_0000_0000);
      for (let j = i; j < i + 4 && j < length; j++) bytes[j] = word >>> (8 * (j - i));
    }
    return bytes;
  };
}

interface Task {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

const isBefore = (a: Task, b: Task): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** When every world begins, milliseconds since 1970. */
export const beginning: number = Date.UTC(2026, 0, 5);

/** The queue of events. */
export class Scheduler {
  readonly clock: Clock;
  readonly #heap: Task[] = [];
  #now: number;
  #order = 0;

  constructor(now = beginning) {
    this.#now = now;
    this.clock = {
      now: () => this.#now,
      monotonic: () => this.#now - beginning,
      schedule: (delayMs, task) => this.after(delayMs, task),
    };
  }

  get now(): number {
    return this.#now;
  }

  /** Calls `run` later; the returned function prevents it. Events of the same time happen in the order in which they were planned. */
  after(delayMs: number, run: () => void): () => void {
    const task: Task = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(task);
    return () => { task.run = undefined; };
  }

  /** Milliseconds until something happens; `undefined` if nothing will. */
  get untilNext(): number | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.run !== undefined) return first.at - this.#now;
      this.#pop();
    }
    return undefined;
  }

  /** Lets everything settle that needs no time, then makes the next event happen. False if there is none. */
  async step(): Promise<boolean> {
    await settled();
    if (this.untilNext === undefined) return false;
    const task = this.#pop();
    this.#now = task.at;
    task.run?.();
    return true;
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let i = heap.push(task) - 1;
    for (; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!isBefore(task, heap[parent] as Task)) break;
      heap[i] = heap[parent] as Task;
      i = parent;
    }
    heap[i] = task;
  }

  #pop(): Task {
    const heap = this.#heap;
    const first = heap[0] as Task;
    const last = heap.pop() as Task;
    if (heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Task, heap[child] as Task)) child++;
      if (!isBefore(heap[child] as Task, last)) break;
      heap[i] = heap[child] as Task;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

/** Resolves when all promises that can go on have gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve); });
}
