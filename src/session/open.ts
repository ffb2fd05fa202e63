/**
 * Receiving: from an encrypted message to its content, or to a typed reason why not.
 * Spec: XEP-0384 v0.9 #usecases-messagereceive; docs/protocol.md 2.5, 2.6, 4.1, 5.2, 5.5; threats R02-R07, R11, R15-R17, R20, V03.
 * A failure of ratchet or key exchange writes nothing. Once the ratchet message was good its step is written, whatever
 * payload and envelope turn out to be, with one exception (`finish`). Not here: deduplication by stanza id, the stanza around (client/).
 * @module
 */
import { equalBytes, wipe } from "../base/bytes.js";
import type { BareJid } from "../base/jid.js";
import { keyEntriesTriedMax, oneTimePreKeysCount } from "../base/limits.js";
import { fingerprint } from "../crypto/fingerprint.js";
import type { EncryptedKey, EncryptedMessage } from "./encrypted-message.js";
import type { OpenFailureCode } from "./errors.js";
import type { FollowUpLimits } from "./follow-ups.js";
import type { FollowUp, OpenOutcome, SenderSecurity } from "./outcome.js";
import { usedSincePublication } from "./own-bundle.js";
import type { DeviceAddress } from "./ports.js";
import { readEnvelope, type EnvelopeOutcome } from "./sce.js";
import type { MessageDeps } from "./seal.js";
import { receiveKeyMaterial, type ChangedKey, type Received, type Reception } from "./receive.js";
import { loadDevice } from "./session-records.js";
import { Effort } from "./session-step.js";
import type { Transaction } from "./transaction.js";

/** What a message is opened with: who sent it, and the unencrypted facts around it. */
export interface OpenInput {
  /** Bare real address of the sender; the own account for a carbon of another own device. */
  readonly sender: BareJid;
  readonly message: EncryptedMessage;
  readonly context: {
    readonly kind: "chat";
    /** Bare `to` of the stanza. */
    readonly to?: BareJid;
    /** Milliseconds since 1970: the delay stamp of an archived or delayed message. */
    readonly stanzaTime?: number;
  };
}

/** What opening needs beside {@link MessageDeps}. */
export interface OpenDeps extends MessageDeps {
  readonly limits: FollowUpLimits;
  /** Who may learn that this device is in use (docs/protocol.md 5.2); own account and people written to may in any case. */
  readonly isContact: (jid: BareJid) => boolean;
  /** A message of this device was good: it is in use, whatever the list says. */
  readonly noticeSender: (tx: Transaction, device: DeviceAddress) => Promise<void>;
}

/** Opens one message within `tx`. Never throws for anything that a sender can cause. */
export async function openMessage(tx: Transaction, deps: OpenDeps, input: OpenInput): Promise<OpenOutcome> {
  const { own, context } = deps;
  const { message } = input;
  const device: DeviceAddress = { jid: input.sender, deviceId: message.sid };
  if (device.jid === own.address.jid && device.deviceId === own.address.deviceId) return { kind: "own-echo" };
  const entries = message.keys.filter((key) => isForUs(deps, key)).slice(0, keyEntriesTriedMax);
  if (entries.length === 0) return { kind: "not-for-this-device" };
  if (message.namespace !== context.profile.namespace) return failed(device, "ERR_SESSION_MALFORMED", []);
  const effort = new Effort();
  let refusal: Received | undefined;
  for (const [i, entry] of entries.entries()) {
    if (entries.slice(0, i).some((other) => equalBytes(other.data, entry.data))) continue; // the same bytes fail the same way again
    const received = await receiveKeyMaterial(tx, deps, device, entry.data, effort);
    if (received.kind === "opened") return finish(tx, deps, input, device, received);
    if (received.kind === "changed-key") return refuseChangedKey(deps, input, device, received);
    // A duplicate explains the message; another entry's failure explains nothing more.
    if (refusal === undefined || received.kind === "duplicate") refusal = received;
  }
  if (refusal?.kind !== "refused") return { kind: "duplicate" };
  return unopened(tx, deps, device, refusal.code);
}

/** Only our own address and device id (threats R16). In legacy nothing but the device id is written. */
function isForUs(deps: OpenDeps, key: EncryptedKey): boolean {
  const { jid, deviceId } = deps.own.address;
  return key.rid === deviceId && (key.jid === jid || deps.context.profile.namespace !== "urn:xmpp:omemo:2");
}

function failed(device: DeviceAddress, code: OpenFailureCode, followUps: readonly FollowUp[], stepKept = false): OpenOutcome {
  return { kind: "failed", code, device, stepKept, followUps };
}

/**
 * Payload and envelope: whatever they are, the ratchet step is kept (threats R06). The one exception is a new session that begins with a
 * message written under another address: somebody else's exchange was handed in as this sender's, and leaves nothing (threats E01, R15).
 */
async function finish(tx: Transaction, deps: OpenDeps, input: OpenInput, device: DeviceAddress, received: Reception): Promise<OpenOutcome> {
  const { identityKey } = received;
  tx.afterCommit(() => { wipe(received.plaintext); });
  const envelope = readPayload(deps, input, received.plaintext);
  if (received.accepted && envelope.kind === "refused" && envelope.code === "ERR_ENVELOPE_FROM") return failed(device, envelope.code, []);
  await received.keep();
  await deps.noticeSender(tx, device);
  const followUps = await answers(tx, deps, device, received);
  if (envelope.kind === "refused") return failed(device, envelope.code, followUps, true);
  const attributed = envelope.kind === "content" && envelope.attributed;
  // Who holds the key has proved it, but not yet that the key belongs to this address: only the envelope or a bundle tells (threats R26).
  const trust = attributed ? await deps.trust.see(tx, device, identityKey) : ((await deps.trust.stateOf(tx, device.jid, identityKey)) ?? "undecided");
  const security: SenderSecurity = { device, fingerprint: fingerprint(identityKey), trust };
  if (envelope.kind === "none") return { kind: "empty", ...security, followUps };
  const { content, sentAt, timeSuspicious } = envelope;
  return { kind: "content", content, timeSuspicious, ...(sentAt === undefined ? {} : { sentAt }), ...security, followUps };
}

/** What was written under another address tells nothing about this sender's keys. */
async function refuseChangedKey(deps: OpenDeps, input: OpenInput, device: DeviceAddress, received: ChangedKey): Promise<OpenOutcome> {
  const envelope = readPayload(deps, input, received.plaintext);
  wipe(received.plaintext);
  if (envelope.kind === "refused" && envelope.code === "ERR_ENVELOPE_FROM") return failed(device, envelope.code, []);
  await received.record();
  return failed(device, "ERR_SESSION_IDENTITY_CHANGED", []);
}

type Reading = EnvelopeOutcome | { readonly kind: "none" } | { readonly kind: "refused"; readonly code: "ERR_PAYLOAD_INVALID" };

function readPayload(deps: OpenDeps, input: OpenInput, ratchetPlaintext: Uint8Array): Reading {
  const { context } = deps;
  const { message } = input;
  // Nothing is looked at and nothing is given out when there is no payload (threats R20).
  if (message.payload === undefined) return { kind: "none" };
  const plaintext = context.profile.openPayload(context.provider.symmetric, ratchetPlaintext, message.payload, message.iv);
  if (plaintext === undefined) return { kind: "refused", code: "ERR_PAYLOAD_INVALID" };
  const outgoing = input.sender === context.account; // written by another device of ours
  const envelope = readEnvelope(deps.codec, plaintext, {
    sender: input.sender,
    expectedTo: outgoing ? (input.context.to ?? context.account) : context.account,
    toRequired: false,
    stanzaTime: input.context.stanzaTime ?? context.clock.now(),
  });
  wipe(plaintext);
  return envelope;
}

/** Empty messages that a good message calls for: to complete a key exchange, or as a heartbeat. */
async function answers(tx: Transaction, deps: OpenDeps, device: DeviceAddress, received: Reception): Promise<readonly FollowUp[]> {
  const followUps: FollowUp[] = [];
  const reason = received.accepted ? "key-exchange-accepted" : received.heartbeatDue ? "heartbeat" : undefined;
  if (received.preKeyUsed) followUps.push(...await republication(tx, deps, device.jid));
  if (reason !== undefined && await mayLearn(tx, deps, device.jid) && mayAnswer(tx, deps, device, reason)) {
    followUps.push({ kind: "send-empty", device, reason, needsPlan: false });
  }
  return followUps;
}

/** A fresh bundle, if a prekey of the published one was used. That a stranger learns of us by it counts less than that nobody finds a prekey (threats R24, V03). */
async function republication(tx: Transaction, deps: OpenDeps, jid: BareJid): Promise<readonly FollowUp[]> {
  const used = await usedSincePublication(tx, deps.context);
  if (used === 0) return [];
  const hurried = used > oneTimePreKeysCount / 2 || await mayLearn(tx, deps, jid);
  return [{ kind: "republish-bundle", ...(hurried ? {} : { unhurried: true }) }];
}

// Errors that tell of a sender who believes in a session that we do not have (docs/protocol.md 5.5). An exchange that was altered is one of another
// device, or was made into one before it came as this one's.
const sessionMissing: ReadonlySet<OpenFailureCode> = new Set<OpenFailureCode>([
  "ERR_SESSION_NONE", "ERR_SESSION_UNKNOWN_PREKEY", "ERR_SESSION_KEY_EXCHANGE_ALTERED",
]);

/** A session of our own making follows, only where there is none at all: errors in an existing one never cause one (docs/protocol.md 5.3). */
async function unopened(tx: Transaction, deps: OpenDeps, device: DeviceAddress, code: OpenFailureCode): Promise<OpenOutcome> {
  const followUps: FollowUp[] = [];
  if (code === "ERR_SESSION_UNKNOWN_PREKEY") followUps.push(...await republication(tx, deps, device.jid)); // perhaps one that is used up
  const missing = sessionMissing.has(code) && (await loadDevice(tx, deps.context, device))?.current === undefined;
  if (missing && await mayLearn(tx, deps, device.jid) && mayAnswer(tx, deps, device, "no-session")) {
    followUps.push({ kind: "send-empty", device, reason: "no-session", needsPlan: true });
  }
  return failed(device, code, followUps);
}

function mayAnswer(tx: Transaction, deps: OpenDeps, device: DeviceAddress, reason: Parameters<FollowUpLimits["allow"]>[1]): boolean {
  if (!deps.limits.allow(device, reason)) return false;
  tx.onUndone(() => { deps.limits.giveBack(device, reason); });
  return true;
}

async function mayLearn(tx: Transaction, deps: OpenDeps, jid: BareJid): Promise<boolean> {
  return jid === deps.context.account || deps.isContact(jid) || (await deps.trust.owner(tx, jid)).writtenTo;
}
