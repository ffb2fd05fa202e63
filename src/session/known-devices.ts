/** The devices of an account as an application shows them: listed or on record, with key and trust. @module */
import type { BareJid } from "../base/jid.js";
import { fingerprint } from "../crypto/fingerprint.js";
import type { IdentityKey } from "../crypto/identity-key.js";
import type { SessionContext } from "./context.js";
import { verifiedLabel } from "./device-label.js";
import { loadDeviceList } from "./device-list.js";
import type { KnownDevice } from "./outcome.js";
import type { DeviceIdentity } from "./own-device.js";
import { parseDeviceId, type DeviceId } from "./ports.js";
import { decodeDevice, keysOf, type DeviceRecord } from "./records/device-record.js";
import type { Transaction } from "./transaction.js";
import type { TrustStore } from "./trust/trust-store.js";

/** Sorted by device id. */
export async function knownDevices(
  tx: Transaction, context: SessionContext, trust: TrustStore, own: DeviceIdentity, jid: BareJid,
): Promise<readonly KnownDevice[]> {
  const listed = new Map((await loadDeviceList(tx, context, jid))?.map((device) => [device.id, device]));
  const prefix = context.keys.devicePrefix(jid);
  const records = new Map<DeviceId, DeviceRecord>();
  for (const row of await tx.list({ prefix })) {
    const id = parseDeviceId(Number(row.key.slice(prefix.length)));
    if (id !== undefined) records.set(id, decodeDevice(row.value));
  }
  await trust.readAhead(tx, [...records.values()].flatMap((record) => keysOf(record).map((key) => [jid, key] as const)));
  const ids = [...new Set([...listed.keys(), ...records.keys()])].sort((a, b) => a - b);
  const devices: KnownDevice[] = [];
  for (const id of ids) {
    const device = await describe(tx, trust, own, { jid, deviceId: id }, listed.has(id), records.get(id));
    const label = device.identityKey === undefined ? undefined : await verifiedLabel(context, device.identityKey as IdentityKey, listed.get(id));
    devices.push(label === undefined ? device : { ...device, label });
  }
  return devices;
}

async function describe(
  tx: Transaction, trust: TrustStore, own: DeviceIdentity, device: KnownDevice["device"], active: boolean, record: DeviceRecord | undefined,
): Promise<KnownDevice> {
  const self = device.jid === own.address.jid && device.deviceId === own.address.deviceId;
  if (self) return { device, active, self, fingerprint: fingerprint(own.identity.publicKey), identityKey: own.identity.publicKey };
  if (record === undefined) return { device, active, self };
  const shown = async (key: IdentityKey): Promise<Required<KnownDevice>["offered"]> =>
    ({ fingerprint: fingerprint(key), identityKey: key, trust: (await trust.stateOf(tx, device.jid, key)) ?? "undecided" });
  const { identityKey, offeredKey } = record;
  return { device, active, self, ...(await shown(identityKey)), ...(offeredKey === undefined ? {} : { offered: await shown(offeredKey) }) };
}
