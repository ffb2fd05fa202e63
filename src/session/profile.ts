/**
 * What differs between the two deployed OMEMO versions outside the ratchet, as one value each.
 * Spec: XEP-0384 v0.9 (omemo:2) and v0.3 (legacy); design of the two in session/omemo2 and session/legacy.
 * Not here: stanzas (transport/xep/xep0384.ts), envelopes inside the payload (session/sce.ts).
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import type { Rng } from "../base/rng.js";
import type { RatchetMessage, RatchetSuite } from "../crypto/double-ratchet/suite.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { PublicKey } from "../crypto/keys.js";
import type { CryptoProvider, SymmetricCrypto } from "../crypto/provider.js";
import type { VerifiedBundle } from "../crypto/x3dh/bundle.js";
import type { OmemoNamespace, WireBundle } from "./ports.js";

/** What a key exchange carries beside its first message. Ids are unsigned 32-bit; 0 is accepted when received. */
export interface KeyExchange {
  readonly preKeyId: number;
  readonly signedPreKeyId: number;
  /** The initiator's identity key in wire form, not yet validated: {@link OmemoProfile.readIdentity}. */
  readonly identityKey: Bytes;
  /** The initiator's ephemeral key of X3DH. */
  readonly ephemeralKey: PublicKey;
  /** Only in the older version, optional there: the sender's device id. */
  readonly registrationId?: number;
}

/** One `<key/>` after decoding. The bytes decide which kind, never the attribute (threats R17). */
export type KeyMaterial =
  | { readonly kind: "message"; readonly message: RatchetMessage }
  | { readonly kind: "key-exchange"; readonly exchange: KeyExchange; readonly message: RatchetMessage };

/** A remote identity key in the forms that a session needs. */
export interface RemoteIdentity {
  /** As on the wire, and as in associated data. */
  readonly wire: Bytes;
  /** For X3DH and fingerprints. */
  readonly curve: PublicKey;
  /** The Ed25519 form; absent in the older version, whose wire form has no sign bit. */
  readonly identity: IdentityKey | undefined;
}

/** A payload and what every recipient device gets of it through its ratchet. */
export interface SealedPayload {
  readonly payload: Bytes;
  /** Only in the older version: 12 bytes. */
  readonly iv?: Bytes;
  /** The content key and its tag: the same for every device. */
  readonly ratchetPlaintext: Bytes;
}

/** A message without payload: heartbeat, completed key exchange. */
export interface EmptyPayload {
  readonly ratchetPlaintext: Bytes;
  /** Only in the older version: 12 bytes. */
  readonly iv?: Bytes;
}

/** One version of OMEMO. */
export interface OmemoProfile {
  readonly namespace: OmemoNamespace;
  readonly suite: RatchetSuite;
  /** Largest id that we give to a prekey or signed prekey; the smallest is 1. */
  readonly keyIdMax: number;

  /** `undefined` if the bytes are neither form, or a key exchange without one-time prekey (threats R02, R17, R18). */
  decodeKeyMaterial(bytes: Uint8Array): KeyMaterial | undefined;
  /** Wraps an authenticated message of the ratchet into a key exchange. */
  encodeKeyExchange(exchange: KeyExchange, message: Uint8Array): Bytes;

  /** Our identity key on the wire, in key exchanges and in associated data. */
  writeIdentity(identity: IdentityKey): Bytes;
  /** @throws CryptoError `ERR_CRYPTO_INVALID_KEY` if it is no usable identity key. */
  readIdentity(wire: Uint8Array): RemoteIdentity;
  /** Any other public key on the wire; also the bytes that a signed prekey's signature covers. */
  writePublicKey(key: PublicKey): Bytes;
  /** @throws CryptoError `ERR_CRYPTO_INVALID_KEY` for a wrong form, length or point. */
  readPublicKey(wire: Uint8Array): PublicKey;

  /**
   * Checks every key of a bundle and the signature of its signed prekey.
   * @throws CryptoError: no session with that device, and nothing to fall back to (threats R01).
   */
  verifyBundle(provider: CryptoProvider, bundle: WireBundle): Promise<VerifiedBundle>;

  /** Encrypts once for all devices. Draws key, then IV where there is one. */
  sealPayload(symmetric: SymmetricCrypto, rng: Rng, plaintext: Uint8Array): SealedPayload;
  /** `undefined` for every reason why it does not open; all are alike (threats C06). */
  openPayload(symmetric: SymmetricCrypto, ratchetPlaintext: Uint8Array, payload: Uint8Array, iv?: Uint8Array): Bytes | undefined;
  /** What the ratchet carries when there is no payload. On receipt its content means nothing (threats R20). */
  emptyPayload(rng: Rng): EmptyPayload;
}
