/** The devices of an account as an application shows them: listed or on record, with key and trust. @module */
import type { BareJid } from "../base/jid.js";
import { fingerprint } from "../crypto/fingerprint.js";
import type { SessionContext } from "./context.js";
import { loadDeviceList } from "./device-list.js";
import type { KnownDevice } from "./outcome.js";
import type { OwnDevice } from "./own-device.js";
import { parseDeviceId, type DeviceId } from "./ports.js";
import { decodeDevice, type DeviceRecord } from "./records/device-record.js";
import type { Transaction } from "./transaction.js";
import type { TrustStore } from "./trust/trust-store.js";

/** Sorted by device id. */
export async function knownDevices(
  tx: Transaction, context: SessionContext, trust: TrustStore, own: OwnDevice, jid: BareJid,
): Promise<readonly KnownDevice[]> {
  const active = new Set((await loadDeviceList(tx, context, jid))?.map((device) => device.id));
  const prefix = context.keys.devicePrefix(jid);
  const records = new Map<DeviceId, DeviceRecord>();
  for (const row of await tx.list({ prefix })) {
    const id = parseDeviceId(Number(row.key.slice(prefix.length)));
    if (id !== undefined) records.set(id, decodeDevice(row.value));
  }
  const ids = [...new Set([...active, ...records.keys()])].sort((a, b) => a - b);
  const devices: KnownDevice[] = [];
  for (const id of ids) devices.push(await describe(tx, trust, own, { jid, deviceId: id }, active.has(id), records.get(id)));
  return devices;
}

async function describe(
  tx: Transaction, trust: TrustStore, own: OwnDevice, device: KnownDevice["device"], active: boolean, record: DeviceRecord | undefined,
): Promise<KnownDevice> {
  const self = device.jid === own.address.jid && device.deviceId === own.address.deviceId;
  if (self) return { device, active, self, fingerprint: fingerprint(own.identity.publicKey), identityKey: own.identity.publicKey };
  if (record === undefined) return { device, active, self };
  const key = record.identityKey;
  const offered = record.offeredKey;
  return {
    device, active, self, fingerprint: fingerprint(key), identityKey: key,
    trust: (await trust.stateOf(tx, device.jid, key)) ?? "undecided",
    ...(offered === undefined ? {} : { offered: {
      fingerprint: fingerprint(offered), identityKey: offered, trust: (await trust.stateOf(tx, device.jid, offered)) ?? "undecided",
    } }),
  };
}
