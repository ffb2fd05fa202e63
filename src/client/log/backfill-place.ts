/** Where paging back a conversation goes on. Apart from backfill.ts, which is there with the first timeline. @module */
import type { BareJid } from "../../base/jid.js";
import type { Transaction } from "../../session/transaction.js";
import { type Backfill, encodeBackfill, loadBackfill } from "./backfill.js";
import { oldestWhole } from "./damaged.js";
import type { MessageLog } from "./message-log.js";

/** Messages at the beginning of a conversation among which one with an id of the archive is looked for. */
const oldestLookedAt = 50;

/** Where paging back goes on. @throws ClientError `ERR_RECORD_INVALID` */
export async function nextBackfill(tx: Transaction, log: MessageLog, conversation: BareJid): Promise<Backfill> {
  const known = await loadBackfill(tx, log, conversation);
  if (known !== undefined) return known;
  const oldest = await oldestWhole(tx, log, conversation, { limit: oldestLookedAt }, () => undefined);
  const before = oldest.find(({ extras }) => extras.stanzaId !== undefined)?.extras.stanzaId;
  return { complete: false, ...(before === undefined ? {} : { before }) };
}

/** Keeps the place where paging back goes on, whatever becomes of the message that it was taken from. @throws as {@link nextBackfill} */
export async function keepBackfill(tx: Transaction, log: MessageLog, conversation: BareJid): Promise<void> {
  const place = await nextBackfill(tx, log, conversation);
  if (place.before !== undefined) tx.put(log.keys.backfill(conversation), encodeBackfill(place));
}
