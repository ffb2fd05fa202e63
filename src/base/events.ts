/** Typed events: one emitter per kind of event, listeners cannot harm each other. @module */

/** Stops the subscription it was returned for. Calling it again does nothing. */
export type Unsubscribe = () => void;

/**
 * A set of listeners for one kind of event. A listener that throws, or whose promise rejects, is reported
 * to `onListenerError` and changes nothing for the others (threats P18, H07).
 */
export class Emitter<E> {
  readonly #listeners = new Set<(event: E) => unknown>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void = () => undefined) {
    this.#onListenerError = onListenerError;
  }

  /** Calls `listener` for each later event. */
  subscribe(listener: (event: E) => unknown): Unsubscribe {
    const own = (event: E): unknown => listener(event); // the same function may be subscribed twice
    this.#listeners.add(own);
    return () => { this.#listeners.delete(own); };
  }

  /** Calls every listener with `event`, in the order of their subscription. */
  emit(event: E): void {
    for (const listener of [...this.#listeners]) {
      try {
        const settled = listener(event);
        if (settled instanceof Promise) settled.catch(this.#onListenerError);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }

  /** Number of listeners. */
  get size(): number {
    return this.#listeners.size;
  }
}

/** A value that can be rendered: the `subscribe` / `getSnapshot` pair that user-interface libraries expect. */
export interface Observable<T> {
  /** The current value; the same object until it changes. */
  getSnapshot(): T;
  /** Calls `listener` after each change. */
  subscribe(listener: () => void): Unsubscribe;
}

/** An {@link Observable} that its owner can set. */
export class ObservableValue<T> implements Observable<T> {
  #value: T;
  readonly #changes: Emitter<undefined>;

  constructor(initial: T, onListenerError?: (error: unknown) => void) {
    this.#value = initial;
    this.#changes = new Emitter(onListenerError);
  }

  getSnapshot = (): T => this.#value;

  subscribe = (listener: () => void): Unsubscribe => this.#changes.subscribe(listener);

  /** Replaces the value and tells the subscribers. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    this.#changes.emit(undefined);
  }
}
