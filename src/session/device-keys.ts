/**
 * Which identity key belongs to a device id, and what happens when another one turns up under it.
 * Spec: docs/protocol.md 1.8, 6.1; threats R05, T07: the old key and its sessions stay, the new one waits for a decision.
 * @module
 */
import { equalBytes } from "../base/bytes.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { SessionContext } from "./context.js";
import { loadDeviceList } from "./device-list.js";
import type { DeviceAddress } from "./ports.js";
import type { DeviceRecord } from "./records/device-record.js";
import { dropDevice, loadDevices, newDevice, saveDevice } from "./session-records.js";
import type { Transaction } from "./transaction.js";
import type { TrustState } from "./trust/policy.js";
import type { TrustStore } from "./trust/trust-store.js";

/** What judging keys needs. */
export interface KeyDeps {
  readonly context: SessionContext;
  readonly trust: TrustStore;
}

/**
 * The changed key of a device, once the user has authenticated it: from then on the old session is not sent on. Never the key of another
 * device that the account lists: that one has it still, and by relabelling its messages a server would make this one deaf (threats R05).
 */
export async function acceptedReplacement(
  tx: Transaction, deps: KeyDeps, address: DeviceAddress, device: DeviceRecord | undefined,
): Promise<IdentityKey | undefined> {
  const offered = device?.offeredKey;
  if (offered === undefined || (await deps.trust.stateOf(tx, address.jid, offered)) !== "authenticated") return undefined;
  const listed = (await loadDeviceList(tx, deps.context, address.jid)) ?? [];
  const others = listed.flatMap(({ id }) => (id === address.deviceId ? [] : [{ jid: address.jid, deviceId: id }]));
  const devices = await loadDevices(tx, deps.context, others);
  return devices.some((other) => other !== undefined && equalBytes(other.identityKey, offered)) ? undefined : offered;
}

/** Whether `key` may take the place of the one that `device` has: it was offered before, told as an event, and authenticated. */
export async function mayReplace(
  tx: Transaction, deps: KeyDeps, address: DeviceAddress, device: DeviceRecord, key: IdentityKey,
): Promise<boolean> {
  const accepted = await acceptedReplacement(tx, deps, address, device);
  return accepted !== undefined && equalBytes(accepted, key);
}

/** The outcome of {@link noticeKey}. */
export interface NoticedKey {
  readonly state: TrustState;
  /** False for a key that replaces another one and was not both offered before and authenticated: nothing is sent to it, nothing accepted from it. */
  readonly acceptable: boolean;
}

/**
 * `device`, unless it is on record with another key than `key` that nothing has ever shown to be this account's: no bundle, no envelope,
 * only a key exchange without content, which may have been anybody's (threats R26). Such a device is forgotten with its sessions.
 */
export async function unlessMistaken(
  tx: Transaction, deps: KeyDeps, address: DeviceAddress, device: DeviceRecord | undefined, key: IdentityKey,
): Promise<DeviceRecord | undefined> {
  if (device === undefined || equalBytes(device.identityKey, key)) return device;
  return (await deps.trust.stateOf(tx, address.jid, device.identityKey)) === undefined ? undefined : device;
}

/** Records the key that a bundle or key exchange shows for a device: the first one, the same one, or another one. */
export async function noticeKey(
  tx: Transaction, deps: KeyDeps, address: DeviceAddress, stored: DeviceRecord | undefined, key: IdentityKey,
): Promise<NoticedKey> {
  const device = await unlessMistaken(tx, deps, address, stored, key);
  if (device === undefined) {
    if (stored !== undefined) await dropDevice(tx, deps.context, deps.context.keys.device(address), stored);
    saveDevice(tx, deps.context, address, newDevice(key));
    return { state: await deps.trust.see(tx, address, key), acceptable: true };
  }
  if (equalBytes(device.identityKey, key)) return { state: await deps.trust.see(tx, address, key), acceptable: true };
  const state = await deps.trust.see(tx, address, key, true);
  if (device.offeredKey === undefined || !equalBytes(device.offeredKey, key)) {
    saveDevice(tx, deps.context, address, { ...device, offeredKey: key });
    deps.trust.tellChanged(tx, address, key, device.identityKey);
  }
  return { state, acceptable: await mayReplace(tx, deps, address, device, key) };
}
