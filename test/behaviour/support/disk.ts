/** What survives a client. @module */
import type { Store } from "../../../src/index.js";

/** Where a test's stores lie; opening it again finds what was written. */
export interface Disk {
  readonly open: () => Store;
  readonly remove: () => Promise<void>;
}
