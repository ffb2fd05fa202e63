/**
 * The provider for browsers: each operation of the curve by WebCrypto where that gives the same bytes and refusals as noble,
 * and by noble where not; hashes and ciphers by noble, synchronous.
 * The platform is asked once, with the first operation. Noble's curve is a file of its own that is loaded only if it is needed.
 * Decision: docs/decisions/0014-native-curves-in-browsers.md.
 * @module
 */
import { copyBytes } from "../base/bytes.js";
import { CryptoError } from "./errors.js";
import { nobleSymmetric } from "./noble-symmetric.js";
import type { CryptoProvider, CurveCrypto, MaybePromise } from "./provider.js";
import { webCurve } from "./webcrypto-curve.js";
import { probeWebCurve } from "./webcrypto-probe.js";

/** What {@link createWebCryptoProvider} stands on; for tests. */
export interface WebCryptoPlatform {
  /** `undefined` where there is none: old platforms, and pages that did not come over TLS. */
  readonly subtle: SubtleCrypto | undefined;
  /** Loads noble's curve. */
  readonly loadNoble: () => Promise<CurveCrypto>;
}

const platformOfPage = (): WebCryptoPlatform => ({
  subtle: (globalThis as { crypto?: { subtle?: SubtleCrypto } }).crypto?.subtle,
  loadNoble: async () => (await import("./noble-curve.js")).nobleCurve,
});

/** A provider with a cache of imported keys of its own: accounts on one page share none. */
export function createWebCryptoProvider(platform?: WebCryptoPlatform): CryptoProvider {
  return { name: "webcrypto", symmetric: nobleSymmetric, curve: lateCurve(() => chooseCurve(platform ?? platformOfPage())) };
}

/**
 * The best curve of the platform.
 * @throws CryptoError `ERR_CRYPTO_UNAVAILABLE`, retryable, if noble is needed and does not load.
 */
async function chooseCurve({ subtle, loadNoble }: WebCryptoPlatform): Promise<CurveCrypto> {
  if (subtle === undefined) return load(loadNoble);
  const { agreement, signingKey, sign, verify } = await probeWebCurve(subtle);
  const native = webCurve(subtle);
  if (agreement && signingKey && sign && verify) return native;
  const noble = await load(loadNoble);
  const best = (isNative: boolean): CurveCrypto => (isNative ? native : noble);
  return {
    x25519PublicKey: (privateKey) => best(agreement).x25519PublicKey(privateKey),
    x25519: (privateKey, publicKey) => best(agreement).x25519(privateKey, publicKey),
    ed25519PublicKey: (seed) => best(signingKey).ed25519PublicKey(seed),
    ed25519Sign: (seed, message) => best(sign).ed25519Sign(seed, message),
    ed25519Verify: (publicKey, message, signature) => best(verify).ed25519Verify(publicKey, message, signature),
  };
}

async function load(loadNoble: () => Promise<CurveCrypto>): Promise<CurveCrypto> {
  try {
    return await loadNoble();
  } catch (cause) {
    const message = "this platform lacks Curve25519, and the part that replaces it did not load";
    throw new CryptoError("ERR_CRYPTO_UNAVAILABLE", message, { cause, retryable: true });
  }
}

/** A curve that is chosen with the first operation; a choice that fails is made again with the next one. */
function lateCurve(choose: () => Promise<CurveCrypto>): CurveCrypto {
  let chosen: CurveCrypto | undefined;
  let choosing: Promise<CurveCrypto> | undefined;

  const choice = (): Promise<CurveCrypto> => {
    choosing ??= choose().then(
      (curve) => (chosen = curve),
      (error: unknown) => {
        choosing = undefined;
        throw error;
      },
    );
    return choosing;
  };
  const run = <T>(args: readonly Uint8Array[], operate: (curve: CurveCrypto, ...args: readonly Uint8Array[]) => MaybePromise<T>): MaybePromise<T> => {
    if (chosen !== undefined) return operate(chosen, ...args);
    const own = args.map(copyBytes); // whoever calls may change or wipe them while we wait
    return choice().then((curve) => operate(curve, ...own));
  };
  return {
    x25519PublicKey: (...args) => run(args, (curve, privateKey) => curve.x25519PublicKey(privateKey)),
    x25519: (...args) => run(args, (curve, privateKey, publicKey) => curve.x25519(privateKey, publicKey)),
    ed25519PublicKey: (...args) => run(args, (curve, seed) => curve.ed25519PublicKey(seed)),
    ed25519Sign: (...args) => run(args, (curve, seed, message) => curve.ed25519Sign(seed, message)),
    ed25519Verify: (...args) => run(args, (curve, publicKey, message, signature) => curve.ed25519Verify(publicKey, message, signature)),
  };
}
