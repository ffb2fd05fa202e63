/** The methods, states and events of a part that are the leader's. @module */
import { Emitter, type Unsubscribe } from "../base/events.js";
import type { Calls } from "./calls.js";
import type { Place, Source } from "./frames.js";
import { Mirror } from "./mirror.js";
import { type Remote, type Surfaces, tables } from "./surface-table.js";

/** The methods of a part that travel by a call. */
export function remote<P extends keyof Surfaces>(calls: Calls, on: Place & { readonly part: P }): Remote<P> {
  const names = Object.entries(tables[on.part]).filter(([, travels]) => travels === "read" || travels === "write").map(([name]) => name);
  return Object.fromEntries(names.map((name) => [name, (...args: readonly unknown[]) => calls.ask(on, name, args)])) as unknown as Remote<P>;
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

/** Subscribes to the events `of`, which are asked for while somebody listens. @param passes whether the application is to hear of an event */
export function remoteEvents<E>(
  calls: Calls, of: string, emitter: Emitter<E> = new Emitter(calls.listenerFailed), passes: (event: E) => boolean = () => true,
): (listener: (event: E) => void) => Unsubscribe {
  let stop: Unsubscribe | undefined;
  return (listener) => {
    const unsubscribe = emitter.subscribe(listener);
    stop ??= calls.watch(() => ({ of }), { event: (event) => { if (passes(event as E)) emitter.emit(event as E); } }).stop;
    return () => {
      unsubscribe();
      if (emitter.size > 0) return;
      stop?.();
      stop = undefined;
    };
  };
}
