/**
 * Rows that are not what was written, or not by this version. Each is its own matter: readers pass it by, tell it, and go on.
 * Spec: threats D13, L02. Not here: what becomes of a message on its way in (receive/receiver.ts).
 * @module
 */
import { SottoError } from "../../base/errors.js";
import type { Message } from "../message.js";
import type { TimelinePlace } from "./committed-log.js";
import type { MessageLog } from "./message-log.js";

/** Whether it is one row that cannot be read, not the store. */
export const isDamaged = (error: unknown): boolean =>
  error instanceof SottoError && (error.code === "ERR_RECORD_INVALID" || error.code === "ERR_STORE_CORRUPT");

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
 * cannot be read: a store fails the whole range for one, so the range is narrowed until that row is alone in it.
 * @throws StorageError of the store as a whole
 */
export async function placesWhole(
  log: Pick<MessageLog, "places" | "last">, after: number, limit: number, onError: (error: unknown) => void,
): Promise<readonly TimelinePlace[]> {
  try {
    return await log.places({ after, limit });
  } catch (error) {
    if (!isDamaged(error)) throw error;
  }
  const places: TimelinePlace[] = [];
  for (let from = after, span = 1; places.length < limit && from < log.last;) {
    try {
      places.push(...await log.places({ after: from, before: from + span + 1, limit: limit - places.length }));
      from += span;
      span *= 2;
    } catch (error) {
      if (!isDamaged(error)) throw error;
      if (span > 1) span /= 2;
      else {
        onError(error);
        from += 1;
      }
    }
  }
  return places;
}
