/**
 * Device lists of strangers: anybody can send us one, so only the last few are remembered. Those of the own account, of contacts, and of
 * everybody whom we have written to or decided about a key of stay. A device on record makes nobody an acquaintance: one key exchange does that.
 * Spec: none; threats H06, L02. Not here: what a list says (device-list.ts), devices on record (contact-bounds.ts).
 * @module
 */
import type { BareJid } from "../base/jid.js";
import { strangersListsMax } from "../base/limits.js";
import { isDecided } from "./contact-bounds.js";
import type { SessionContext } from "./context.js";
import { storeKey, type StoreKey } from "./ports.js";
import { decodeOwner, decodeTrust } from "./records/directory-records.js";
import { readRecord, RecordWriter } from "./records/fields.js";
import type { Transaction } from "./transaction.js";

const version = 1;

/** What tells strangers from others. */
export interface AcquaintanceDeps {
  readonly context: SessionContext;
  readonly isContact: (jid: BareJid) => boolean;
}

/** To be called after the list of `jid` was written: makes room if it is a stranger's. */
export async function boundStrangersLists(tx: Transaction, deps: AcquaintanceDeps, jid: BareJid): Promise<void> {
  const { context } = deps;
  const index = context.keys.strangersLists();
  const row = context.keys.deviceList(jid);
  if (jid === context.account || deps.isContact(jid) || !(await isStrangers(tx, context, row))) return;
  const rows = [...(await loadRows(tx, index)).filter((key) => key !== row), row];
  for (const key of rows.slice(0, -strangersListsMax)) if (await isStrangers(tx, context, key)) tx.delete(key);
  const writer = new RecordWriter(version);
  tx.put(index, writer.list(rows.slice(-strangersListsMax), (key) => { writer.text(key); }).finish());
}

/** Whether the user has had nothing to do with its owner. Asked again when it is to leave: we may have met meanwhile. */
async function isStrangers(tx: Transaction, { keys }: SessionContext, list: StoreKey): Promise<boolean> {
  const { owner, trustPrefix } = keys.ownerOfList(list);
  const row = await tx.get(owner);
  if (row !== undefined && decodeOwner(row).writtenTo) return false;
  return !(await tx.list({ prefix: trustPrefix })).some(({ value }) => isDecided(decodeTrust(value)));
}

async function loadRows(tx: Transaction, key: StoreKey): Promise<readonly StoreKey[]> {
  const row = await tx.get(key);
  return row === undefined ? [] : readRecord(row, version, (reader) => reader.list(() => storeKey(reader.text())));
}
