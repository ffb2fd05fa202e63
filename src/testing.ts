/** Entry `sotto/testing`: what Sotto is tested with, for those who write adapters. No test runner is needed. @module */
export { storeContract } from "./testing/store-contract.js";
export type { StoreContractCase } from "./testing/store-contract.js";
export { ContractViolation } from "./testing/store-contract/harness.js";
export type { StoreFactory } from "./testing/store-contract/harness.js";
export { faultyStore } from "./testing/faulty-store.js";
export type { FaultKind, FaultyStore, StoreFault, StoreOperation } from "./testing/faulty-store.js";
export { gcmContract } from "./testing/gcm-contract.js";
export type { GcmCase } from "./testing/gcm-contract.js";
export { providerContract } from "./testing/provider-contract.js";
export type { ProviderCase } from "./testing/provider-case.js";
export { memoryDisk, memoryStore } from "./storage/memory.js";
export type { MemoryDisk } from "./storage/memory.js";
