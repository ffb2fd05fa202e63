/**
 * The store of a leader: taken over by whoever holds the lock, and by nobody else. A page that is frozen in the moment in which the lock becomes its own
 * gets to know that when it runs again; the lock is another tab's by then, and taking the store from that one would end it.
 * Spec: threats D10; docs/decisions/0013-tabs-and-workers.md. Not here: the lock (election.ts).
 * @module
 */
import { storeTakeOversMax } from "../base/limits.js";
import type { Fence, Store } from "../session/ports.js";
import { StorageError } from "../storage/errors.js";
import { storeWith } from "./store-with.js";

/** @param holds whether the lock is ours, by the platform's word */
export function leaderStore(inner: Store, holds: () => Promise<boolean>): Store {
  return storeWith(inner, { acquire: () => takeOver(inner, holds) });
}

/** The former leader may still take over between our look and our turn, having looked before it lost the lock: then we look again. */
async function takeOver(inner: Store, holds: () => Promise<boolean>): Promise<Fence> {
  for (let times = 1; ; times++) {
    try {
      return await inner.acquire(holds);
    } catch (error) {
      const isFenced = error instanceof StorageError && error.code === "ERR_STORE_FENCED";
      if (!isFenced || times >= storeTakeOversMax || !(await holds())) throw error;
    }
  }
}
