/**
 * Which identity key belongs to a device id, and what happens when another one turns up under it.
 * Spec: omemo.md 1.8, 6.1; threats R05, T07: the old key and its sessions stay, the new one waits for a decision.
 * @module
 */
import { equalBytes } from "../base/bytes.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { SessionContext } from "./context.js";
import type { DeviceAddress } from "./ports.js";
import type { DeviceRecord } from "./records/device-record.js";
import { newDevice, saveDevice } from "./session-records.js";
import type { Transaction } from "./transaction.js";
import type { TrustState } from "./trust/policy.js";
import type { TrustStore } from "./trust/trust-store.js";

/** What judging keys needs. */
export interface KeyDeps {
  readonly context: SessionContext;
  readonly trust: TrustStore;
}

/** The changed key of a device, once the user has authenticated it: from then on the old session is not sent on. */
export async function acceptedReplacement(
  tx: Transaction, deps: KeyDeps, address: DeviceAddress, device: DeviceRecord | undefined,
): Promise<IdentityKey | undefined> {
  const offered = device?.offeredKey;
  if (offered === undefined) return undefined;
  return (await deps.trust.stateOf(tx, address.jid, offered)) === "authenticated" ? offered : undefined;
}

/** The outcome of {@link noticeKey}. */
export interface NoticedKey {
  readonly state: TrustState;
  /** False for a key that replaces another one and was not authenticated: nothing is sent to it, nothing accepted from it. */
  readonly acceptable: boolean;
}

/** Records the key that a bundle or key exchange shows for a device: the first one, the same one, or another one. */
export async function noticeKey(
  tx: Transaction, deps: KeyDeps, address: DeviceAddress, device: DeviceRecord | undefined, key: IdentityKey,
): Promise<NoticedKey> {
  if (device === undefined) {
    saveDevice(tx, deps.context, address, newDevice(key));
    return { state: await deps.trust.see(tx, address, key), acceptable: true };
  }
  if (equalBytes(device.identityKey, key)) return { state: await deps.trust.see(tx, address, key), acceptable: true };
  const state = await deps.trust.see(tx, address, key, device.identityKey);
  if (device.offeredKey === undefined || !equalBytes(device.offeredKey, key)) {
    saveDevice(tx, deps.context, address, { ...device, offeredKey: key });
  }
  return { state, acceptable: state === "authenticated" };
}
