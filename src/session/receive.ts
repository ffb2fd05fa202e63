/**
 * One key of a message: which session it belongs to, the ratchet step, and what becomes of sessions and prekeys.
 * Spec: docs/protocol.md 2.5 (known and new key exchanges), 2.6 (promotion), 5.2 (heartbeat); threats R02-R06, R11-R15.
 * Writes nothing by itself: what an authentic message changes is written by whoever has looked at the rest of it too.
 * Not here: payload and envelope (open.ts).
 * @module
 */
import { equalBytes, wipe, type Bytes } from "../base/bytes.js";
import { exchangesPerPreKeyMax, exchangesPerPreKeyOfAccountMax, heartbeatCounter } from "../base/limits.js";
import { CryptoError } from "../crypto/errors.js";
import type { Decrypted } from "../crypto/double-ratchet/step.js";
import type { RatchetMessage } from "../crypto/double-ratchet/suite.js";
import { identityKeyFromCurve, toCurve, type IdentityKey } from "../crypto/identity-key.js";
import { boundContactRows } from "./contact-bounds.js";
import { mayReplace, noticeKey, unlessMistaken } from "./device-keys.js";
import type { OpenFailureCode } from "./errors.js";
import { findPreKeys, markPreKeyUsed } from "./own-bundle.js";
import type { DeviceAddress } from "./ports.js";
import type { KeyExchange, KeyMaterial, RemoteIdentity } from "./profile.js";
import type { DeviceRecord, SessionRecord } from "./records/device-record.js";
import type { MessageDeps } from "./seal.js";
import { acceptSession } from "./session-builder.js";
import { dropDevice, loadArchived, loadDevice, makeCurrent, newDevice, saveSession } from "./session-records.js";
import { decryptInSession, type Effort } from "./session-step.js";
import { applySkipped, enforceSkippedTotal } from "./skipped-rows.js";
import type { Transaction } from "./transaction.js";

/** An authentic message. */
export interface Reception {
  readonly kind: "opened";
  /** Puts the step into the transaction; to be called before anything else is done with the message, unless it is to leave no trace. */
  keep(): Promise<void>;
  readonly plaintext: Bytes;
  /** Ed25519 form of the key that the session stands on. */
  readonly identityKey: IdentityKey;
  /** A new session was made from a key exchange. */
  readonly accepted: boolean;
  /** A one-time prekey left the bundle. */
  readonly preKeyUsed: boolean;
  /** A message with n ≥ 53 under a ratchet key that nothing was sent for since (XEP-0384 #rules). */
  readonly heartbeatDue: boolean;
}

/** An authentic key exchange of a known device with another identity key: not accepted before a decision (threats R05). */
export interface ChangedKey {
  readonly kind: "changed-key";
  readonly plaintext: Bytes;
  /** Records the key as one that waits. */
  record(): Promise<void>;
}

/** The outcome for one key. */
export type Received = Reception | ChangedKey | { readonly kind: "duplicate" } | { readonly kind: "refused"; readonly code: OpenFailureCode };

const refused = (code: OpenFailureCode): Received => ({ kind: "refused", code });

/** Processes the bytes of one `<key/>`; they alone decide what it is (threats R17). */
export async function receiveKeyMaterial(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, data: Uint8Array, effort: Effort,
): Promise<Received> {
  try {
    const material = deps.context.profile.decodeKeyMaterial(data);
    if (material === undefined) return refused("ERR_SESSION_MALFORMED");
    if (!mayBeAuthentic(deps, material.message)) return refused("ERR_CRYPTO_DECRYPT");
    const device = await loadDevice(tx, deps.context, address);
    return material.kind === "message"
      ? await receiveMessage(tx, deps, address, device, material.message, effort)
      : await receiveKeyExchange(tx, deps, address, device, material, effort);
  } catch (error) {
    if (!(error instanceof CryptoError) || error.code === "ERR_SNAPSHOT_INVALID") throw error; // our own store is broken
    return error.code === "ERR_RATCHET_DUPLICATE" ? { kind: "duplicate" } : refused(error.code);
  }
}

/** What costs nothing to see: the lengths of MAC and ciphertext (threats L01). */
function mayBeAuthentic(deps: MessageDeps, { mac, ciphertext }: RatchetMessage): boolean {
  return mac.length === deps.context.profile.suite.macLength && ciphertext.length > 0 && ciphertext.length % 16 === 0;
}

/** Tries the session that knows the ratchet key, or else the current one, then archived ones, newest first. */
async function receiveMessage(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord | undefined, message: RatchetMessage, effort: Effort,
): Promise<Received> {
  if (device === undefined) return refused("ERR_SESSION_NONE");
  let firstError: CryptoError | undefined;
  const sessions = await allSessions(tx, deps, address, device);
  const knowing = sessions.find((session) => session.ratchet.receiving.some((chain) => equalBytes(chain.ratchetKey, message.header.ratchetKey)));
  for (const session of knowing === undefined ? sessions : [knowing]) {
    try {
      const step = await decryptInSession(tx, deps.context, address, session, message, effort);
      return receivedStep(tx, deps, address, device, session, step);
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      // Our own key: no other session has anything to say about it. Otherwise our own store is broken.
      if (error.code === "ERR_RATCHET_OWN_KEY" || error.code === "ERR_SNAPSHOT_INVALID") throw error;
      firstError ??= error;
    }
  }
  if (firstError !== undefined) throw firstError;
  return refused("ERR_SESSION_NONE");
}

async function allSessions(tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord): Promise<readonly SessionRecord[]> {
  const archived = await loadArchived(tx, deps.context, address, device);
  return device.current === undefined ? archived : [device.current, ...archived];
}

async function receiveKeyExchange(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord | undefined,
  material: Extract<KeyMaterial, { kind: "key-exchange" }>, effort: Effort,
): Promise<Received> {
  const { profile } = deps.context;
  const { exchange, message } = material;
  const remote = profile.readIdentity(exchange.identityKey);
  // Nobody else has our identity: what carries it was reflected, or made to look like a contact's (threats R15).
  if (equalBytes(remote.curve, deps.own.identity.curvePublicKey)) return refused("ERR_SESSION_OWN_KEY");
  const known = device === undefined ? undefined : (await allSessions(tx, deps, address, device)).find((session) => isSameExchange(session, exchange));
  if (device !== undefined && known !== undefined) {
    if (!matches(known, exchange, remote)) return refused("ERR_SESSION_KEY_EXCHANGE_ALTERED");
    const step = await decryptInSession(tx, deps.context, address, known, message, effort);
    return receivedStep(tx, deps, address, device, known, step);
  }
  const key = identityOf(remote, device);
  if (await deps.trust.isOwnElsewhere(tx, address.jid, key)) return refused("ERR_SESSION_OWN_KEY");
  return receiveNewSession(tx, deps, { address, stored: device, key, remote }, exchange, message, effort);
}

/** The Ed25519 form. Legacy does not transmit the sign bit: there the key we know is the same if its curve form is. */
function identityOf(remote: Pick<RemoteIdentity, "identity" | "curve">, device: DeviceRecord | undefined): IdentityKey {
  if (remote.identity !== undefined) return remote.identity;
  const known = device?.identityKey;
  return known !== undefined && equalBytes(toCurve(known), remote.curve) ? known : identityKeyFromCurve(remote.curve, 0);
}

const isSameExchange = (session: SessionRecord, exchange: KeyExchange): boolean =>
  session.ratchet.role === "responder" && equalBytes(session.exchange.ephemeralKey, exchange.ephemeralKey);

/** A known ephemeral key must come with everything it came with before (docs/protocol.md 2.5, step 1). */
function matches(session: SessionRecord, exchange: KeyExchange, remote: RemoteIdentity): boolean {
  return session.exchange.preKeyId === exchange.preKeyId &&
    session.exchange.signedPreKeyId === exchange.signedPreKeyId &&
    equalBytes(session.ratchet.remoteIdentity, remote.wire);
}

/** Whoever a new key exchange claims to come from. */
interface Claimant {
  readonly address: DeviceAddress;
  readonly stored: DeviceRecord | undefined;
  readonly key: IdentityKey;
  readonly remote: RemoteIdentity;
}

async function receiveNewSession(
  tx: Transaction, deps: MessageDeps, { address, stored, key, remote }: Claimant,
  exchange: KeyExchange, message: RatchetMessage, effort: Effort,
): Promise<Received> {
  const { context } = deps;
  const preKeys = await findPreKeys(tx, context, exchange.signedPreKeyId, exchange.preKeyId);
  if (preKeys === undefined) return refused("ERR_SESSION_UNKNOWN_PREKEY");
  const { uses } = preKeys.preKey;
  // Sender and device id around a key exchange are not authenticated, and its session may be gone: without this, a server could deliver
  // one exchange again and again, each time as another device's (threats R04, L02).
  const earlier = uses.find((use) => equalBytes(use.ephemeralKey, exchange.ephemeralKey));
  if (earlier !== undefined) {
    return earlier.device === context.keys.device(address) ? { kind: "duplicate" } : refused("ERR_SESSION_KEY_EXCHANGE_ALTERED");
  }
  // Nobody fills a prekey alone: others may have drawn it as well (threats R24).
  const ofAccount = uses.filter(({ device }) => device.startsWith(context.keys.devicePrefix(address.jid)));
  if (uses.length >= exchangesPerPreKeyMax || ofAccount.length >= exchangesPerPreKeyOfAccountMax) return refused("ERR_SESSION_UNKNOWN_PREKEY");
  const known = await unlessMistaken(tx, deps, address, stored, key);
  const session = await acceptSession(context, deps.own, exchange, remote, preKeys, known?.nextSession ?? 1);
  const step = await decryptInSession(tx, context, address, session, message, effort); // throws: nothing was written
  const changed = known !== undefined && !equalBytes(known.identityKey, key);
  if (changed && !(await mayReplace(tx, deps, address, known, key))) {
    wipe(...step.spent);
    const record = async (): Promise<void> => {
      await noticeKey(tx, deps, address, known, key);
      await boundContactRows(tx, context, address.jid, new Set([address.deviceId]));
    };
    return { kind: "changed-key", plaintext: step.plaintext, record };
  }
  const next: SessionRecord = { ...session, ratchet: step.state };
  const keep = async (): Promise<void> => {
    await markPreKeyUsed(tx, context, preKeys.preKey, { ephemeralKey: exchange.ephemeralKey, device: context.keys.device(address) });
    if (stored !== undefined && known === undefined) await dropDevice(tx, context, context.keys.device(address), stored);
    const device = known ?? newDevice(key);
    await makeCurrent(tx, context, address, changed ? { ...device, identityKey: key, offeredKey: undefined } : device, next);
    await finishStep(tx, deps, address, session.number, step);
    if (stored === undefined) await boundContactRows(tx, context, address.jid, new Set([address.deviceId]));
  };
  return reception(next, step, key, { accepted: true, preKeyUsed: !preKeys.preKey.used, keep });
}

/** The step of an existing session; an archived one becomes current where the rules say so (docs/protocol.md 2.6). */
function receivedStep(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord, session: SessionRecord, step: Decrypted,
): Received {
  const next: SessionRecord = { ...session, ratchet: step.state, confirmed: true };
  const archived = device.current?.number !== session.number;
  const key = identityOfSession(deps, device, session);
  // The crossing case, or the peer obviously lives there. A late message in an old chain proves neither. A session on a
  // key that was replaced since never comes back.
  const promoted = archived && (!session.confirmed || step.advanced) && equalBytes(key, device.identityKey);
  const keep = async (): Promise<void> => {
    if (promoted) await makeCurrent(tx, deps.context, address, device, next);
    else saveSession(tx, deps.context, address, device, next);
    await finishStep(tx, deps, address, session.number, step);
  };
  return reception(next, step, key, { accepted: false, preKeyUsed: false, keep });
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

function reception(session: SessionRecord, step: Decrypted, key: IdentityKey, flags: Pick<Reception, "accepted" | "preKeyUsed" | "keep">): Reception {
  const ratchetKey = session.ratchet.remoteRatchetKey;
  const answered = ratchetKey !== undefined && session.heartbeatFor !== undefined && equalBytes(session.heartbeatFor, ratchetKey);
  return { kind: "opened", plaintext: step.plaintext, identityKey: key, ...flags, heartbeatDue: step.counter >= heartbeatCounter && !step.wasOldChain && !answered };
}
