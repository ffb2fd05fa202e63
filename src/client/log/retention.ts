/**
 * Deletion of history: a conversation, or everything up to a time. In small commits, so that nothing else waits long; a crash in
 * between leaves less deleted and nothing broken. Messages that have not left yet stay: they are still to be sent.
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Ledger } from "../../session/ledger.js";
import type { Transaction } from "../../session/transaction.js";
import { encodeJson } from "../json-record.js";
import { positionOf, positionPart, timelinePrefix } from "./keys.js";
import type { MessageLog } from "./message-log.js";
import type { LogRecord } from "./message-record.js";

/** Messages of one commit. */
const batchMax = 100;

/** Deletes all messages with `conversation`. They are not fetched from the archive again. */
export async function deleteConversation(ledger: Ledger, log: MessageLog, conversation: BareJid): Promise<void> {
  let after = -Infinity;
  while (after !== Infinity) {
    after = await ledger.run(async (tx) => {
      tx.put(log.keys.backfill(conversation), encodeJson({ complete: true }));
      log.writeRead(tx, conversation, undefined);
      const records = await log.oldest(tx, conversation, batchMax, after);
      for (const record of records) if (hasLeft(record)) log.remove(tx, record);
      return records.at(-1)?.message.position ?? Infinity;
    });
  }
}

/** Deletes the messages that this device took in before `time`, and older history that the server stored before it. @returns how many */
export async function deleteBefore(ledger: Ledger, log: MessageLog, time: number): Promise<number> {
  let deleted = 0;
  for (let after: number | undefined = -Infinity; after !== undefined;) {
    const from: number = after;
    const batch: { readonly count: number; readonly next: number | undefined } = await ledger.run((tx) => deleteBatch(tx, log, time, from));
    deleted += batch.count;
    after = batch.next;
  }
  return deleted;
}

async function deleteBatch(tx: Transaction, log: MessageLog, time: number, after: number): Promise<{ count: number; next: number | undefined }> {
  const rows = await tx.list({ prefix: timelinePrefix, limit: batchMax, ...(after === -Infinity ? {} : { after: timelinePrefix + positionPart(after) }) });
  let count = 0;
  for (const { key } of rows) {
    const position = positionOf(key);
    const record = await log.record(tx, position);
    if (record === undefined) continue;
    const { receivedAt, archivedAt = receivedAt } = record.message;
    const old = (position > 0 ? receivedAt : archivedAt) < time;
    if (old && hasLeft(record)) {
      log.remove(tx, record);
      count += 1;
    }
    // Positions above zero are in the order in which messages came: the rest is younger.
    if (!old && position > 0) return { count, next: undefined };
  }
  const last = rows.at(-1);
  return { count, next: last === undefined ? undefined : positionOf(last.key) };
}

function hasLeft({ message: { delivery } }: LogRecord): boolean {
  return delivery === undefined || (delivery.state !== "stored" && delivery.state !== "sealed");
}
