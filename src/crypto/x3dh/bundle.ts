/**
 * From the parts of a published bundle to keys that may be used: every key validated, the signed prekey's signature checked.
 * Spec: XEP-0384 v0.9 #usecases-building (omemo:2), v0.3 and the practice of its implementations (legacy).
 * An invalid signature means no session with that device; there is no fallback (Signal "X3DH" section 3.3).
 * Not here: XML (transport/xep), whether the identity is trusted (session/trust).
 * @module
 */
import { bundlePreKeysMax } from "../../base/limits.js";
import { CryptoError } from "../errors.js";
import { identityKey, identityKeyFromCurve, toCurve, type IdentityKey } from "../identity-key.js";
import { publicKey, unlessRefused, type PublicKey } from "../keys.js";
import { verifyLegacySignature } from "../legacy-signature.js";
import type { CryptoProvider } from "../provider.js";

/** A bundle as received, with keys in their wire form. */
export interface BundleParts {
  /** omemo:2: 32 bytes Ed25519; legacy: 33 bytes, 05 and u. */
  readonly identityKey: Uint8Array;
  readonly signedPreKeyId: number;
  readonly signedPreKey: Uint8Array;
  readonly signedPreKeySignature: Uint8Array;
  readonly preKeys: readonly { readonly id: number; readonly key: Uint8Array }[];
}

/** A one-time prekey that may be used. */
export interface VerifiedPreKey {
  readonly id: number;
  readonly key: PublicKey;
}

/** A bundle whose keys are valid and whose signed prekey belongs to its identity. */
export interface VerifiedBundle {
  readonly identity: IdentityKey;
  /** The identity's X25519 form. */
  readonly identityCurve: PublicKey;
  readonly signedPreKeyId: number;
  readonly signedPreKey: PublicKey;
  /** At least one. */
  readonly preKeys: readonly VerifiedPreKey[];
}

const legacyKeyType = 0x05;

// Nobody emits 0 on purpose, but some count from it (omemo:2 allows 1 … 2^31 - 1).
const isKeyId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id <= 0x7fff_ffff;

const badSignature = (): CryptoError =>
  new CryptoError("ERR_CRYPTO_BAD_SIGNATURE", "the signed prekey is not signed by the bundle's identity");

/** The u of a key in legacy wire form. @throws CryptoError `ERR_CRYPTO_INVALID_KEY` */
export function publicKeyFromLegacyWire(raw: Uint8Array): PublicKey {
  if (raw.length !== 33 || raw[0] !== legacyKeyType) {
    throw new CryptoError("ERR_CRYPTO_INVALID_KEY", "not a key of 33 bytes with type 5", { details: { length: raw.length } });
  }
  return publicKey(raw.subarray(1));
}

/** The usable prekeys, of which none is a broken key and no id occurs twice. */
function usablePreKeys(parts: BundleParts, read: (raw: Uint8Array) => PublicKey): readonly VerifiedPreKey[] {
  const usable = new Map<number, VerifiedPreKey>();
  for (const { id, key: raw } of parts.preKeys.slice(0, bundlePreKeysMax)) {
    if (!isKeyId(id) || usable.has(id)) continue;
    const key = unlessRefused(() => read(raw)); // one broken prekey does not spoil the others
    if (key !== undefined) usable.set(id, { id, key });
  }
  if (usable.size === 0) throw new CryptoError("ERR_X3DH_NO_PREKEY", "the bundle has no usable one-time prekey");
  return [...usable.values()];
}

function checkSignedPreKeyId(parts: BundleParts): void {
  if (!isKeyId(parts.signedPreKeyId)) throw new CryptoError("ERR_CRYPTO_INVALID_KEY", "the signed prekey has no valid id");
}

/**
 * omemo:2: an Ed25519 signature over the 32 bytes of the signed prekey, under the identity key as transmitted.
 * @throws CryptoError `ERR_CRYPTO_INVALID_KEY`, `ERR_CRYPTO_BAD_SIGNATURE`, `ERR_X3DH_NO_PREKEY`
 */
export async function verifyOmemo2Bundle(provider: CryptoProvider, parts: BundleParts): Promise<VerifiedBundle> {
  checkSignedPreKeyId(parts);
  const identity = identityKey(parts.identityKey);
  const signedPreKey = publicKey(parts.signedPreKey);
  if (!(await provider.curve.ed25519Verify(identity, signedPreKey, parts.signedPreKeySignature))) throw badSignature();
  return {
    identity,
    identityCurve: toCurve(identity),
    signedPreKeyId: parts.signedPreKeyId,
    signedPreKey,
    preKeys: usablePreKeys(parts, publicKey),
  };
}

/**
 * Legacy: the signature covers the 33 bytes of the signed prekey's wire form, and tells the sign bit of the identity.
 * @throws CryptoError `ERR_CRYPTO_INVALID_KEY`, `ERR_CRYPTO_BAD_SIGNATURE`, `ERR_X3DH_NO_PREKEY`
 */
export async function verifyLegacyBundle(provider: CryptoProvider, parts: BundleParts): Promise<VerifiedBundle> {
  checkSignedPreKeyId(parts);
  const identityCurve = publicKeyFromLegacyWire(parts.identityKey);
  const signedPreKey = publicKeyFromLegacyWire(parts.signedPreKey);
  const signature = parts.signedPreKeySignature;
  if (!(await verifyLegacySignature(provider.curve, identityCurve, parts.signedPreKey, signature))) throw badSignature();
  return {
    identity: identityKeyFromCurve(identityCurve, ((signature[63] as number) >> 7) as 0 | 1),
    identityCurve,
    signedPreKeyId: parts.signedPreKeyId,
    signedPreKey,
    preKeys: usablePreKeys(parts, publicKeyFromLegacyWire),
  };
}
