/**
 * Taking messages out of the log, as part of a transaction. Apart from message-log.ts, for it is loaded when something is deleted.
 * Not here: which messages (retention.ts), where the log lies (bounds.ts).
 * @module
 */
import { utf8 } from "../../base/bytes.js";
import type { Transaction } from "../../session/transaction.js";
import type { Message } from "../message.js";
import { endBackfill } from "./backfill-place.js";
import { logBeginKey, logEndKey } from "./keys.js";
import type { MessageLog } from "./message-log.js";
import type { LogRecord } from "./message-record.js";
import type { Place } from "./sent-place.js";

/** Removes a message and everything that points to it. Nothing older of its conversation is fetched any more. */
export function removeMessage(tx: Transaction, log: MessageLog, { message, extras: { stanzaId } }: LogRecord): void {
  endBackfill(tx, log, message.conversation);
  if (message.delivery !== undefined) tx.delete(log.keys.sent(message.id));
  if (stanzaId !== undefined) {
    tx.delete(log.keys.stanzaId(stanzaId));
    // What came live comes again with its page of the archive, and must not come as new.
    if (message.position > 0) log.noteTaken(tx, stanzaId, message.receivedAt);
  }
  erase(tx, log, message, message);
}

/**
 * Removes one message. Its ids stay for good and lead to where it stood: it is not taken in or sent again under them, and what others say
 * about it still counts for those before it. Whoever calls keeps the place where paging back goes on.
 */
export function removeOne(tx: Transaction, log: MessageLog, { message }: LogRecord): void {
  log.noteSent(tx, message);
  erase(tx, log, message, message);
}

/** Removes a message that cannot be read: nobody knows what points to it. */
export function removeDamaged(tx: Transaction, log: MessageLog, place: Place): void {
  erase(tx, log, place);
}

function erase(tx: Transaction, log: MessageLog, { conversation, position }: Place, message?: Message): void {
  tx.delete(log.keys.message(conversation, position));
  tx.delete(log.keys.timeline(position));
  // Whatever are the outermost rows then: more than there are rows may have been given out (threats Q22).
  if (position > 0) tx.put(logEndKey, utf8(String(log.last)));
  else tx.put(logBeginKey, utf8(String(log.first)));
  if (message !== undefined) tx.afterCommit(() => { log.tell({ kind: "removed", message }); });
}
