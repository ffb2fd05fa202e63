/** Entry `sotto/crypto`: the primitives and the pure steps of X3DH and the Double Ratchet. @module */
export type { CryptoProvider, CurveCrypto, GcmSealed, MaybePromise, SymmetricCrypto } from "./crypto/provider.js";
export { nobleProvider } from "./crypto/noble-provider.js";
export { CryptoError } from "./crypto/errors.js";
export type { CryptoErrorCode } from "./crypto/errors.js";
export { generateKeyPair, publicKey } from "./crypto/keys.js";
export type { KeyPair, PublicKey } from "./crypto/keys.js";
export { generateIdentityKeyPair, identityKey, identityKeyFromCurve, identityKeyPairFromSeed, toCurve } from "./crypto/identity-key.js";
export type { IdentityKey, IdentityKeyPair } from "./crypto/identity-key.js";
export { fingerprint, formatFingerprint } from "./crypto/fingerprint.js";
