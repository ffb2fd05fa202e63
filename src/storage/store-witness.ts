/**
 * A trace outside the database that says that there was one, and which: how the loss of the whole database is recognised (threats D07).
 * Where it stands depends on what this kind of page or worker can reach; who deletes everything deletes it, too.
 * Spec: docs/decisions/0012-browser-storage.md. Not here: comparing it with the database (indexeddb.ts).
 * @module
 */

/** Where the trace is kept. A failure must not make a store unusable: the default ones read nothing then. */
export interface StoreWitness {
  /** What was written last for the database `name`. */
  read(name: string): Promise<string | undefined>;
  /** Replaces it. */
  write(name: string, incarnation: string): Promise<void>;
  /** Forgets it: the database was deleted on purpose. */
  remove(name: string): Promise<void>;
}

/** In a page localStorage; in a worker, which has none, Cache Storage; elsewhere `undefined`. */
export function platformWitness(): StoreWitness | undefined {
  // Node has a localStorage, too, which says on the console that it keeps nothing: only a page's counts.
  const local = "document" in globalThis ? reachable(() => (globalThis as { readonly localStorage?: Storage }).localStorage) : undefined;
  if (local !== undefined) return localWitness(local);
  const caches = reachable(() => (globalThis as { readonly caches?: CacheStorage }).caches);
  return caches === undefined ? undefined : cacheWitness(caches);
}

/** `undefined` where there is none, or where even asking for it is forbidden (threats D04). */
function reachable<T>(ask: () => T | null | undefined): T | undefined {
  try {
    return ask() ?? undefined;
  } catch {
    return undefined;
  }
}

function localWitness(area: Storage): StoreWitness {
  const key = (name: string): string => `sotto-witness:${name}`;
  return {
    read: (name) => quietly(() => area.getItem(key(name)) ?? undefined),
    write: (name, incarnation) => quietly(() => { area.setItem(key(name), incarnation); }),
    remove: (name) => quietly(() => { area.removeItem(key(name)); }),
  };
}

const cacheName = "sotto-witness";

function cacheWitness(caches: CacheStorage): StoreWitness {
  // A name, never fetched: nothing is ever asked for at this address.
  const address = (name: string): string => `https://witness.invalid/${encodeURIComponent(name)}`;
  return {
    read: (name) => quietly(async () => (await (await caches.open(cacheName)).match(address(name)))?.text()),
    write: (name, incarnation) => quietly(async () => { await (await caches.open(cacheName)).put(address(name), new Response(incarnation)); }),
    remove: (name) => quietly(async () => { await (await caches.open(cacheName)).delete(address(name)); }),
  };
}

/** What fails reads as nothing: the store works without a witness, and then only cannot tell. */
async function quietly<T>(work: () => Promise<T> | T): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}
