/**
 * X25519 and Ed25519 of WebCrypto, with the same results and refusals as noble-curve.ts.
 * Spec: Web Cryptography Level 2 (X25519, Ed25519), RFC 7748, RFC 8032. Threats C01, C02, C10, C12.
 * Arguments are read before a call returns. Keys are random bytes that are imported; none is generated here, and of X25519
 * none is ever exported: the public half is an agreement with the base point.
 * Not here: whether this platform can be trusted with it (webcrypto-probe.ts), and what happens where not.
 * @module
 */
import { isAllZero, type Bytes } from "../base/bytes.js";
import { fromBase64 } from "../base/base64.js";
import { InternalError, invariant } from "../base/errors.js";
import { isLowOrderU, isStrictSignatureInput, reduceU } from "./encodings.js";
import { checkCurveKey, lowOrder } from "./inputs.js";
import { importPrivate, WebKeyCache } from "./webcrypto-key-cache.js";

/** {@link CurveCrypto} where every result is awaited. Refusals are rejections. */
export interface WebCurveCrypto {
  x25519PublicKey(privateKey: Uint8Array): Promise<Bytes>;
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Promise<Bytes>;
  ed25519PublicKey(seed: Uint8Array): Promise<Bytes>;
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Promise<Bytes>;
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** u = 9 (RFC 7748 section 4.1). */
const basePoint: Bytes = Uint8Array.of(9, ...new Uint8Array(31));

/**
 * The five operations on `subtle`, with a cache of imported keys of their own.
 * @throws InternalError (as a rejection) if the platform fails where it has no reason to. Never a CryptoError: that would
 * make somebody else's message look forged.
 */
export function webCurve(subtle: SubtleCrypto): WebCurveCrypto {
  const agreementKeys = new WebKeyCache(subtle, "X25519");
  const signingKeys = new WebKeyCache(subtle, "Ed25519");

  const derive = async (privateKey: Uint8Array, u: Bytes): Promise<Bytes> => {
    const [own, other] = await platform(Promise.all([agreementKeys.get(privateKey), subtle.importKey("raw", u, "X25519", false, [])]));
    const shared = new Uint8Array(await platform(subtle.deriveBits({ name: "X25519", public: other }, own, 256)));
    if (isAllZero(shared)) throw lowOrder();
    return shared;
  };

  return {
    async x25519PublicKey(privateKey) {
      checkCurveKey(privateKey);
      return derive(privateKey, basePoint);
    },
    async x25519(privateKey, publicKey) {
      checkCurveKey(privateKey);
      checkCurveKey(publicKey);
      const u = reduceU(publicKey);
      // Platforms refuse these too, but with an error that could mean anything.
      if (isLowOrderU(u)) throw lowOrder();
      return derive(privateKey, u);
    },
    async ed25519PublicKey(seed) {
      checkCurveKey(seed);
      const key = await platform(importPrivate(subtle, "Ed25519", seed, true));
      const { x } = await platform(subtle.exportKey("jwk", key));
      const publicKey = fromBase64(`${(x ?? "").replaceAll("-", "+").replaceAll("_", "/")}=`);
      invariant(publicKey?.length === 32, "the platform exports x of an OKP key");
      return publicKey;
    },
    async ed25519Sign(seed, message) {
      checkCurveKey(seed);
      const data = new Uint8Array(message); // also: the platform takes no memory that is shared
      const signature = await platform(signingKeys.get(seed).then((key) => subtle.sign("Ed25519", key, data)));
      return new Uint8Array(signature);
    },
    async ed25519Verify(publicKey, message, signature) {
      // No platform alone refuses all that we refuse (threats C02, C10).
      if (!isStrictSignatureInput(publicKey, signature)) return false;
      const [data, signed] = [new Uint8Array(message), new Uint8Array(signature)];
      try {
        const key = await subtle.importKey("raw", new Uint8Array(publicKey), "Ed25519", false, ["verify"]);
        return await subtle.verify("Ed25519", key, signed, data);
      } catch {
        return false; // canonical 32 bytes that are no point; whatever else it may be, nothing is proved
      }
    },
  };
}

async function platform<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new InternalError("the platform's Curve25519 failed", { cause });
  }
}
