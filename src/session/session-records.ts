/**
 * The sessions of one device in the store: which is current, which are archived, and how they change places.
 * Spec: docs/protocol.md 2.5, 2.6; threats R12 (archived sessions decrypt for a bounded time and number), Q18: by time they are only
 * not used, rows go by number, so that no clock that jumps deletes anything.
 * Not here: making sessions (session-builder.ts), using them (session-step.ts).
 * @module
 */
import { archivedSessionAgeMsMax, archivedSessionsMax, signedPreKeyRotationMs } from "../base/limits.js";
import type { SessionContext } from "./context.js";
import type { DeviceAddress, StoreKey } from "./ports.js";
import {
  decodeDevice, decodeSession, encodeDevice, encodeSession, type ArchivedEntry, type DeviceRecord, type SessionRecord,
} from "./records/device-record.js";
import { dropSkipped } from "./skipped-rows.js";
import type { Transaction } from "./transaction.js";

/** A device of which only the identity key is known yet. */
export function newDevice(identityKey: DeviceRecord["identityKey"]): DeviceRecord {
  return { identityKey, offeredKey: undefined, nextSession: 1, current: undefined, archived: [] };
}

/**
 * Whether the session we would send on has gone unanswered for so long that its peer may have no prekey of it any more: then each further message
 * would be unreadable, for ever (threats R14). A fresh bundle is better, if there is one.
 */
export function isStale(context: SessionContext, { current }: DeviceRecord): boolean {
  return current?.confirmed === false && context.clock.now() - current.createdAt > signedPreKeyRotationMs;
}

/** Reads devices in the order asked, in one read. */
export async function loadDevices(
  tx: Transaction, context: SessionContext, addresses: readonly DeviceAddress[],
): Promise<readonly (DeviceRecord | undefined)[]> {
  const rows = await tx.getMany(addresses.map((address) => context.keys.device(address)));
  return rows.map((row) => (row === undefined ? undefined : decodeDevice(row)));
}

/** One device. */
export async function loadDevice(tx: Transaction, context: SessionContext, address: DeviceAddress): Promise<DeviceRecord | undefined> {
  return (await loadDevices(tx, context, [address]))[0];
}

/** Writes the row of a device. */
export function saveDevice(tx: Transaction, context: SessionContext, address: DeviceAddress, device: DeviceRecord): void {
  tx.put(context.keys.device(address), encodeDevice(device));
}

/** Archived sessions that may still decrypt, newest first. */
export async function loadArchived(
  tx: Transaction, context: SessionContext, address: DeviceAddress, device: DeviceRecord,
): Promise<readonly SessionRecord[]> {
  const alive = device.archived.filter((entry) => isAlive(entry, context.clock.now()));
  const row = context.keys.device(address);
  const rows = await tx.getMany(alive.map((entry) => context.keys.archivedSession(row, entry.number)));
  return rows.filter((row) => row !== undefined).map(decodeSession);
}

/** Makes `session` current and archives the one before; without one there is none to send on: the manual reset (docs/protocol.md 5.3). */
export async function makeCurrent(
  tx: Transaction, context: SessionContext, address: DeviceAddress, device: DeviceRecord, session: SessionRecord | undefined,
): Promise<void> {
  const row = context.keys.device(address);
  const number = session?.number ?? 0;
  let archived: readonly ArchivedEntry[] = device.archived.filter((entry) => entry.number !== number);
  if (archived.length !== device.archived.length) tx.delete(context.keys.archivedSession(row, number));
  if (device.current !== undefined) {
    tx.put(context.keys.archivedSession(row, device.current.number), encodeSession(device.current));
    archived = [archivedEntry(context, device.current), ...archived];
  }
  saveDevice(tx, context, address, {
    ...device, current: session, archived: await withinBounds(tx, context, row, archived), nextSession: Math.max(device.nextSession, number + 1),
  });
}

/** Not before the session began: a clock that stands earlier is behind, or was ahead then, and nothing may end early for it (threats Q18). */
function archivedEntry(context: SessionContext, { number, createdAt }: SessionRecord): ArchivedEntry {
  return { number, archivedAt: Math.max(context.clock.now(), createdAt) };
}

/** What of `archived`, newest first, is kept (threats R12), whatever time it is (threats Q18); the rows of the others go. */
async function withinBounds(
  tx: Transaction, context: SessionContext, device: StoreKey, archived: readonly ArchivedEntry[],
): Promise<readonly ArchivedEntry[]> {
  const now = context.clock.now();
  for (const { number } of archived.slice(archivedSessionsMax)) await dropSession(tx, context, device, number);
  const kept: ArchivedEntry[] = [];
  for (const entry of archived.slice(0, archivedSessionsMax)) {
    // What was archived while the clock was ahead must not live by as much longer.
    const row = entry.archivedAt <= now ? undefined : await tx.get(context.keys.archivedSession(device, entry.number));
    kept.push(row === undefined ? entry : archivedEntry(context, decodeSession(row)));
  }
  return kept;
}

/** Writes a session back to where it lies. */
export function saveSession(
  tx: Transaction, context: SessionContext, address: DeviceAddress, device: DeviceRecord, session: SessionRecord,
): void {
  if (device.current?.number === session.number) saveDevice(tx, context, address, { ...device, current: session });
  else tx.put(context.keys.archivedSession(context.keys.device(address), session.number), encodeSession(session));
}

async function dropSession(tx: Transaction, context: SessionContext, device: StoreKey, number: number): Promise<void> {
  tx.delete(context.keys.archivedSession(device, number));
  await dropSkipped(tx, context, context.keys.skippedPrefix(device, number));
}

/** Removes a device with all its sessions and skipped keys. `row` is the key of its row. */
export async function dropDevice(tx: Transaction, context: SessionContext, row: StoreKey, device: DeviceRecord): Promise<void> {
  for (const { number } of [...device.archived, ...(device.current === undefined ? [] : [device.current])]) await dropSession(tx, context, row, number);
  tx.delete(row);
}

function isAlive(entry: ArchivedEntry, now: number): boolean {
  return now - entry.archivedAt <= archivedSessionAgeMsMax;
}
