/**
 * Device lists as they are remembered: each list replaces the one before (docs/protocol.md 4.3).
 * A malformed or oversized list is not remembered, so the last good one stays (threats T02, T03).
 * Not here: fetching (planner.ts), our own announcement (announcer.ts).
 * @module
 */
import { toHex } from "../base/bytes.js";
import { deviceListEntriesMax } from "../base/limits.js";
import type { BareJid } from "../base/jid.js";
import type { SessionContext } from "./context.js";
import type { ListedDevice } from "./ports.js";
import { decodeDeviceList, encodeDeviceList } from "./records/directory-records.js";
import type { Transaction } from "./transaction.js";

/** `undefined` if no list of that account was ever seen. */
export async function loadDeviceList(tx: Transaction, context: SessionContext, jid: BareJid): Promise<readonly ListedDevice[] | undefined> {
  const row = await tx.get(context.keys.deviceList(jid));
  return row === undefined ? undefined : decodeDeviceList(row);
}

/** Replaces the list; the first of several entries with one id counts. Returns what is valid from now on. */
export async function rememberDeviceList(
  tx: Transaction, context: SessionContext, jid: BareJid, devices: readonly ListedDevice[],
): Promise<readonly ListedDevice[]> {
  const known = await loadDeviceList(tx, context, jid);
  if (devices.length > deviceListEntriesMax) return known ?? [];
  const unique = [...new Map([...devices].reverse().map((device) => [device.id, device])).values()].reverse();
  if (known !== undefined && sameEntries(known, unique)) return known;
  tx.put(context.keys.deviceList(jid), encodeDeviceList(unique));
  context.emit(tx, { kind: "devices-changed", jid });
  return unique;
}

function sameEntries(a: readonly ListedDevice[], b: readonly ListedDevice[]): boolean {
  const text = (list: readonly ListedDevice[]): string =>
    JSON.stringify(list.map(({ id, label, labelSignature }) => [id, label, labelSignature === undefined ? undefined : toHex(labelSignature)]));
  return text(a) === text(b);
}
