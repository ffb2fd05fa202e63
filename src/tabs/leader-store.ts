/**
 * The store of a leader: taken over by whoever holds the lock, and by nobody else. A page that is frozen in the moment in which the lock becomes its own
 * gets to know that when it runs again; the lock is another tab's by then, and taking the store from that one would end it.
 * Spec: threats D10; docs/decisions/0013-tabs-and-workers.md. Not here: the lock (election.ts).
 * @module
 */
import { storeTakeOversMax } from "../base/limits.js";
import type { Fence, Store } from "../session/ports.js";
import { contractError, StorageError } from "../storage/errors.js";
import { storeWith } from "./store-with.js";

/** @param holds whether the lock is ours, by the platform's word */
export function leaderStore(inner: Store, holds: () => Promise<boolean>): Store {
  return storeWith(inner, { acquire: () => takeOver(inner, holds) });
}

/**
 * The former leader may still take over between our look and our turn, having looked before it lost the lock: then we look again.
 * An adapter that does not ask gives the store to tabs that have lost the lock, and sooner or later all of them stop: it is told at once.
 */
async function takeOver(inner: Store, holds: () => Promise<boolean>): Promise<Fence> {
  for (let times = 1; ; times++) {
    let asked = 0;
    try {
      const fence = await inner.acquire(() => {
        asked += 1;
        return holds();
      });
      if (asked === 0) throw contractError("acquire");
      return fence;
    } catch (error) {
      const isFenced = error instanceof StorageError && error.code === "ERR_STORE_FENCED";
      if (!isFenced || times >= storeTakeOversMax || !(await holds())) throw error;
    }
  }
}
