/** The primitives that `#provider` names everywhere but in Node. @module */
import type { GcmCrypto } from "./gcm.js";
import { nobleGcm } from "./noble-gcm.js";
import type { CryptoProvider } from "./provider.js";
import { createWebCryptoProvider } from "./webcrypto-provider.js";

/** WebCrypto's curves where the platform has them, and portable primitives. */
export const defaultProvider: CryptoProvider = /* @__PURE__ */ createWebCryptoProvider();

/** The same for one account alone. */
export const createDefaultProvider: () => CryptoProvider = () => createWebCryptoProvider();

/** The AES-GCM beside it, for those who speak the older OMEMO version. */
export const defaultGcm: GcmCrypto = nobleGcm;
