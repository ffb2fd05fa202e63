/** The provider that `#provider` names everywhere but in Node. @module */
import { nobleProvider } from "./noble-provider.js";
import type { CryptoProvider } from "./provider.js";

/** Portable primitives. */
export const defaultProvider: CryptoProvider = nobleProvider;
