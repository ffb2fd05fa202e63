/**
 * The provider that runs everywhere and alike: @noble throughout, synchronous. In browsers it is what an application names
 * to keep WebCrypto's curves out (docs/decisions/0014-native-curves-in-browsers.md).
 * @module
 */
import { nobleCurve } from "./noble-curve.js";
import { nobleSymmetric } from "./noble-symmetric.js";
import type { CryptoProvider } from "./provider.js";

/** Everything in JavaScript, in Node and in browsers. */
export const nobleProvider: CryptoProvider = { name: "noble", symmetric: nobleSymmetric, curve: nobleCurve };
