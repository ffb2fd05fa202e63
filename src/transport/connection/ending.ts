/**
 * The end of a connection: it comes once, and whoever asks when it has passed hears of it all the same. Between two steps of a login
 * nobody may be listening, and of an end that nobody hears of nobody recovers (threats N19).
 * Not here: what ends a connection (chassis.ts).
 * @module
 */
import { Emitter, type Unsubscribe } from "../../base/events.js";
import { asTransportError, closedError } from "./closed.js";
import type { StreamEnd } from "./stream.js";

/** See the module. */
export class Ending {
  readonly #listeners = new Emitter<StreamEnd>();
  #end: StreamEnd | undefined;

  /** Calls `listener` once: when the end comes, or behind this turn if it has passed. */
  subscribe(listener: (end: StreamEnd) => void): Unsubscribe {
    const end = this.#end;
    if (end === undefined) return this.#listeners.subscribe(listener);
    const late = new Emitter<StreamEnd>();
    queueMicrotask(() => { late.emit(end); });
    return late.subscribe(listener);
  }

  /** `work`, or the end, whichever is first. Rejects with errors of ours only. */
  before<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const unsubscribe = this.subscribe((end) => { reject(end.error ?? closedError()); });
      work.then(resolve, (error: unknown) => { reject(this.#end?.error ?? asTransportError(error)); }).finally(unsubscribe);
    });
  }

  /** It is here. */
  come(end: StreamEnd): void {
    this.#end = end;
    this.#listeners.emit(end);
  }
}
