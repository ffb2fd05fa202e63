/** The provider that `#provider` names in Node. @module */
import { nodeProvider } from "./node-provider.js";
import type { CryptoProvider } from "./provider.js";

/** Native primitives. */
export const defaultProvider: CryptoProvider = nodeProvider;
