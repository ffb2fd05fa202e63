/**
 * What mends a store at the start, as one piece that is loaded only then.
 * Spec: docs/decisions/0016-damaged-rows-at-the-start.md, and 0010 for why it is one and is given most of what it calls.
 * @module
 */
export { mendOwnKeys } from "./own-keys.js";
export { settleOrphans } from "./outbox/orphans.js";
