/** Entry `sotto/storage/indexeddb`: a store in the browser's IndexedDB. @module */
export { indexedDbStore } from "./storage/indexeddb.js";
export type { IndexedDbOptions } from "./storage/indexeddb.js";
export type { StorageAuthority } from "./storage/persistence.js";
export type { StoreWitness } from "./storage/store-witness.js";
export type { Change, Fence, Store, StoreCondition, StoreKey, StoreRange, StoreRow } from "./session/ports.js";
export { StorageError } from "./storage/errors.js";
export type { StorageErrorCode } from "./storage/errors.js";
