/** Where paging back a conversation goes on. Apart from backfill.ts, which is there with the first timeline. @module */
import type { BareJid } from "../../base/jid.js";
import type { Transaction } from "../../session/transaction.js";
import { type Backfill, encodeBackfill, loadBackfill } from "./backfill.js";
import type { MessageLog } from "./message-log.js";
import { oldest } from "./oldest.js";

/** Messages at the beginning of a conversation among which one with an id of the archive is looked for. */
const oldestLookedAt = 50;

/** Calls of {@link endBackfill} so far, by conversation. */
const ended = new WeakMap<MessageLog, Map<BareJid, number>>();

/** Where paging back goes on. */
export async function nextBackfill(tx: Transaction, log: MessageLog, conversation: BareJid): Promise<Backfill> {
  const known = await loadBackfill(tx, log, conversation);
  if (known !== undefined) return known;
  const first = await oldest(tx, log, conversation, { limit: oldestLookedAt });
  const before = first.find(({ extras }) => extras.stanzaId !== undefined)?.extras.stanzaId;
  return { complete: false, ...(before === undefined ? {} : { before }) };
}

/** Keeps the place where paging back goes on, whatever becomes of the message that it was taken from. */
export async function keepBackfill(tx: Transaction, log: MessageLog, conversation: BareJid): Promise<void> {
  const place = await nextBackfill(tx, log, conversation);
  if (place.before !== undefined) tx.put(log.keys.backfill(conversation), encodeBackfill(place));
}

/** Something of `conversation` is being deleted: what was deleted is not fetched again. */
export function endBackfill(tx: Transaction, log: MessageLog, conversation: BareJid): void {
  tx.put(log.keys.backfill(conversation), encodeBackfill({ complete: true }));
  const counts = ended.get(log) ?? new Map<BareJid, number>();
  ended.set(log, counts.set(conversation, deletions(log, conversation) + 1));
}

/** Calls of {@link endBackfill}, told at once and not behind the commit: what was fetched before one must not be written behind it. */
export const deletions = (log: MessageLog, conversation: BareJid): number => ended.get(log)?.get(conversation) ?? 0;
