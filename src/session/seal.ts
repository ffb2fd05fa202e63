/**
 * Sending: one payload, and its key for every device that may have it.
 * Spec: XEP-0384 v0.9 #usecases-messagesend; docs/protocol.md 4.4; threats R14, R20, T01, T04, C09.
 * Trust is decided for all devices before the first ratchet moves: a send that reaches nobody uses up no key. New states
 * are in the transaction before any bytes are returned. Not here: the network (planner.ts), the stanza (client/).
 * @module
 */
import { Breather } from "../base/breather.js";
import { equalBytes, wipe } from "../base/bytes.js";
import type { BareJid } from "../base/jid.js";
import type { XmlElement } from "../base/xml.js";
import { fingerprint } from "../crypto/fingerprint.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { VerifiedBundle } from "../crypto/x3dh/bundle.js";
import { boundContactRows } from "./contact-bounds.js";
import type { SessionContext } from "./context.js";
import { acceptedReplacement, noticeKey } from "./device-keys.js";
import type { EncryptedKey, EncryptedMessage } from "./encrypted-message.js";
import type { BundleAnswer, DeviceReport, SealOutcome, SendPlan } from "./outcome.js";
import type { DeviceIdentity } from "./own-device.js";
import type { DeviceAddress, EnvelopeCodec } from "./ports.js";
import { keysOf, type DeviceRecord } from "./records/device-record.js";
import { writeEnvelope } from "./sce.js";
import { beginSession } from "./session-builder.js";
import { isStale, loadDevice, loadDevices, makeCurrent, newDevice, saveSession } from "./session-records.js";
import { encryptInSession } from "./session-step.js";
import type { Transaction } from "./transaction.js";
import type { TrustStore } from "./trust/trust-store.js";

/** What sealing and opening are made of. */
export interface MessageDeps {
  readonly context: SessionContext;
  readonly own: DeviceIdentity;
  readonly trust: TrustStore;
  readonly codec: EnvelopeCodec;
}

/** A device that gets the message: with a session, or with a bundle to make one. */
interface Target {
  readonly address: DeviceAddress;
  readonly key: IdentityKey;
  readonly bundle: VerifiedBundle | undefined;
}

/** What becomes of one device of the plan. */
interface Choice {
  /** `undefined` if it gets nothing. */
  readonly target: Target | undefined;
  readonly report: DeviceReport;
  /** It had a session when the plan was made, and has none since a reset or a decision about its key. */
  readonly unplanned: boolean;
}

/** Encrypts `content` for every trusted device of the plan. */
export async function sealMessage(
  tx: Transaction, deps: MessageDeps, plan: SendPlan, content: readonly XmlElement[], to: BareJid,
): Promise<SealOutcome> {
  const { context } = deps;
  const choices = await choose(tx, deps, plan, to);
  const report = choices.map((choice) => choice.report);
  // With a fresh plan the message reaches that device as well; what goes out without it never does.
  if (choices.some(({ unplanned }) => unplanned)) return { kind: "no-device", retryable: true, report };
  const wanted = plan.recipients.filter((recipient) => recipient.jid !== context.account || to === context.account);
  const theirs = choices.filter((choice) => wanted.some(({ jid }) => jid === choice.report.device.jid));
  if (theirs.every(({ target }) => target === undefined)) {
    const unlisted = wanted.some((recipient) => recipient.list === "unavailable");
    if (!unlisted && wanted.every((recipient) => recipient.devices.length === 0)) return { kind: "no-omemo", report };
    return { kind: "no-device", retryable: unlisted || theirs.some((choice) => choice.report.result === "unavailable"), report };
  }
  const plaintext = writeEnvelope(context, deps.codec, content, to);
  const sealed = context.profile.sealPayload(context.provider.symmetric, context.rng, plaintext);
  const keys: EncryptedKey[] = [];
  const breather = new Breather(context.clock);
  for (const { target } of choices) {
    if (target !== undefined) keys.push(await sealForDevice(tx, deps, target, sealed.ratchetPlaintext));
    await breather.pause();
  }
  tx.afterCommit(() => { wipe(sealed.ratchetPlaintext, plaintext); });
  await deps.trust.markWrittenTo(tx, to);
  return {
    kind: "sealed",
    message: {
      namespace: context.profile.namespace, sid: deps.own.address.deviceId, keys, payload: sealed.payload,
      ...(sealed.iv === undefined ? {} : { iv: sealed.iv }),
    },
    report,
  };
}

/**
 * An empty message for one device: it serves the session and carries nothing, so trust is not asked - except that a key
 * which replaced a known one gets nothing before a decision (threats R05). `undefined` if there is no way to that device.
 */
export async function sealEmptyMessage(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, plan: SendPlan | undefined,
): Promise<EncryptedMessage | undefined> {
  const { context } = deps;
  const device = await loadDevice(tx, context, address);
  const answer = plan?.recipients.find((recipient) => recipient.jid === address.jid)?.devices.find((entry) => entry.id === address.deviceId)?.bundle;
  const choice = await chooseDevice(tx, deps, address, device, answer);
  const target = device?.current === undefined ? choice.candidate : { address, key: device.identityKey, bundle: undefined };
  if (target === undefined) return undefined;
  const empty = context.profile.emptyPayload(context.rng);
  const key = await sealForDevice(tx, deps, target, empty.ratchetPlaintext);
  return {
    namespace: context.profile.namespace, sid: deps.own.address.deviceId, keys: [key],
    ...(empty.iv === undefined ? {} : { iv: empty.iv }),
  };
}

/** A device of the plan. */
interface PlannedDevice {
  readonly address: DeviceAddress;
  readonly bundle: BundleAnswer | undefined;
}

async function choose(tx: Transaction, deps: MessageDeps, plan: SendPlan, to: BareJid): Promise<readonly Choice[]> {
  const entries = plan.recipients.flatMap((recipient) =>
    recipient.devices.map((entry) => ({ address: { jid: recipient.jid, deviceId: entry.id }, bundle: entry.bundle })));
  const self = deps.own.address;
  const others = entries.filter(({ address }) => address.jid !== self.jid || address.deviceId !== self.deviceId);
  const devices = await readAhead(tx, deps, others, to);
  const choices: Choice[] = [];
  for (const [i, { address, bundle }] of others.entries()) {
    const { candidate, report } = await chooseDevice(tx, deps, address, devices[i], bundle);
    const { result } = report;
    choices.push({ target: result === "encrypted" ? candidate : undefined, report, unplanned: result === "unavailable" && bundle === undefined });
  }
  const newcomers = new Set(others.filter((_, i) => devices[i] === undefined).map(({ address }) => address.jid));
  for (const jid of newcomers) {
    const planned = others.filter(({ address }) => address.jid === jid).map(({ address }) => address.deviceId);
    await boundContactRows(tx, deps.context, jid, new Set(planned));
  }
  return choices;
}

/** All that choosing and sealing will read, in two reads whatever the number of devices: their rows name the keys to look up. */
async function readAhead(
  tx: Transaction, deps: MessageDeps, others: readonly PlannedDevice[], to: BareJid,
): Promise<readonly (DeviceRecord | undefined)[]> {
  const { keys } = deps.context;
  const addresses = others.map(({ address }) => address);
  await tx.getMany([...addresses.map((address) => keys.device(address)), ...[to, ...addresses.map(({ jid }) => jid)].map((jid) => keys.owner(jid))]);
  const devices = await loadDevices(tx, deps.context, addresses);
  await deps.trust.readAhead(tx, others.flatMap(({ address: { jid }, bundle }, i) => {
    const shown = bundle?.kind === "bundle" ? [bundle.bundle.identity] : [];
    return [...keysOf(devices[i]), ...shown].map((key) => [jid, key] as const);
  }));
  return devices;
}

/** Whether and how a device can get content; `candidate` is how, whatever trust says. */
async function chooseDevice(
  tx: Transaction, deps: MessageDeps, address: DeviceAddress, device: DeviceRecord | undefined, answer: BundleAnswer | undefined,
): Promise<{ readonly candidate: Target | undefined; readonly report: DeviceReport }> {
  const replacement = await acceptedReplacement(tx, deps, address, device);
  const shown = answer?.kind === "bundle" ? answer.bundle.identity : undefined;
  const showsKnown = device !== undefined && shown !== undefined && equalBytes(device.identityKey, shown);
  const renewed = showsKnown && isStale(deps.context, device); // by its own device only: another key would wait, and the old session stays (threats R05)
  if (device?.current !== undefined && replacement === undefined && !renewed) {
    const key = device.identityKey;
    const state = await deps.trust.stateOf(tx, address.jid, key);
    if (state !== undefined) return judged(deps, { address, key, bundle: undefined }, state);
    // A session whose peer has proved to have the key, but not that the key is this account's: the bundle tells (threats R26).
  }
  if (answer?.kind !== "bundle") return { candidate: undefined, report: { device: address, result: answer?.kind ?? "unavailable" } };
  const { bundle } = answer;
  if (await deps.trust.isOwnElsewhere(tx, address.jid, bundle.identity)) return { candidate: undefined, report: { device: address, result: "bad-bundle" } };
  const { state, acceptable } = await noticeKey(tx, deps, address, device, bundle.identity);
  // A bundle that shows the known key tells that nothing has replaced it, whatever was offered and accepted.
  const inSession = showsKnown && device.current !== undefined && !renewed;
  const noticed = judged(deps, { address, key: bundle.identity, bundle: inSession ? undefined : bundle }, state);
  if (acceptable) return noticed;
  // Another key under a known device gets nothing without a decision, whatever the policy thinks of its state (threats R05).
  const result = state === "distrusted" ? "untrusted" : "undecided";
  return { candidate: undefined, report: { ...noticed.report, result } };
}

function judged(deps: MessageDeps, target: Target, state: Awaited<ReturnType<TrustStore["see"]>>): { readonly candidate: Target; readonly report: DeviceReport } {
  const result = deps.trust.mayReceive(state) ? "encrypted" : state === "distrusted" ? "untrusted" : "undecided";
  return { candidate: target, report: { device: target.address, fingerprint: fingerprint(target.key), result } };
}

async function sealForDevice(tx: Transaction, deps: MessageDeps, target: Target, plaintext: Uint8Array): Promise<EncryptedKey> {
  const { context, own } = deps;
  const { address } = target;
  const stored = (await loadDevice(tx, context, address)) ?? newDevice(target.key);
  const replaced = !equalBytes(stored.identityKey, target.key);
  const device = replaced ? { ...stored, identityKey: target.key, offeredKey: undefined } : stored;
  const usable = target.bundle === undefined ? device.current : undefined;
  const session = usable ?? (await beginSession(context, own, target.bundle as VerifiedBundle, device.nextSession));
  const sealed = await encryptInSession(context, own, session, plaintext);
  if (usable === undefined) await makeCurrent(tx, context, address, device, sealed.session);
  else saveSession(tx, context, address, device, sealed.session);
  tx.afterCommit(() => { wipe(...sealed.spent); });
  return { jid: address.jid, rid: address.deviceId, kex: sealed.kex, data: sealed.data };
}
