/**
 * What mends a store, at the start or where something runs into what cannot be read, as one piece that is loaded only then.
 * Spec: docs/decisions/0016-damaged-rows.md, and 0010 for why it is one and is given most of what it calls.
 * @module
 */
export { mendOwnKeys } from "./own-keys.js";
export { mendRows } from "./damaged-rows.js";
export { settleOrphans } from "./orphans.js";
