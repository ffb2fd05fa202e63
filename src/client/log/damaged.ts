/**
 * Rows that are not what was written, or not by this version. Each is its own matter: readers pass it by, tell it, and go on.
 * Spec: threats D13, L02. Not here: what becomes of a message on its way in (receive/receiver.ts).
 * @module
 */
import { SottoError } from "../../base/errors.js";
import type { BareJid } from "../../base/jid.js";
import type { Transaction } from "../../session/transaction.js";
import type { Message } from "../message.js";
import type { TimelinePlace } from "./committed-log.js";
import type { MessageLog } from "./message-log.js";
import type { LogRecord } from "./message-record.js";

/** Whether it is one row that cannot be read, not the store. */
export const isDamaged = (error: unknown): boolean =>
  error instanceof SottoError && (error.code === "ERR_RECORD_INVALID" || error.code === "ERR_STORE_CORRUPT");

/** What `read` gives, or that it met a row that cannot be read. */
export async function unlessDamaged<T>(read: () => Promise<T>): Promise<T | "damaged"> {
  try {
    return await read();
  } catch (error) {
    if (!isDamaged(error)) throw error;
    return "damaged";
  }
}

/** The committed messages at `places` that can be read; `onError` is told of each that cannot. @throws StorageError of the store as a whole */
export async function readWhole(
  log: Pick<MessageLog, "read">, places: readonly TimelinePlace[], onError: (error: unknown) => void,
): Promise<readonly Message[]> {
  try {
    return await log.read(places);
  } catch (error) {
    if (!isDamaged(error)) throw error;
  }
  const messages: Message[] = [];
  for (const place of places) {
    try {
      messages.push(...await log.read([place]));
    } catch (error) {
      if (!isDamaged(error)) throw error;
      onError(error);
    }
  }
  return messages;
}

/**
 * Up to `limit` places behind `after`, which is a position; fewer are the end of the log. `onError` is told of each row of the index that
 * cannot be read.
 * @throws StorageError of the store as a whole
 */
export async function placesWhole(
  log: Pick<MessageLog, "places" | "first" | "last">, after: number, limit: number, onError: (error: unknown) => void,
): Promise<readonly TimelinePlace[]> {
  return passingBy((range) => log.places(range), { after, first: log.first, last: log.last, limit }, (_, error) => { onError(error); });
}

/**
 * As {@link MessageLog.oldest}, behind `after` and up to `last`: up to `limit` records, fewer are the end. `onDamaged` is told the position of
 * each that cannot be read.
 * @throws StorageError of the store as a whole
 */
export async function oldestWhole(
  tx: Transaction, log: Pick<MessageLog, "oldest" | "first" | "last">, conversation: BareJid,
  { after = -Infinity, last = log.last, limit }: { readonly after?: number; readonly last?: number; readonly limit: number }, onDamaged: (position: number) => void,
): Promise<readonly LogRecord[]> {
  return passingBy((range) => log.oldest(tx, conversation, range), { after, first: log.first, last, limit }, onDamaged);
}

interface Bounds {
  readonly after: number;
  readonly first: number;
  readonly last: number;
  readonly limit: number;
}

/**
 * Up to `limit` rows that are numbered, behind `after`. A store fails the whole range for one row, so the range is narrowed until that row is
 * alone in it; `onDamaged` is told of it. Fewer are the end.
 * @throws StorageError of the store as a whole
 */
export async function passingBy<T>(
  read: (range: { readonly after: number; readonly before: number; readonly limit: number }) => Promise<readonly T[]>,
  { after, first, last, limit }: Bounds, onDamaged: (number: number, error: unknown) => void,
): Promise<readonly T[]> {
  const begin = Math.max(after, first - 1);
  try {
    return await read({ after: begin, before: last + 1, limit });
  } catch (error) {
    if (!isDamaged(error)) throw error;
  }
  const found: T[] = [];
  for (let from = begin, span = 1; found.length < limit && from < last;) {
    try {
      found.push(...await read({ after: from, before: Math.min(from + span, last) + 1, limit: limit - found.length }));
      from += span;
      span *= 2;
    } catch (error) {
      if (!isDamaged(error)) throw error;
      if (span > 1) span /= 2;
      else {
        onDamaged(from + 1, error);
        from += 1;
      }
    }
  }
  return found;
}
