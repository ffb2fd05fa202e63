/** Entry `sotto/storage/node`: a store in a directory. @module */
export { fileStore } from "./storage/node-store.js";
export type { Change, Fence, Store, StoreKey, StoreRange, StoreRow } from "./session/ports.js";
export { StorageError } from "./storage/errors.js";
export type { StorageErrorCode } from "./storage/errors.js";
