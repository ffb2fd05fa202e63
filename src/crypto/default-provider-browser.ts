/** The primitives that `#provider` names everywhere but in Node. @module */
import type { GcmCrypto } from "./gcm.js";
import { nobleGcm } from "./noble-gcm.js";
import { nobleProvider } from "./noble-provider.js";
import type { CryptoProvider } from "./provider.js";

/** Portable primitives. */
export const defaultProvider: CryptoProvider = nobleProvider;

/** The same for one account alone: these hold nothing. */
export const createDefaultProvider = (): CryptoProvider => nobleProvider;

/** The AES-GCM beside it, for those who speak the older OMEMO version. */
export const defaultGcm: GcmCrypto = nobleGcm;
