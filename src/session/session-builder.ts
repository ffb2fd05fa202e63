/**
 * New sessions: from a verified bundle (we begin), or from a key exchange (the peer began).
 * Spec: XEP-0384 v0.9 #protocol-key_exchange; docs/protocol.md 1.6, 2.5. Nothing is stored here: a failure leaves no trace (threats R06).
 * Not here: whether the identity is trusted, which prekeys are named (open.ts), archiving (session-records.ts).
 * @module
 */
import { wipe, type Bytes } from "../base/bytes.js";
import { invariant } from "../base/errors.js";
import { randomInteger } from "../base/rng.js";
import { acceptRatchet, initiateRatchet } from "../crypto/double-ratchet/state.js";
import { generateKeyPair } from "../crypto/keys.js";
import { computeAgreements, initiatorAgreements, responderAgreements, x3dhSecret } from "../crypto/x3dh/agreement.js";
import type { FourAgreements } from "../crypto/x3dh/agreement.js";
import type { VerifiedBundle } from "../crypto/x3dh/bundle.js";
import type { SessionContext } from "./context.js";
import type { DeviceIdentity } from "./own-device.js";
import type { KeyExchange, RemoteIdentity } from "./profile.js";
import type { SessionRecord } from "./records/device-record.js";
import type { PreKeyRecord, SignedPreKeyRecord } from "./records/own-records.js";

async function agree(context: SessionContext, agreements: FourAgreements): Promise<Bytes> {
  const secrets = await computeAgreements(context.provider.curve, agreements);
  const secret = x3dhSecret(context.provider.symmetric, secrets, context.profile.suite.x3dhInfo);
  wipe(...secrets);
  return secret;
}

/** A session on one randomly chosen prekey of the bundle. Unconfirmed: it repeats its key exchange until answered. */
export async function beginSession(
  context: SessionContext, own: DeviceIdentity, bundle: VerifiedBundle, number: number,
): Promise<SessionRecord> {
  const { curve, symmetric } = context.provider;
  const preKey = bundle.preKeys[randomInteger(context.rng, 0, bundle.preKeys.length - 1)];
  invariant(preKey !== undefined, "a verified bundle has a prekey");
  const [ephemeral, ratchetKeyPair] = await Promise.all([generateKeyPair(curve, context.rng), generateKeyPair(curve, context.rng)]);
  const sharedSecret = await agree(context, initiatorAgreements({
    identityPrivate: own.identity.curvePrivateKey,
    ephemeralPrivate: ephemeral.privateKey,
    remoteIdentity: bundle.identityCurve,
    remoteSignedPreKey: bundle.signedPreKey,
    remotePreKey: preKey.key,
  }));
  const ratchet = initiateRatchet(symmetric, context.profile.suite, {
    sharedSecret,
    localIdentity: context.profile.writeIdentity(own.identity.publicKey),
    remoteIdentity: context.profile.writeIdentity(bundle.identity),
    ratchetKeyPair,
    remoteSignedPreKey: bundle.signedPreKey,
    agreement: await curve.x25519(ratchetKeyPair.privateKey, bundle.signedPreKey),
  });
  wipe(sharedSecret, ephemeral.privateKey);
  return {
    number,
    createdAt: context.clock.now(),
    ratchet,
    exchange: { preKeyId: preKey.id, signedPreKeyId: bundle.signedPreKeyId, ephemeralKey: ephemeral.publicKey },
    confirmed: false,
    heartbeatFor: undefined,
  };
}

/** The session of a received key exchange, before its first message is decrypted: not to be stored before that worked. */
export async function acceptSession(
  context: SessionContext,
  own: DeviceIdentity,
  exchange: KeyExchange,
  remote: RemoteIdentity,
  keys: { readonly signedPreKey: SignedPreKeyRecord; readonly preKey: PreKeyRecord },
  number: number,
): Promise<SessionRecord> {
  const sharedSecret = await agree(context, responderAgreements({
    identityPrivate: own.identity.curvePrivateKey,
    signedPreKeyPrivate: keys.signedPreKey.privateKey,
    preKeyPrivate: keys.preKey.privateKey,
    remoteIdentity: remote.curve,
    remoteEphemeral: exchange.ephemeralKey,
  }));
  const ratchet = acceptRatchet(context.profile.suite, {
    sharedSecret,
    localIdentity: context.profile.writeIdentity(own.identity.publicKey),
    remoteIdentity: remote.wire,
    signedPreKeyPair: keys.signedPreKey,
  });
  wipe(sharedSecret);
  return {
    number,
    createdAt: context.clock.now(),
    ratchet,
    exchange: { preKeyId: exchange.preKeyId, signedPreKeyId: exchange.signedPreKeyId, ephemeralKey: exchange.ephemeralKey },
    confirmed: true,
    heartbeatFor: undefined,
  };
}
