/**
 * Private keys as KeyObjects: importing one costs as much as an agreement, so the last few are kept.
 * They are found by the SHA-256 of the raw key, so that no copy and no text of a key is held (threats C12); OpenSSL clears
 * an object's memory when it is freed. Import is by JWK: DER costs ten times as much.
 * @module
 */
import { createHash, createPrivateKey, type KeyObject } from "node:crypto";
import { Recent } from "../base/recent.js";

/** An own identity, two signed prekeys, and the ratchet keys of the conversations that are active right now. */
const keysMax = 32;

/** The two names of Curve25519 in JWK (RFC 8037). */
export type JwkCurve = "X25519" | "Ed25519";

/** Least recently used leaves first. */
export class NodeKeyCache {
  readonly #keys = new Recent<KeyObject>(keysMax);
  readonly #curve: JwkCurve;

  constructor(curve: JwkCurve) {
    this.#curve = curve;
  }

  /** How many keys are held. */
  get size(): number {
    return this.#keys.size;
  }

  /** `raw`: 32 bytes, checked by the caller. */
  get(raw: Uint8Array): KeyObject {
    return this.#keys.get(createHash("sha256").update(raw).digest("base64url"), () => importPrivate(this.#curve, raw));
  }
}

/** Node computes the public half itself and does not look at `x`. */
function importPrivate(curve: JwkCurve, raw: Uint8Array): KeyObject {
  const scratch = Buffer.from(raw);
  const key = createPrivateKey({ key: { kty: "OKP", crv: curve, x: "", d: scratch.toString("base64url") }, format: "jwk" });
  scratch.fill(0);
  return key;
}
