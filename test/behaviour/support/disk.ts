/** What survives a client. @module */
import { memoryStore, type Store } from "../../../src/index.js";
import { type MemoryDisk, memoryDisk } from "../../../src/testing.js";

/** Where a test's stores lie; opening it again finds what was written. */
export interface Disk {
  readonly open: () => Store;
  readonly remove: () => Promise<void>;
}

const places = new WeakMap<Store, string>();
const memories = new Map<string, MemoryDisk>();

/** A store that can be found again by the name of its place: no store can be handed to a worker, but a name can. */
export function placed(store: Store, place: string): Store {
  places.set(store, place);
  return store;
}

/** The name of the place of `store`. */
export function placeOf(store: Store): string {
  const place = places.get(store);
  if (place === undefined) throw new Error("this store was opened past the stage");
  return place;
}

/** Memory of this page or worker, under a name. */
export function memoryAt(place: string): Store {
  const disk = memories.get(place) ?? memoryDisk();
  memories.set(place, disk);
  return placed(memoryStore(disk), place);
}

/** Memory that outlives clients. */
export function memory(): Disk {
  const place = `memory ${crypto.randomUUID()}`;
  return { open: () => memoryAt(place), remove: () => Promise.resolve() };
}
