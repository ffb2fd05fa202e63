/**
 * `eu.siacs.conversations.axolotl` as a value.
 * Spec: XEP-0384 v0.3; libsignal 2.x.
 * @module
 */
import { copyBytes } from "../../base/bytes.js";
import type { GcmCrypto } from "../../crypto/gcm.js";
import { toCurve } from "../../crypto/identity-key.js";
import { publicKeyFromLegacyWire, verifyLegacyBundle } from "../../crypto/x3dh/bundle.js";
import type { OmemoProfile } from "../profile.js";
import { writePrefixedKey } from "../wire-key.js";
import { decodeLegacy, encodeLegacyKeyExchange } from "./messages.js";
import { emptyLegacyPayload, openLegacyPayload, sealLegacyPayload } from "./payload.js";
import { legacySuite } from "./suite.js";

/**
 * The older version: all keys as `05 ‖ u`, payloads hold the body only, under `gcm`, which nobody else needs: it is handed in, so
 * that only those who ask for this version carry its cipher.
 */
export function legacyProfile(gcm: GcmCrypto): OmemoProfile {
  return {
    namespace: "eu.siacs.conversations.axolotl",
    suite: legacySuite,
    // One below the id that libsignal treats as a "last resort" key and never deletes.
    keyIdMax: 0xff_fffe,
    decodeKeyMaterial: decodeLegacy,
    encodeKeyExchange: encodeLegacyKeyExchange,
    writeIdentity: (identity) => writePrefixedKey(toCurve(identity)),
    readIdentity: (wire) => ({ wire: copyBytes(wire), curve: publicKeyFromLegacyWire(wire), identity: undefined }),
    writePublicKey: writePrefixedKey,
    readPublicKey: publicKeyFromLegacyWire,
    verifyBundle: verifyLegacyBundle,
    sealPayload: (_symmetric, rng, plaintext) => sealLegacyPayload(gcm, rng, plaintext),
    openPayload: (_symmetric, ratchetPlaintext, payload, iv) => openLegacyPayload(gcm, ratchetPlaintext, payload, iv),
    emptyPayload: emptyLegacyPayload,
  };
}
