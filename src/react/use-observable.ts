/**
 * An {@link Observable} as a React value. Everything that renders goes through these two, and they through `useSyncExternalStore`: all
 * components of one commit see the same value, however long rendering takes.
 * Not here: which observables a client has (use-account.ts, use-timeline.ts).
 * @module
 */
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { Observable, Unsubscribe } from "../base/events.js";
import { sameData } from "../base/same-data.js";

/**
 * The value of `observable`; renders again when it changes. `undefined` for no observable.
 * @param before what a page shows that was rendered on a server, until it runs; by default the value
 */
export function useObservable<T>(observable: Observable<T>, before?: T): T;
/** As above, for an observable that is not there yet. */
export function useObservable<T>(observable: Observable<T> | undefined, before?: T): T | undefined;
export function useObservable<T>(observable: Observable<T> | undefined, before?: T): T | undefined {
  const subscribe = useSubscribe(observable);
  const getSnapshot = useCallback(() => observable?.getSnapshot(), [observable]);
  return useSyncExternalStore(subscribe, getSnapshot, () => before ?? getSnapshot());
}

/**
 * A part of the value of `observable`; renders again only when the part says something else by value, and is the same object until
 * then. `select` must be a pure function; one that is made anew at each render is no harm.
 * @param before as in {@link useObservable}: what to select from
 */
export function useSelection<T, S>(observable: Observable<T>, select: (value: T) => S, before?: T): S {
  const subscribe = useSubscribe(observable);
  const shown = useRef<{ readonly value: S }>(undefined);
  const getSelection = useMemo(() => {
    let kept = shown.current;
    return (snapshot: T): S => {
      const value = select(snapshot);
      if (kept === undefined || !sameData(kept.value, value)) kept = { value };
      return kept.value;
    };
  }, [select]);
  const value = useSyncExternalStore(subscribe, () => getSelection(observable.getSnapshot()), () => getSelection(before ?? observable.getSnapshot()));
  useEffect(() => { shown.current = { value }; }, [value]);
  return value;
}

/** The same function for the same observable: another one would make React subscribe anew. */
function useSubscribe(observable: Observable<unknown> | undefined): (listener: () => void) => Unsubscribe {
  return useCallback((listener) => observable?.subscribe(listener) ?? (() => undefined), [observable]);
}
