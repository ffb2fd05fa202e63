/**
 * One ratchet step of one session with the curve work that it asks for; the pure steps are in crypto/double-ratchet.
 * Spec: docs/protocol.md 2.5 (an unconfirmed session repeats its key exchange); threats R14.
 * Not here: which session (open.ts, seal.ts), storing the result (session-records.ts).
 * @module
 */
import type { Bytes } from "../base/bytes.js";
import { heartbeatCounter, unprovenStepsMax } from "../base/limits.js";
import { receivingSteps } from "../crypto/double-ratchet/route.js";
import {
  needsFreshRatchet, ratchetDecrypt, ratchetEncrypt, receivingAgreement, sendingAgreement, type Decrypted, type FreshRatchet,
} from "../crypto/double-ratchet/step.js";
import type { RatchetMessage } from "../crypto/double-ratchet/suite.js";
import { CryptoError } from "../crypto/errors.js";
import { generateKeyPair } from "../crypto/keys.js";
import type { SessionContext } from "./context.js";
import type { DeviceIdentity } from "./own-device.js";
import type { DeviceAddress } from "./ports.js";
import type { SessionRecord } from "./records/device-record.js";
import { findSkipped } from "./skipped-rows.js";
import type { Transaction } from "./transaction.js";

/** What one device gets, and the session after it: to be written before the bytes go anywhere. */
export interface SealedForDevice {
  readonly session: SessionRecord;
  readonly data: Bytes;
  /** True if `data` is a key exchange. */
  readonly kex: boolean;
  /** To be wiped after the commit. */
  readonly spent: readonly Bytes[];
}

/** Encrypts `plaintext` as the next message of `session`. */
export async function encryptInSession(
  context: SessionContext, own: DeviceIdentity, session: SessionRecord, plaintext: Uint8Array,
): Promise<SealedForDevice> {
  const { profile, provider } = context;
  const fresh = needsFreshRatchet(session.ratchet) ? await freshRatchet(context, session) : undefined;
  const step = ratchetEncrypt(provider.symmetric, profile.suite, session.ratchet, plaintext, fresh);
  // Whatever we send shows the peer our next ratchet key, so it is the heartbeat; noted here, where it is made, for one that is only due may be lost.
  const [chain] = session.ratchet.receiving;
  const answered = chain !== undefined && chain.next > heartbeatCounter ? chain.ratchetKey : session.heartbeatFor;
  const next = { ...session, ratchet: step.state, heartbeatFor: answered };
  if (session.confirmed) return { session: next, data: step.message, kex: false, spent: step.spent };
  const exchange = {
    preKeyId: session.exchange.preKeyId,
    signedPreKeyId: session.exchange.signedPreKeyId,
    identityKey: profile.writeIdentity(own.identity.publicKey),
    ephemeralKey: profile.readPublicKey(session.exchange.ephemeralKey),
    registrationId: own.address.deviceId,
  };
  return { session: next, data: profile.encodeKeyExchange(exchange, step.message), kex: true, spent: step.spent };
}

async function freshRatchet(context: SessionContext, session: SessionRecord): Promise<FreshRatchet> {
  const { curve } = context.provider;
  const keyPair = await generateKeyPair(curve, context.rng);
  const need = sendingAgreement(session.ratchet, keyPair);
  return { keyPair, agreement: await curve.x25519(need.privateKey, need.publicKey) };
}

/** What one message may still cost before it has proved authentic, over all its entries and all sessions (threats R08, L01). */
export class Effort {
  #steps: number = unprovenStepsMax;

  /** @throws CryptoError `ERR_RATCHET_TOO_MANY_SKIPPED` if that many steps along a chain are too many by now */
  spend(steps: number): void {
    if (steps > this.#steps) throw new CryptoError("ERR_RATCHET_TOO_MANY_SKIPPED", "the message costs too much before it can be checked", { details: { steps } });
    this.#steps -= steps;
  }
}

/**
 * Authenticates and decrypts `message` in `session`.
 * @throws CryptoError as `ratchetDecrypt`; nothing has changed then
 */
export async function decryptInSession(
  tx: Transaction, context: SessionContext, device: DeviceAddress, session: SessionRecord, message: RatchetMessage, effort: Effort,
): Promise<Decrypted> {
  const { symmetric, curve } = context.provider;
  const skipped = await findSkipped(tx, context, device, session, message.header);
  effort.spend(receivingSteps(session.ratchet, message.header, skipped));
  const need = receivingAgreement(session.ratchet, message.header, skipped);
  const agreement = need === undefined ? undefined : await curve.x25519(need.privateKey, need.publicKey);
  return ratchetDecrypt(symmetric, context.profile.suite, session.ratchet, message, { agreement, skipped });
}
