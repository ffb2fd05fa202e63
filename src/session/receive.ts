/**
 * One key of a message: which session it belongs to, the ratchet step, and what becomes of sessions and prekeys.
 * Spec: omemo.md 2.5 (known and new key exchanges), 2.6 (promotion), 5.2 (heartbeat); threats R02-R06, R11-R15.
 * Writes nothing unless the ratchet message was authentic; the one exception is the record of a changed identity key (R05).
 * Not here: payload and envelope (open.ts).
 * @module
 */
import { equalBytes, wipe, type Bytes } from "../base/bytes.js";
import { heartbeatCounter } from "../base/limits.js";
import { CryptoError } from "../crypto/errors.js";
import type { Decrypted } from "../crypto/double-ratchet/step.js";
import type { RatchetMessage } from "../crypto/double-ratchet/suite.js";
import { identityKeyFromCurve, toCurve, type IdentityKey } from "../crypto/identity-key.js";
import { boundContactRows } from "./contact-bounds.js";
import { noticeKey } from "./device-keys.js";
import type { OpenFailureCode } from "./errors.js";
import { findPreKeys, markPreKeyUsed } from "./own-bundle.js";
import { parseDeviceId, type DeviceAddress } from "./ports.js";
import type { KeyExchange, KeyMaterial, RemoteIdentity } from "./profile.js";
import { decodeDevice, type DeviceRecord, type SessionRecord } from "./records/device-record.js";
import type { MessageDeps } from "./seal.js";
import { acceptSession } from "./session-builder.js";
import { loadArchived, loadDevice, makeCurrent, newDevice, saveDevice, saveSession } from "./session-records.js";
import { decryptInSession } from "./session-step.js";
import { applySkipped, enforceSkippedTotal } from "./skipped-rows.js";
import type { Transaction } from "./transaction.js";

/** An authentic message; the step is in the transaction. */
export interface Reception {
  readonly kind: "opened";
  readonly plaintext: Bytes;
  /** Ed25519 form of the key that the session stands on. */
  readonly identityKey: IdentityKey;
  /** A new session was made from a key exchange. */
  readonly accepted: boolean;
  /** A one-time prekey left the bundle. */
  readonly preKeyUsed: boolean;
  /** The first message with n ≥ 53 under its ratchet key (XEP-0384 #rules). */
  readonly heartbeatDue: boolean;
  /** Records that the heartbeat of this ratchet key is being sent. */
  markHeartbeat(): Promise<void>;
}

/** The outcome for one key. */
export type Received = Reception | { readonly kind: "duplicate" } | { readonly kind: "refused"; readonly code: OpenFailureCode };

const refused = (code: OpenFailureCode): Received => ({ kind: "refused", code });

/** Processes the bytes of one `<key/>`; they alone decide what it is (threats R17). */
export async function receiveKeyMaterial(tx: Transaction, deps: MessageDeps, address: DeviceAddress, data: Uint8Array): Promise<Received> {
  try {
    const material = deps.context.profile.decodeKeyMaterial(data);
    if (material === undefined) return refused("ERR_SESSION_MALFORMED");
    const device = await loadDevice(tx, deps.context, address);
    return material.kind === "message"
      ? await receiveMessage(tx, deps, address, device, material.message)
      : await receiveKeyExchange(tx, deps, address, device, material);
  } catch (error) {
    if (!(error instanceof CryptoError) || error.code === "ERR_SNAPSHOT_INVALID") throw error; // our own store is broken
    return error.code === "ERR_RATCHET_DUPLICATE" ? { kind: "duplicate" } : refused(error.code);
  }
}

/** Tries the current session, then archived ones, newest first. */
async function receiveMessage(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord | undefined, message: RatchetMessage,
): Promise<Received> {
  if (device === undefined) return refused("ERR_SESSION_NONE");
  let firstError: CryptoError | undefined;
  let tried = 0;
  for (const session of await allSessions(tx, deps, address, device)) {
    tried += 1;
    try {
      const step = await decryptInSession(tx, deps.context, address, session, message);
      return await keepStep(tx, deps, address, device, session, step);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      // This session knows the ratchet key, so no other one can have anything to say about the message.
      if (error.code === "ERR_RATCHET_DUPLICATE" || error.code === "ERR_RATCHET_OWN_KEY") throw error;
      firstError ??= error;
    }
  }
  if (tried === 0 || firstError === undefined) return refused("ERR_SESSION_NONE");
  return refused(firstError.code);
}

async function allSessions(tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord): Promise<readonly SessionRecord[]> {
  const archived = await loadArchived(tx, deps.context, address, device);
  return device.current === undefined ? archived : [device.current, ...archived];
}

async function receiveKeyExchange(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord | undefined,
  material: Extract<KeyMaterial, { kind: "key-exchange" }>,
): Promise<Received> {
  const { profile } = deps.context;
  const { exchange, message } = material;
  const remote = profile.readIdentity(exchange.identityKey);
  // Nobody else has our identity: what carries it was reflected, or made to look like a contact's (threats R15).
  if (equalBytes(remote.curve, deps.own.identity.curvePublicKey)) return refused("ERR_SESSION_OWN_KEY");
  const known = device === undefined ? undefined : (await allSessions(tx, deps, address, device)).find((session) => isSameExchange(session, exchange));
  if (device !== undefined && known !== undefined) {
    if (!matches(known, exchange, remote)) return refused("ERR_SESSION_KEY_EXCHANGE_ALTERED");
    const step = await decryptInSession(tx, deps.context, address, known, message);
    return keepStep(tx, deps, address, device, known, step);
  }
  return receiveNewSession(tx, deps, address, device, exchange, message, remote);
}

/** The Ed25519 form. Legacy does not transmit the sign bit: there the key we know is the same if its curve form is. */
function identityOf(remote: Pick<RemoteIdentity, "identity" | "curve">, device: DeviceRecord | undefined): IdentityKey {
  if (remote.identity !== undefined) return remote.identity;
  const known = device?.identityKey;
  return known !== undefined && equalBytes(toCurve(known), remote.curve) ? known : identityKeyFromCurve(remote.curve, 0);
}

const isSameExchange = (session: SessionRecord, exchange: KeyExchange): boolean =>
  session.ratchet.role === "responder" && equalBytes(session.exchange.ephemeralKey, exchange.ephemeralKey);

/**
 * The device id around a key exchange is not authenticated: a server could deliver one exchange again and again, each time as
 * that of another device of its sender (threats R04, L02). The session that it once made tells, even if archived.
 */
async function isExchangeOfAnother(tx: Transaction, deps: MessageDeps, address: DeviceAddress, exchange: KeyExchange): Promise<boolean> {
  const { context } = deps;
  const prefix = context.keys.devicePrefix(address.jid);
  for (const { key, value } of await tx.list({ prefix })) {
    const deviceId = parseDeviceId(Number(key.slice(prefix.length)));
    if (deviceId === undefined || deviceId === address.deviceId) continue;
    const sessions = await allSessions(tx, deps, { jid: address.jid, deviceId }, decodeDevice(value));
    if (sessions.some((session) => isSameExchange(session, exchange))) return true;
  }
  return false;
}

/** A known ephemeral key must come with everything it came with before (omemo.md 2.5, step 1). */
function matches(session: SessionRecord, exchange: KeyExchange, remote: RemoteIdentity): boolean {
  return session.exchange.preKeyId === exchange.preKeyId &&
    session.exchange.signedPreKeyId === exchange.signedPreKeyId &&
    equalBytes(session.ratchet.remoteIdentity, remote.wire);
}

async function receiveNewSession(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, stored: DeviceRecord | undefined,
  exchange: KeyExchange, message: RatchetMessage, remote: RemoteIdentity,
): Promise<Received> {
  const { context } = deps;
  const key = identityOf(remote, stored);
  const changed = stored !== undefined && !equalBytes(stored.identityKey, key);
  if (changed) {
    const { acceptable } = await noticeKey(tx, deps, address, stored, key);
    await boundContactRows(tx, context, address.jid, new Set([address.deviceId]));
    if (!acceptable) return refused("ERR_SESSION_IDENTITY_CHANGED");
  }
  if (await isExchangeOfAnother(tx, deps, address, exchange)) return refused("ERR_SESSION_KEY_EXCHANGE_ALTERED");
  const preKeys = await findPreKeys(tx, context, exchange.signedPreKeyId, exchange.preKeyId);
  if (preKeys === undefined) return refused("ERR_SESSION_UNKNOWN_PREKEY");
  const device = stored ?? newDevice(key);
  const session = await acceptSession(context, deps.own, exchange, remote, preKeys, device.nextSession);
  const step = await decryptInSession(tx, context, address, session, message); // throws: nothing was written
  await markPreKeyUsed(tx, context, preKeys.preKey);
  const next: SessionRecord = { ...session, ratchet: step.state };
  const renewed = changed ? { ...device, identityKey: key, offeredKey: undefined } : device;
  await makeCurrent(tx, context, address, renewed, next);
  await finishStep(tx, deps, address, session.number, step);
  if (stored === undefined) await boundContactRows(tx, context, address.jid, new Set([address.deviceId]));
  return reception(tx, deps, address, next, step, key, { accepted: true, preKeyUsed: !preKeys.preKey.used });
}

/** Writes the step of an existing session and lets an archived one become current where the rules say so (omemo.md 2.6). */
async function keepStep(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord, session: SessionRecord, step: Decrypted,
): Promise<Received> {
  const next: SessionRecord = { ...session, ratchet: step.state, confirmed: true };
  const archived = device.current?.number !== session.number;
  const key = identityOfSession(deps, device, session);
  // The crossing case, or the peer obviously lives there. A late message in an old chain proves neither. A session on a
  // key that was replaced since never comes back.
  const promoted = archived && (!session.confirmed || step.advanced) && equalBytes(key, device.identityKey);
  if (promoted) await makeCurrent(tx, deps.context, address, device, next);
  else saveSession(tx, deps.context, address, device, next);
  await finishStep(tx, deps, address, session.number, step);
  return reception(tx, deps, address, next, step, key, { accepted: false, preKeyUsed: false });
}

/** Without validating it anew: the state was written by ourselves. */
function identityOfSession(deps: MessageDeps, device: DeviceRecord, session: SessionRecord): IdentityKey {
  const wire = session.ratchet.remoteIdentity;
  if (deps.context.profile.suite.identityLength === 32) return wire as IdentityKey;
  return identityOf({ identity: undefined, curve: deps.context.profile.readIdentity(wire).curve }, device);
}

async function finishStep(tx: Transaction, deps: MessageDeps, address: DeviceAddress, session: number, step: Decrypted): Promise<void> {
  await applySkipped(tx, deps.context, address, session, step.skipped);
  if (step.skipped.added.length > 0) await enforceSkippedTotal(tx, deps.context);
  tx.afterCommit(() => { wipe(...step.spent); });
}

function reception(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, session: SessionRecord, step: Decrypted, key: IdentityKey,
  flags: Pick<Reception, "accepted" | "preKeyUsed">,
): Reception {
  const ratchetKey = session.ratchet.remoteRatchetKey;
  const sentBefore = ratchetKey !== undefined && session.heartbeatFor !== undefined && equalBytes(session.heartbeatFor, ratchetKey);
  return {
    kind: "opened",
    plaintext: step.plaintext,
    identityKey: key,
    ...flags,
    heartbeatDue: step.counter >= heartbeatCounter && !step.wasOldChain && !sentBefore,
    async markHeartbeat(): Promise<void> {
      const device = await loadDevice(tx, deps.context, address);
      if (device?.current?.number !== session.number) return;
      saveDevice(tx, deps.context, address, { ...device, current: { ...device.current, heartbeatFor: ratchetKey } });
    },
  };
}
