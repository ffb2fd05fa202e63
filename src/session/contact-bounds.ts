/**
 * What others can make us store: devices that nobody lists and keys that no device has are counted per account, and the
 * oldest leave. What the user has decided about, in either direction, is never forgotten, and a listed device stays as long
 * as it is listed (the list itself is bounded). So an account has at most 512 listed devices, 64 others, those of keys that
 * were decided about, and as many keys, two for each device, and 64.
 * Spec: none; threats L02, H06, T02, T14. Not here: archived sessions (session-records.ts), skipped keys (skipped-rows.ts).
 * @module
 */
import { utf8Decode } from "../base/bytes.js";
import type { BareJid } from "../base/jid.js";
import { unlistedDevicesPerContactMax, unusedKeysPerContactMax } from "../base/limits.js";
import type { SessionContext } from "./context.js";
import { loadDeviceList } from "./device-list.js";
import type { StoreKey } from "./ports.js";
import { decodeDevice, keysOf } from "./records/device-record.js";
import { decodeTrust, type TrustRecord } from "./records/directory-records.js";
import { dropDevice } from "./session-records.js";
import type { Transaction } from "./transaction.js";

/** The bounds, for tests; the defaults are the limits of base/limits.ts. */
export interface ContactBounds {
  readonly devices: number;
  readonly keys: number;
}

const defaultBounds: ContactBounds = { devices: unlistedDevicesPerContactMax, keys: unusedKeysPerContactMax };

/**
 * Makes room after devices or keys of `jid` were recorded for the first time. `keep`: ids of devices that the caller is about
 * to write again. Decodes no device before a bound is passed.
 */
export async function boundContactRows(
  tx: Transaction, context: SessionContext, jid: BareJid, keep: ReadonlySet<number>, bounds: ContactBounds = defaultBounds,
): Promise<void> {
  await dropOldDevices(tx, context, jid, keep, bounds.devices);
  await dropUnusedKeys(tx, context, jid, bounds.keys);
}

async function dropOldDevices(tx: Transaction, context: SessionContext, jid: BareJid, keep: ReadonlySet<number>, max: number): Promise<void> {
  const prefix = context.keys.devicePrefix(jid);
  const listed = new Set<number>((await loadDeviceList(tx, context, jid))?.map((device) => device.id));
  const rows = (await tx.list({ prefix })).map((row) => ({ ...row, id: Number(row.key.slice(prefix.length)) }));
  if (rows.filter(({ id }) => !listed.has(id)).length <= max) return;
  const trust = await trustRows(tx, context, jid);
  const devices = rows.map(({ key, value, id }) => {
    const device = decodeDevice(value);
    const keys = keysOf(device).map((identity) => context.keys.trust(jid, identity));
    return { key, id, device, keys, since: device.current?.createdAt ?? trust.get(keys[0] as StoreKey)?.since ?? 0 };
  }).sort((a, b) => a.since - b.since);
  // One row keeps a decided key: if every row with that key stayed, somebody could replay the key under ever new device ids.
  const held = new Set(devices.filter(({ id }) => listed.has(id)).flatMap(({ keys }) => keys));
  const open = devices.filter(({ id, keys }) => {
    if (listed.has(id)) return false;
    const keepsDecision = keys.some((name) => isDecided(trust.get(name)) && !held.has(name));
    if (keepsDecision) for (const name of keys) held.add(name);
    return !keepsDecision;
  });
  const evictable = open.filter(({ id }) => !keep.has(id));
  for (const { key, device } of evictable.slice(0, Math.max(0, open.length - max))) await dropDevice(tx, context, key, device);
}

async function dropUnusedKeys(tx: Transaction, context: SessionContext, jid: BareJid, max: number): Promise<void> {
  const open = [...await trustRows(tx, context, jid)].filter(([, record]) => !isDecided(record));
  if (open.length <= max) return;
  const used = new Set<StoreKey>();
  for (const prefix of context.keys.devicePrefixesOfAllVersions(jid)) {
    for (const row of await tx.list({ prefix })) {
      for (const identity of keysOf(decodeDevice(row.value))) used.add(context.keys.trust(jid, identity));
    }
  }
  const unused = open.filter(([key]) => !used.has(key)).sort(([, a], [, b]) => a.since - b.since);
  for (const [key] of unused.slice(0, Math.max(0, unused.length - max))) await forgetKey(tx, context, jid, key);
}

async function forgetKey(tx: Transaction, context: SessionContext, jid: BareJid, key: StoreKey): Promise<void> {
  tx.delete(key);
  const holder = context.keys.holderOfTrust(key);
  const row = await tx.get(holder);
  if (row !== undefined && utf8Decode(row) === jid) tx.delete(holder);
}

async function trustRows(tx: Transaction, context: SessionContext, jid: BareJid): Promise<ReadonlyMap<StoreKey, TrustRecord>> {
  const rows = await tx.list({ prefix: context.keys.trustPrefix(jid) });
  return new Map(rows.map((row) => [row.key, decodeTrust(row.value)]));
}

/** A distrusted key must stay on record too: forgotten, it would be new and perhaps trusted again (threats T07). */
export const isDecided = (record: TrustRecord | undefined): boolean => record?.state === "authenticated" || record?.state === "distrusted";
