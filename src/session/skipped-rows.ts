/**
 * Skipped message keys in the store: one row each, bounded per session by the ratchet and in total here.
 * Spec: docs/protocol.md 2.3; threats R08, R09.
 * Not here: which keys are skipped (crypto/double-ratchet/step.ts).
 * @module
 */
import { skippedKeysTotalMax } from "../base/limits.js";
import { decodeSkippedKey, encodeSkippedKey, type SkippedChanges, type SkippedKey, type SkippedKeyRef } from "../crypto/double-ratchet/skipped-keys.js";
import type { SessionContext } from "./context.js";
import type { DeviceAddress, StoreKey } from "./ports.js";
import { decodeDevice, decodeSession, encodeDevice, encodeSession, type SessionRecord } from "./records/device-record.js";
import { readRecord, RecordWriter } from "./records/fields.js";
import type { Transaction } from "./transaction.js";

const version = 1;

/** The stored key of one message. A session that holds none costs no read. */
export async function findSkipped(
  tx: Transaction, context: SessionContext, device: DeviceAddress, session: SessionRecord, ref: SkippedKeyRef,
): Promise<SkippedKey | undefined> {
  if (session.ratchet.skippedCount === 0) return undefined;
  const row = await tx.get(context.keys.skippedKey(context.keys.device(device), session.number, ref));
  return row === undefined ? undefined : decodeSkippedKey(row);
}

/** Applies what a receiving step did. The session's record, with its new count, is written by the caller. */
export async function applySkipped(
  tx: Transaction, context: SessionContext, device: DeviceAddress, session: number, changes: SkippedChanges,
): Promise<void> {
  const { keys } = context;
  const row = keys.device(device);
  let delta = changes.added.length;
  if (changes.used !== undefined) {
    tx.delete(keys.skippedKey(row, session, changes.used));
    delta -= 1;
  }
  if (changes.evictOldest > 0) {
    const rows = (await tx.list({ prefix: keys.skippedPrefix(row, session) })).map(({ key, value }) => ({ key, age: decodeSkippedKey(value).sequence }));
    rows.sort((a, b) => a.age - b.age);
    const oldest = rows.slice(0, changes.evictOldest);
    for (const { key } of oldest) tx.delete(key);
    delta -= oldest.length;
  }
  for (const key of changes.added) tx.put(keys.skippedKey(row, session, key), encodeSkippedKey(key));
  if (delta !== 0) await addToTotal(tx, context, delta);
}

/** Deletes all skipped keys of a session that ends. */
export async function dropSkipped(tx: Transaction, context: SessionContext, prefix: string): Promise<void> {
  const rows = await tx.list({ prefix });
  for (const row of rows) tx.delete(row.key);
  if (rows.length > 0) await addToTotal(tx, context, -rows.length);
}

/**
 * Never less than there are rows, but perhaps more: a peer that uses a ratchet key again makes us overwrite rows, and they are not read to see
 * that. It is its own account then that holds most.
 */
async function total(tx: Transaction, context: SessionContext): Promise<number> {
  const row = await tx.get(context.keys.skippedTotal());
  return row === undefined ? 0 : readRecord(row, version, (reader) => reader.uint(6));
}

async function addToTotal(tx: Transaction, context: SessionContext, delta: number): Promise<void> {
  setTotal(tx, context, Math.max(0, (await total(tx, context)) + delta));
}

function setTotal(tx: Transaction, context: SessionContext, sum: number): void {
  tx.put(context.keys.skippedTotal(), new RecordWriter(version).uint(6, sum).finish());
}

/**
 * Keeps the sum over all sessions bounded: whoever's devices hold most lose skipped keys first, of their oldest session, so that no stranger drives
 * out what contacts have sent and is late. Reads every session, but only when the cap is passed, and then there is room for a tenth of it: nobody
 * gets us to count at every message. To be called after the session was written.
 * @param cap for tests; the default is the limit of base/limits.ts
 */
export async function enforceSkippedTotal(tx: Transaction, context: SessionContext, cap: number = skippedKeysTotalMax): Promise<void> {
  if ((await total(tx, context)) <= cap) return;
  const room = Math.floor(cap * 0.9);
  const holders = await skippedHolders(tx, context);
  const held = new Map<string, number>();
  const heldBy = ({ account }: SkippedHolder): number => held.get(account) ?? 0;
  let sum = 0;
  for (const holder of holders) {
    sum += holder.count;
    held.set(holder.account, heldBy(holder) + holder.count);
  }
  holders.sort((a, b) => heldBy(b) - heldBy(a) || a.createdAt - b.createdAt);
  for (const holder of holders) {
    if (sum <= room) break;
    sum -= holder.count;
    await dropSkipped(tx, context, holder.prefix);
    holder.forget();
  }
  setTotal(tx, context, sum);
}

interface SkippedHolder {
  /** The part of the rows' keys that names it. */
  readonly account: string;
  readonly createdAt: number;
  /** As the session's record says, which may be more than there are. */
  readonly count: number;
  readonly prefix: string;
  /** Sets the count in the session's record to 0. */
  forget(): void;
}

const withoutSkipped = (session: SessionRecord): SessionRecord => ({ ...session, ratchet: { ...session.ratchet, skippedCount: 0 } });

async function skippedHolders(tx: Transaction, { keys }: SessionContext): Promise<SkippedHolder[]> {
  const holders: SkippedHolder[] = [];
  const note = (device: StoreKey, session: SessionRecord, forget: SkippedHolder["forget"]): void => {
    const { createdAt, number, ratchet: { skippedCount: count } } = session;
    if (count > 0) holders.push({ account: device.slice(0, device.lastIndexOf("/")), createdAt, count, prefix: keys.skippedPrefix(device, number), forget });
  };
  for (const { key, value } of await tx.list({ prefix: keys.allDevicesPrefix() })) {
    const device = decodeDevice(value);
    const { current } = device;
    if (current !== undefined) note(key, current, () => { tx.put(key, encodeDevice({ ...device, current: withoutSkipped(current) })); });
    for (const entry of device.archived) {
      const row = keys.archivedSession(key, entry.number);
      const stored = await tx.get(row);
      if (stored === undefined) continue;
      const session = decodeSession(stored);
      note(key, session, () => { tx.put(row, encodeSession(withoutSkipped(session))); });
    }
  }
  return holders;
}
