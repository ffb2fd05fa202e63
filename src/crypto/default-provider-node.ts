/** The primitives that `#provider` names in Node. @module */
import type { GcmCrypto } from "./gcm.js";
import { nodeGcm } from "./node-gcm.js";
import { nodeProvider } from "./node-provider.js";
import type { CryptoProvider } from "./provider.js";

/** Native primitives. */
export const defaultProvider: CryptoProvider = nodeProvider;

/** The AES-GCM beside it, for those who speak the older OMEMO version. */
export const defaultGcm: GcmCrypto = nodeGcm;
