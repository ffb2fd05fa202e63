/**
 * A place in an archive that it cannot read itself: asked for a page with the message in it, the server says nothing (decision 0015). It is
 * found to the second, in windows of time: they grow until one cannot be read, and shrink within it. Those that can be are read, so that all
 * before the place is taken in; then the cursor passes it, and the application is told.
 * Not here: how a window is read (catch-up.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { archiveQuietLongMs, archiveQuietMs } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import type { ClientEvent } from "../events.js";
import type { ArchiveCursor, ArchivePlace } from "./archive-cursor.js";

/** The smallest window, in milliseconds: some archives know whole seconds only. */
export const windowMsMin = 1_000;
/** Windows grow and shrink by this: silence takes seconds to notice, and an answer comes at once, so most questions should be answered. */
const factor = 16;
/** Behind it XEP-0082 has no times. */
const timeMax = 253_402_300_799_000;

/** Reads a window, both ends included; false if the archive says nothing about it for that long. All in milliseconds. */
export type ReadWindow = (start: number, end: number, quietMs: number) => Promise<boolean>;

/** A window without messages. From an archive that is slow with this one too, silence says nothing: the deadlines of pages have to decide. */
export const nothing: Parameters<ReadWindow> = [0, 0, archiveQuietMs];

export interface PassUnreadableDeps {
  readonly ledger: Ledger;
  readonly cursor: ArchiveCursor;
  readonly clock: Clock;
  readonly emit: (event: ClientEvent) => void;
}

/** Takes in what can be read behind `from`, and moves the cursor past `width` milliseconds that cannot; false if by now all of it can be. */
export async function passUnreadable({ ledger, cursor, clock, emit }: PassUnreadableDeps, { stamp = 0 }: ArchivePlace, width: number, read: ReadWindow): Promise<boolean> {
  const from = await findUnreadable(stamp, width, read);
  if (from === undefined) return false;
  // Not beyond the present: what is yet to come is not lost.
  const until = Math.min(from + width, Math.max(from + windowMsMin, clock.now()));
  await ledger.run((tx) => { cursor.move(tx, { stamp: until, unreadable: true }); });
  emit({ kind: "gap", from, until });
  return true;
}

/** Where the window of `width` that cannot be read begins; `undefined` if there is none by now. */
async function findUnreadable(from: number, width: number, read: ReadWindow): Promise<number | undefined> {
  let start = Math.floor(from / windowMsMin) * windowMsMin;
  let window = width;
  const readable = (quietMs = archiveQuietMs): Promise<boolean> => read(start, start + window - 1, quietMs);
  for (; await readable(); window *= factor) {
    start += window;
    if (start + factor * window > timeMax) return undefined;
  }
  while (window > width) {
    window /= factor;
    for (let i = 1; i < factor && (await readable()); i++) start += window;
  }
  // An archive that is only slow with this has lost nothing.
  return await readable(archiveQuietLongMs) ? undefined : start;
}
