/** The primitives that `#provider` names in Node. @module */
import type { GcmCrypto } from "./gcm.js";
import { nodeGcm } from "./node-gcm.js";
import { createNodeProvider, nodeProvider } from "./node-provider.js";
import type { CryptoProvider } from "./provider.js";

/** Native primitives. */
export const defaultProvider: CryptoProvider = nodeProvider;

/** The same for one account alone. */
export const createDefaultProvider: () => CryptoProvider = createNodeProvider;

/** The AES-GCM beside it, for those who speak the older OMEMO version. */
export const defaultGcm: GcmCrypto = nodeGcm;
