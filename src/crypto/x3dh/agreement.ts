/**
 * X3DH, both sides: which four X25519 results are needed, and the secret that follows from them.
 * Spec: Signal "X3DH" sections 2.2 and 3.3, parameters of XEP-0384 v0.9 #protocol-key_exchange (info is the caller's).
 * Pure: the curve results are inputs, so whoever computes them may await (design of crypto/provider.ts).
 * Not here: verifying a bundle (bundle.ts), choosing prekeys (session/), associated data (double-ratchet/).
 * @module
 */
import { concatBytes, wipe, type Bytes } from "../../base/bytes.js";
import type { PublicKey } from "../keys.js";
import type { CurveCrypto, SymmetricCrypto } from "../provider.js";

/** One X25519 to compute. */
export interface Agreement {
  readonly privateKey: Bytes;
  readonly publicKey: PublicKey;
}

/** DH1 to DH4, in this order on both sides. */
export type FourAgreements = readonly [Agreement, Agreement, Agreement, Agreement];

/** The results of {@link FourAgreements}, 32 bytes each. */
export type FourSecrets = readonly [Bytes, Bytes, Bytes, Bytes];

/** What the initiator (Alice) brings: own private keys, and Bob's keys from his verified bundle. */
export interface InitiatorKeys {
  readonly identityPrivate: Bytes;
  readonly ephemeralPrivate: Bytes;
  readonly remoteIdentity: PublicKey;
  readonly remoteSignedPreKey: PublicKey;
  readonly remotePreKey: PublicKey;
}

/** What the responder (Bob) brings: own private keys, and Alice's keys from her key exchange. */
export interface ResponderKeys {
  readonly identityPrivate: Bytes;
  readonly signedPreKeyPrivate: Bytes;
  readonly preKeyPrivate: Bytes;
  readonly remoteIdentity: PublicKey;
  readonly remoteEphemeral: PublicKey;
}

/** DH1 = IK_A, SPK_B; DH2 = EK_A, IK_B; DH3 = EK_A, SPK_B; DH4 = EK_A, OPK_B. */
export function initiatorAgreements(keys: InitiatorKeys): FourAgreements {
  return [
    { privateKey: keys.identityPrivate, publicKey: keys.remoteSignedPreKey },
    { privateKey: keys.ephemeralPrivate, publicKey: keys.remoteIdentity },
    { privateKey: keys.ephemeralPrivate, publicKey: keys.remoteSignedPreKey },
    { privateKey: keys.ephemeralPrivate, publicKey: keys.remotePreKey },
  ];
}

/** The same four, seen from the other end. */
export function responderAgreements(keys: ResponderKeys): FourAgreements {
  return [
    { privateKey: keys.signedPreKeyPrivate, publicKey: keys.remoteIdentity },
    { privateKey: keys.identityPrivate, publicKey: keys.remoteEphemeral },
    { privateKey: keys.signedPreKeyPrivate, publicKey: keys.remoteEphemeral },
    { privateKey: keys.preKeyPrivate, publicKey: keys.remoteEphemeral },
  ];
}

/**
 * Computes the four results, side by side where the curve is asynchronous. The only step here that awaits; nothing has changed
 * if it fails.
 * @throws CryptoError `ERR_CRYPTO_LOW_ORDER` if one of them is all zero.
 */
export function computeAgreements(curve: CurveCrypto, agreements: FourAgreements): Promise<FourSecrets> {
  const compute = async ({ privateKey, publicKey }: Agreement): Promise<Bytes> => curve.x25519(privateKey, publicKey);
  const [first, second, third, fourth] = agreements;
  return Promise.all([compute(first), compute(second), compute(third), compute(fourth)]);
}

const salt = new Uint8Array(32);
// X3DH section 2.2: a prefix that is no encoding of a curve point, to part this input from that of XEdDSA.
const prefix = new Uint8Array(32).fill(0xff);

/** SK, 32 bytes: HKDF(0^32, FF^32 ‖ DH1 ‖ DH2 ‖ DH3 ‖ DH4, info). `info` is ASCII without terminator. */
export function x3dhSecret(symmetric: SymmetricCrypto, secrets: FourSecrets, info: Uint8Array): Bytes {
  const inputKey = concatBytes(prefix, ...secrets);
  const secret = symmetric.hkdfSha256(salt, inputKey, info, 32);
  wipe(inputKey);
  return secret;
}
