/**
 * A new device in place of this one, after its state was found to be an old copy: the identity stays, the device id, all sessions and
 * all prekeys are new, so that no key that the lost state has used can be used again.
 * Spec: docs/protocol.md 5.6; threats R21, R23, B01. Not here: noticing (client/rollback/), publishing (announcer.ts).
 * @module
 */
import type { SessionContext } from "./context.js";
import { loadDeviceList, rememberDeviceList } from "./device-list.js";
import { renewBundle } from "./own-bundle.js";
import { retireDeviceId, type DeviceIdentity } from "./own-device.js";
import { decodeDevice, encodeDevice } from "./records/device-record.js";
import type { Transaction } from "./transaction.js";

/** Writes the new device; what others' keys are and what was decided about them stays. */
export async function renewDevice(tx: Transaction, context: SessionContext, own: DeviceIdentity): Promise<DeviceIdentity> {
  for (const prefix of context.keys.sessionPrefixes()) {
    for (const { key } of await tx.list({ prefix })) tx.delete(key);
  }
  for (const { key, value } of await tx.list({ prefix: context.keys.allDevicesPrefix() })) {
    tx.put(key, encodeDevice({ ...decodeDevice(value), current: undefined, archived: [] }));
  }
  tx.delete(context.keys.skippedTotal());
  const renewed = await retireDeviceId(tx, context, own);
  await renewBundle(tx, context, renewed);
  // The former id is no other device of ours that a message could be for.
  const listed = await loadDeviceList(tx, context, context.account);
  if (listed !== undefined) await rememberDeviceList(tx, context, context.account, listed.filter((device) => device.id !== own.address.deviceId));
  return renewed;
}
