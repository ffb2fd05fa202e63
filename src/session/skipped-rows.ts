/**
 * Skipped message keys in the store: one row each, bounded per session by the ratchet and in total here.
 * Spec: omemo.md 2.3; threats R08, R09.
 * Not here: which keys are skipped (crypto/double-ratchet/step.ts).
 * @module
 */
import { skippedKeysTotalMax } from "../base/limits.js";
import { decodeSkippedKey, encodeSkippedKey, type SkippedChanges, type SkippedKey, type SkippedKeyRef } from "../crypto/double-ratchet/skipped-keys.js";
import type { SessionContext } from "./context.js";
import type { DeviceAddress } from "./ports.js";
import { decodeDevice, decodeSession, encodeDevice, encodeSession, type SessionRecord } from "./records/device-record.js";
import { readRecord, RecordWriter } from "./records/fields.js";
import type { Transaction } from "./transaction.js";

const version = 1;

/** The stored key of one message. A session that holds none costs no read. */
export async function findSkipped(
  tx: Transaction, context: SessionContext, device: DeviceAddress, session: SessionRecord, ref: SkippedKeyRef,
): Promise<SkippedKey | undefined> {
  if (session.ratchet.skippedCount === 0) return undefined;
  const row = await tx.get(context.keys.skippedKey(device, session.number, ref));
  return row === undefined ? undefined : decodeSkippedKey(row);
}

/** Applies what a receiving step did. The session's record, with its new count, is written by the caller. */
export async function applySkipped(
  tx: Transaction, context: SessionContext, device: DeviceAddress, session: number, changes: SkippedChanges,
): Promise<void> {
  const { keys } = context;
  if (changes.used !== undefined) tx.delete(keys.skippedKey(device, session, changes.used));
  if (changes.evictOldest > 0) {
    const rows = (await tx.list({ prefix: keys.skippedPrefix(device, session) })).map((row) => ({ key: row.key, age: decodeSkippedKey(row.value).sequence }));
    rows.sort((a, b) => a.age - b.age);
    for (const row of rows.slice(0, changes.evictOldest)) tx.delete(row.key);
  }
  for (const key of changes.added) tx.put(keys.skippedKey(device, session, key), encodeSkippedKey(key));
  const delta = changes.added.length - changes.evictOldest - (changes.used === undefined ? 0 : 1);
  if (delta !== 0) await addToTotal(tx, context, delta);
}

/** Deletes all skipped keys of a session that ends. */
export async function dropSkipped(tx: Transaction, context: SessionContext, prefix: string): Promise<void> {
  const rows = await tx.list({ prefix });
  for (const row of rows) tx.delete(row.key);
  if (rows.length > 0) await addToTotal(tx, context, -rows.length);
}

async function total(tx: Transaction, context: SessionContext): Promise<number> {
  const row = await tx.get(context.keys.skippedTotal());
  return row === undefined ? 0 : readRecord(row, version, (reader) => reader.uint(6));
}

async function addToTotal(tx: Transaction, context: SessionContext, delta: number): Promise<void> {
  const sum = Math.max(0, (await total(tx, context)) + delta);
  tx.put(context.keys.skippedTotal(), new RecordWriter(version).uint(6, sum).finish());
}

/**
 * Keeps the sum over all sessions bounded: the oldest sessions lose their skipped keys first. Reads every session, but
 * only when the cap is passed, and then makes room for a tenth of it. To be called after the session was written.
 * @param cap for tests; the default is the limit of base/limits.ts
 */
export async function enforceSkippedTotal(tx: Transaction, context: SessionContext, cap: number = skippedKeysTotalMax): Promise<void> {
  let sum = await total(tx, context);
  if (sum <= cap) return;
  const room = Math.floor(cap * 0.9);
  const holders = await skippedHolders(tx, context);
  holders.sort((a, b) => a.createdAt - b.createdAt);
  for (const holder of holders) {
    if (sum <= room) break;
    sum -= holder.count;
    await dropSkipped(tx, context, holder.prefix);
    await holder.forget();
  }
}

interface SkippedHolder {
  readonly createdAt: number;
  readonly count: number;
  readonly prefix: string;
  /** Sets the count in the session's record to 0. */
  forget(): Promise<void>;
}

const withoutSkipped = (session: SessionRecord): SessionRecord => ({ ...session, ratchet: { ...session.ratchet, skippedCount: 0 } });

async function skippedHolders(tx: Transaction, context: SessionContext): Promise<SkippedHolder[]> {
  const holders: SkippedHolder[] = [];
  const { keys } = context;
  for (const { key, value } of await tx.list({ prefix: keys.allDevicesPrefix() })) {
    const device = decodeDevice(value);
    const { current } = device;
    if (current !== undefined && current.ratchet.skippedCount > 0) {
      holders.push({
        createdAt: current.createdAt,
        count: current.ratchet.skippedCount,
        prefix: keys.skippedPrefixOfRow(key, current.number),
        forget: async () => { tx.put(key, encodeDevice({ ...device, current: withoutSkipped(current) })); },
      });
    }
    for (const entry of device.archived) {
      const row = keys.archivedSessionOfRow(key, entry.number);
      const stored = await tx.get(row);
      const session = stored === undefined ? undefined : decodeSession(stored);
      if (session === undefined || session.ratchet.skippedCount === 0) continue;
      holders.push({
        createdAt: session.createdAt,
        count: session.ratchet.skippedCount,
        prefix: keys.skippedPrefixOfRow(key, session.number),
        forget: async () => { tx.put(row, encodeSession(withoutSkipped(session))); },
      });
    }
  }
  return holders;
}
