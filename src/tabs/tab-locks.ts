/** Locks that say that a tab lives: the platform gives them back when it ends, however it ends. @module */
import type { Unsubscribe } from "../base/events.js";
import type { HeldLock, TabLocks } from "./platform.js";

/** Resolves when the lock is held, with the way to give it back. */
export function holdLock(locks: TabLocks, name: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    locks.request(name, {}, () => new Promise<void>((release) => { resolve(release); })).catch(reject);
  });
}

/** The lock `name` in a snapshot, as its owner holds it: not as those do who have waited for his end, and are frozen with the news of it. */
export const ownedLock = ({ held }: { readonly held?: readonly HeldLock[] | undefined }, name: string): HeldLock | undefined =>
  held?.find((lock) => lock.name === name && lock.mode !== "shared");

/**
 * Calls `gone` when its owner holds the lock no more. All who wait are told at once: a tab that is frozen gets a lock like any other and gives it back
 * when it runs again, so whoever asked for it alone would keep the news from all others.
 */
export function whenFree(locks: TabLocks, name: string, gone: () => void): Unsubscribe {
  const waiting = new AbortController();
  locks.request(name, { mode: "shared", signal: waiting.signal }, async () => {
    await Promise.resolve();
    if (!waiting.signal.aborted) gone();
  }).catch(() => undefined); // not of interest any more
  return () => { waiting.abort(); };
}
