/**
 * Private keys as CryptoKeys that give nothing back: importing one costs as much as an agreement, so the last few are kept.
 * They are found by the SHA-256 of the raw key, so that no copy and no text of a key is held (threats C12).
 * Spec: RFC 8410 section 7 (PKCS #8). JWK would want the public half as well, which is what we are about to compute.
 * @module
 */
import { toHex, wipe, type Bytes } from "../base/bytes.js";
import { Recent } from "../base/recent.js";
import { nobleSymmetric } from "./noble-symmetric.js";

/** An own identity, two signed prekeys, and the ratchet keys of the conversations that are active right now. */
const keysMax = 32;

/** The two names of Curve25519 in WebCrypto. */
export type WebCurve = "X25519" | "Ed25519";

/** Last arc of the curve's object identifier, 1.3.101.x (RFC 8410 section 3). */
const curveArc = { X25519: 110, Ed25519: 112 } as const;

/** SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.x }, OCTET STRING { OCTET STRING { raw } } }; `raw` has 32 bytes. */
function toPkcs8(curve: WebCurve, raw: Uint8Array): Bytes {
  const der = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, curveArc[curve], 4, 34, 4, 32, ...new Uint8Array(32));
  der.set(raw, 16);
  return der;
}

/** Imports 32 private bytes, which the caller has checked. */
export function importPrivate(subtle: SubtleCrypto, curve: WebCurve, raw: Uint8Array, extractable: boolean): Promise<CryptoKey> {
  const scratch = toPkcs8(curve, raw);
  const imported = subtle.importKey("pkcs8", scratch, curve, extractable, curve === "X25519" ? ["deriveBits"] : ["sign"]);
  wipe(scratch); // the platform has taken its copy within the call
  return imported;
}

/** Least recently used leaves first. */
export class WebKeyCache {
  readonly #keys = new Recent<Promise<CryptoKey>>(keysMax);
  readonly #subtle: SubtleCrypto;
  readonly #curve: WebCurve;

  constructor(subtle: SubtleCrypto, curve: WebCurve) {
    this.#subtle = subtle;
    this.#curve = curve;
  }

  /** How many keys are held. */
  get size(): number {
    return this.#keys.size;
  }

  /** `raw`: 32 bytes, checked by the caller; read before this returns. Calls side by side share one import. */
  get(raw: Uint8Array): Promise<CryptoKey> {
    const name = toHex(nobleSymmetric.sha256(raw));
    return this.#keys.get(name, () => {
      const key = importPrivate(this.#subtle, this.#curve, raw, false);
      key.catch(() => { this.#keys.forget(name, key); }); // the next use tries again
      return key;
    });
  }
}
