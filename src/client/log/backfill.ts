/**
 * How far the archive was paged back for a conversation, and so whether the log has its beginning.
 * Not here: paging back (history.ts). Apart from it because that comes with the network, and timelines are shown without one.
 * @module
 */
import type { Bytes } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import type { Ledger } from "../../session/ledger.js";
import type { Transaction } from "../../session/transaction.js";
import { unlessDamaged } from "../damaged.js";
import { decodeJson, encodeJson, givenField, stringField } from "../json-record.js";
import type { Message } from "../message.js";
import type { LogRange } from "./committed-log.js";
import type { MessageLog } from "./message-log.js";

/** How far the archive was paged back. */
export interface Backfill {
  /** What comes next is before this id; absent: before everything that the log has. */
  readonly before?: string;
  /** Nothing older is to be fetched: the archive has no more, or what it has was deleted here. */
  readonly complete: boolean;
}

/** A page of one conversation, newest first. */
export interface HistoryPage {
  readonly messages: readonly Message[];
  /** It reaches back to the beginning: neither the log nor the archive has anything before it. */
  readonly complete: boolean;
  /** There is a connection: what the log does not have was asked for. */
  readonly asked?: true;
}

/** Which page of a conversation, from its end backwards. */
export type BackwardRange = Pick<LogRange, "before" | "limit"> & { readonly conversation: BareJid };

export const encodeBackfill = (place: Backfill): Bytes => encodeJson({ ...place });

/** `undefined`: it was never paged back. A row that cannot be read is told, and may have said that what the archive has was deleted (threats D13, D19). */
export async function loadBackfill(tx: Transaction, log: MessageLog, conversation: BareJid): Promise<Backfill | undefined> {
  const known = await unlessDamaged(async () => {
    const row = await tx.get(log.keys.backfill(conversation));
    if (row === undefined) return undefined;
    const record = decodeJson(row);
    return { complete: record["complete"] === true, ...givenField(record, "before", stringField) };
  }, log.onDamaged);
  return known === "damaged" ? { complete: true } : known;
}

/** A page of the log alone. @throws StorageError */
export async function localPage(ledger: Ledger, log: MessageLog, range: BackwardRange): Promise<HistoryPage> {
  const messages = await log.page({ ...range, reverse: true });
  return { messages, complete: await reachesBeginning(ledger, log, range, messages) };
}

/**
 * Whether nothing is before `messages`, a page of `range`. In this order: once nothing is to be fetched, nothing older comes any more.
 * @param nothingElsewhere there is no archive that could have more
 */
export async function reachesBeginning(
  ledger: Ledger, log: MessageLog, { conversation, before: end }: BackwardRange, messages: readonly Message[], nothingElsewhere = false,
): Promise<boolean> {
  if (!nothingElsewhere && (await ledger.read((tx) => loadBackfill(tx, log, conversation)))?.complete !== true) return false;
  const before = messages.at(-1)?.position ?? end;
  return (await log.page({ conversation, reverse: true, limit: 1, ...(before === undefined ? {} : { before }) })).length === 0;
}
