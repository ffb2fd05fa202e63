/** Events whose last one is told to late listeners too. @module */
import { Emitter, type Unsubscribe } from "../base/events.js";

/** An emitter that remembers. */
export class LastEvent<T extends object | number> {
  readonly #events = new Emitter<T>();
  #last: T | undefined;

  /** The last event, if there was one. */
  get last(): T | undefined {
    return this.#last;
  }

  emit(event: T): void {
    this.#last = event;
    this.#events.emit(event);
  }

  /** Calls `listener` for each event from now on, and for the last one in a turn of its own, unless a newer one comes first. */
  subscribe(listener: (event: T) => void): Unsubscribe {
    let pending = this.#last;
    const unsubscribe = this.#events.subscribe((event) => {
      pending = undefined;
      listener(event);
    });
    queueMicrotask(() => {
      if (pending !== undefined) listener(pending);
      pending = undefined;
    });
    return () => {
      pending = undefined;
      unsubscribe();
    };
  }
}
