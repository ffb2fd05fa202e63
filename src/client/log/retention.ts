/**
 * Deletion of history: one message, a conversation, or everything up to a time. In small commits, so that nothing else waits long; a crash in
 * between leaves less deleted and nothing broken. Messages that have not left yet stay: they are still to be sent.
 * @module
 */
import { UsageError } from "../../base/errors.js";
import type { BareJid } from "../../base/jid.js";
import type { Ledger } from "../../session/ledger.js";
import type { Transaction } from "../../session/transaction.js";
import type { Message } from "../message.js";
import { endBackfill, keepBackfill } from "./backfill-place.js";
import type { TimelinePlace } from "./committed-log.js";
import type { MessageLog } from "./message-log.js";
import type { LogRecord } from "./message-record.js";
import { oldest } from "./oldest.js";
import { removeDamaged, removeMessage, removeOne } from "./removal.js";

/** Messages of one commit. */
const batchMax = 100;
/** Messages that are looked at together. */
const pageSize = 500;

/** Deletes all messages with `conversation` that are there when it begins. They are not fetched from the archive again. */
export async function deleteConversation(ledger: Ledger, log: MessageLog, conversation: BareJid): Promise<void> {
  let last: number | undefined;
  let after = -Infinity;
  while (after !== Infinity) {
    after = await ledger.run(async (tx) => {
      const end = (last ??= log.last); // what comes meanwhile, nobody has wanted to delete
      endBackfill(tx, log, conversation);
      if (after === -Infinity) log.writeRead(tx, conversation, undefined);
      const records = await oldest(tx, log, conversation, { after, last: end, limit: batchMax }, (position) => {
        removeDamaged(tx, log, { conversation, position });
      });
      for (const record of records) if (hasLeft(record)) removeMessage(tx, log, record);
      return records.length < batchMax ? Infinity : records.at(-1)?.message.position ?? Infinity;
    });
  }
}

/**
 * Deletes one message of `conversation`. What else the archive has of it is fetched as before.
 * @returns whether it is gone; false if it has not left yet, and stays
 */
export function deleteMessage(ledger: Ledger, log: MessageLog, conversation: BareJid, position: number): Promise<boolean> {
  return ledger.run(async (tx) => {
    const record = await log.record(tx, position);
    if (record?.message.conversation !== conversation) return true;
    if (!hasLeft(record)) return false;
    await keepBackfill(tx, log, conversation);
    removeOne(tx, log, record);
    return true;
  });
}

/**
 * Deletes the messages that this device took in before `time`, and older history that the server stored before it. The whole log is looked
 * at, outside the writer queue: positions are in the order in which messages came, but clocks are set, and one that was ahead for a while
 * must not keep what came behind it.
 * @returns how many
 * @throws UsageError `ERR_INVALID_ARGUMENT` for what is no time: a rule that deletes nothing is none; ClientError `ERR_RECORD_INVALID`, StorageError
 *   `ERR_STORE_CORRUPT` for a message that cannot be read, once the others are deleted
 */
export async function deleteBefore(ledger: Ledger, log: MessageLog, time: number): Promise<number> {
  if (typeof time !== "number" || Number.isNaN(time)) throw new UsageError("ERR_INVALID_ARGUMENT", "before is a time, in milliseconds since the epoch");
  let deleted = 0;
  let damaged: { readonly error: unknown } | undefined;
  const note = (error: unknown): void => { damaged ??= { error }; };
  for (let after: number | undefined = -Infinity; after !== undefined;) {
    const places: readonly TimelinePlace[] = await log.places({ after, limit: pageSize }, note);
    const old = (await log.read(places, note)).filter((message) => isOld(message, time));
    for (let from = 0; from < old.length; from += batchMax) deleted += await ledger.run((tx) => removeAll(tx, log, old.slice(from, from + batchMax)));
    after = places.at(-1)?.position;
  }
  if (damaged !== undefined) throw damaged.error;
  return deleted;
}

const isOld = ({ position, receivedAt, archivedAt = receivedAt }: Message, time: number): boolean => (position > 0 ? receivedAt : archivedAt) < time;

/** Removes those that have left; how many. */
async function removeAll(tx: Transaction, log: MessageLog, messages: readonly Message[]): Promise<number> {
  let count = 0;
  for (const { position } of messages) {
    const record = await log.record(tx, position); // as it is now
    if (record === undefined || !hasLeft(record)) continue;
    removeMessage(tx, log, record);
    count += 1;
  }
  return count;
}

function hasLeft({ message: { delivery } }: LogRecord): boolean {
  return delivery === undefined || (delivery.state !== "stored" && delivery.state !== "sealed");
}
