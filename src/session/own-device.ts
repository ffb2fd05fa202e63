/**
 * This device: its identity and id, made once and loaded ever after.
 * Spec: XEP-0384 v0.9 #usecases-setup (random device id), docs/protocol.md 1.2 (identity with sign bit 0), 4.3 (id taken: draw another).
 * Not here: prekeys (own-bundle.ts), publishing (announcer.ts).
 * @module
 */
import type { BareJid } from "../base/jid.js";
import { retiredDeviceIdsMax } from "../base/limits.js";
import { randomInteger, type Rng } from "../base/rng.js";
import { generateIdentityKeyPair, identityKeyPairFromSeed, type IdentityKeyPair } from "../crypto/identity-key.js";
import type { SessionContext } from "./context.js";
import { SessionError } from "./errors.js";
import type { DeviceAddress, DeviceId } from "./ports.js";
import { decodeDeviceIds, decodeOwnDevice, encodeDeviceIds, encodeOwnDevice, type OwnDeviceRecord } from "./records/own-records.js";
import type { Transaction } from "./transaction.js";

/** This device with its keys at hand. */
export interface DeviceIdentity {
  readonly record: OwnDeviceRecord;
  readonly address: DeviceAddress;
  readonly identity: IdentityKeyPair;
}

const drawDeviceId = (rng: Rng): DeviceId => randomInteger(rng, 1, 0x7fff_ffff) as DeviceId; // in range by construction

const addressOf = (jid: BareJid, deviceId: DeviceId): DeviceAddress => ({ jid, deviceId });

/**
 * Loads the own device, or makes a new one.
 * @throws SessionError `ERR_OWN_DEVICE_MISMATCH` if the store belongs to another account, `ERR_RECORD_INVALID`
 */
export async function openOwnDevice(tx: Transaction, context: SessionContext): Promise<DeviceIdentity> {
  const row = await tx.get(context.keys.ownDevice());
  if (row === undefined) return createOwnDevice(tx, context);
  const record = decodeOwnDevice(row);
  if (record.account !== context.account) {
    throw new SessionError("ERR_OWN_DEVICE_MISMATCH", "the store belongs to another account");
  }
  const identity = await identityKeyPairFromSeed(context.provider, record.seed);
  return { record, address: addressOf(record.account, record.deviceId), identity };
}

async function createOwnDevice(tx: Transaction, context: SessionContext): Promise<DeviceIdentity> {
  const identity = await generateIdentityKeyPair(context.provider, context.rng);
  const record: OwnDeviceRecord = {
    account: context.account,
    deviceId: drawDeviceId(context.rng),
    seed: identity.seed,
    createdAt: context.clock.now(),
    announced: false,
  };
  return storeOwnDevice(tx, context, { record, identity });
}

function storeOwnDevice(tx: Transaction, context: SessionContext, own: Pick<DeviceIdentity, "record" | "identity">): DeviceIdentity {
  tx.put(context.keys.ownDevice(), encodeOwnDevice(own.record));
  return { ...own, address: addressOf(own.record.account, own.record.deviceId) };
}

/** Another random id, before the first announcement only: somebody on our list has the one that we drew. */
export function redrawDeviceId(tx: Transaction, context: SessionContext, own: DeviceIdentity, taken: ReadonlySet<number>): DeviceIdentity {
  let deviceId = drawDeviceId(context.rng);
  while (taken.has(deviceId)) deviceId = drawDeviceId(context.rng);
  return storeOwnDevice(tx, context, { ...own, record: { ...own.record, deviceId } });
}

/** Another id in place of a published one, which is to leave our device list. */
export async function retireDeviceId(tx: Transaction, context: SessionContext, own: DeviceIdentity): Promise<DeviceIdentity> {
  const retired = new Set([...(await retiredDeviceIds(tx, context)), own.address.deviceId].slice(-retiredDeviceIdsMax));
  tx.put(context.keys.retiredDevices(), encodeDeviceIds([...retired]));
  const unannounced = { ...own, record: { ...own.record, announced: false } };
  return redrawDeviceId(tx, context, unannounced, retired);
}

/** Ids that this store once had and must never have again. */
export async function retiredDeviceIds(tx: Transaction, context: SessionContext): Promise<readonly DeviceId[]> {
  const row = await tx.get(context.keys.retiredDevices());
  return row === undefined ? [] : decodeDeviceIds(row);
}

/** Remembers that our id is in a published list. */
export function markAnnounced(tx: Transaction, context: SessionContext, own: DeviceIdentity): DeviceIdentity {
  return storeOwnDevice(tx, context, { ...own, record: { ...own.record, announced: true } });
}
