/** The methods of a part that the leader does, made from its table. @module */
import { Emitter, type Unsubscribe } from "../base/events.js";
import type { Calls } from "./calls.js";
import type { Place, Source } from "./frames.js";
import { Mirror } from "./mirror.js";
import type { Remote, TravelTable } from "./surface-table.js";
import type { Sink } from "./watches.js";

/** The methods of `S` that travel by a call. */
export function remote<S, T extends TravelTable>(calls: Calls, on: Place, table: T): Remote<S, T> {
  const methods = Object.entries(table).flatMap(([name, travels]) => (
    travels === "read" || travels === "write" ? [[name, (...args: readonly unknown[]): Promise<unknown> => calls.ask(on, name, args, travels)] as const] : []
  ));
  return Object.fromEntries(methods) as unknown as Remote<S, T>;
}

/** A state that is mirrored as long as the facade lives. */
export interface Mirrored<T> {
  readonly mirror: Mirror<T>;
  /** Resolves with the first state. @throws what making that part of the client throws */
  readonly ready: Promise<void>;
  readonly stop: Unsubscribe;
}

/** Mirrors the state `of`. @param rest what else each leader is asked */
export function mirrored<T>(
  calls: Calls, of: string, assemble: ConstructorParameters<typeof Mirror<T>>[0], rest: () => Omit<Source, "of"> = () => ({}),
): Mirrored<T> {
  const mirror = new Mirror<T>(assemble, calls.listenerFailed);
  const { ready, stop } = calls.watch(() => ({ of, ...rest() }), { state: (frame) => { mirror.take(frame); } });
  return { mirror, ready, stop };
}

/** Events of the leader's client, asked for while somebody listens. */
export class RemoteEvents<E> {
  readonly #emitter: Emitter<E>;
  readonly #watch: (sink: Sink) => Unsubscribe;
  #stop: Unsubscribe | undefined;

  readonly #passes: (event: E) => boolean;

  /** @param passes whether the application is to hear of an event */
  constructor(calls: Calls, of: string, passes: (event: E) => boolean = () => true) {
    const source: Source = { of };
    this.#emitter = new Emitter(of === "events" ? undefined : calls.listenerFailed); // those would be told of themselves, without end
    this.#passes = passes;
    this.#watch = (sink) => calls.watch(() => source, sink).stop;
  }

  /** An event of this tab's own. */
  emit(event: E): void {
    this.#emitter.emit(event);
  }

  subscribe = (listener: (event: E) => void): Unsubscribe => {
    const unsubscribe = this.#emitter.subscribe(listener);
    this.#stop ??= this.#watch({ event: (event) => { if (this.#passes(event as E)) this.#emitter.emit(event as E); } });
    return () => {
      unsubscribe();
      if (this.#emitter.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  };
}
