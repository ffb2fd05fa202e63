/** How long something lives: a view ends its scope, and with it every subscription that was made for it. @module */
import type { Observable } from "sotto";

/** Things to undo together. */
export class Scope {
  readonly #undo = new Set<() => void>();
  readonly #abort = new AbortController();

  /** Aborted when the scope ends: for `fetch`, event listeners and calls of the SDK. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Calls `undo` at the end. */
  add(undo: () => void): void {
    if (this.signal.aborted) undo();
    else this.#undo.add(undo);
  }

  /** Renders now and after each change. */
  watch<T>(observable: Observable<T>, render: (value: T) => void): void {
    this.add(observable.subscribe(() => { render(observable.getSnapshot()); }));
    render(observable.getSnapshot());
  }

  /** Renders now and after each change of any of them. */
  watchAll(observables: readonly Observable<unknown>[], render: () => void): void {
    for (const each of observables) this.add(each.subscribe(render));
    render();
  }

  /** Listens to an event of the page until the end. */
  on<K extends keyof WindowEventMap>(target: Window, type: K, listener: (event: WindowEventMap[K]) => void): void;
  on<K extends keyof DocumentEventMap>(target: Document, type: K, listener: (event: DocumentEventMap[K]) => void): void;
  on(target: EventTarget, type: string, listener: (event: never) => void): void {
    target.addEventListener(type, listener as (event: Event) => void, { signal: this.signal });
  }

  /** A scope that ends with this one, or earlier. */
  child(): Scope {
    const child = new Scope();
    const end = (): void => { child.end(); };
    this.add(end);
    child.add(() => { this.#undo.delete(end); });
    return child;
  }

  end(): void {
    if (this.signal.aborted) return;
    this.#abort.abort();
    for (const undo of [...this.#undo]) undo();
    this.#undo.clear();
  }
}
