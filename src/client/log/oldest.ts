/** Reading a conversation from its beginning. Apart from message-log.ts, for only deletion and paging back do so. @module */
import type { BareJid } from "../../base/jid.js";
import type { Transaction } from "../../session/transaction.js";
import { passingBy } from "../damaged.js";
import type { MessageLog } from "./message-log.js";
import type { LogRecord } from "./message-record.js";

/**
 * The first messages of a conversation behind `after` and up to `last`, as the transaction would leave them: up to `limit`, fewer are the end.
 * `onDamaged` is told the position of each that cannot be read.
 */
export function oldest(
  tx: Transaction, log: MessageLog, conversation: BareJid,
  { after = -Infinity, last = log.last, limit }: { readonly after?: number; readonly last?: number; readonly limit: number }, onDamaged?: (position: number) => void,
): Promise<readonly LogRecord[]> {
  return passingBy(log.reader(tx, conversation), { first: Math.max(after + 1, log.first), last, limit }, (position) => { onDamaged?.(position); });
}
