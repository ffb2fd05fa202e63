/** The durable store of browsers: IndexedDB. @module */
import { indexedDbStore } from "../../../src/storage-indexeddb.js";
import { type Disk, placed } from "./disk.js";

/** A disk of its own for one test. */
export function durableDisk(): Promise<Disk> {
  const name = `behaviour-${crypto.randomUUID()}`;
  return Promise.resolve({ open: () => placed(indexedDbStore(name), name), remove: () => indexedDbStore(name).destroy() });
}
