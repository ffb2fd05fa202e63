/**
 * A place in an archive that it cannot read itself: asked for a page with the message in it, the server says nothing (decision 0015). It is
 * found to the second, in windows of time: they grow until one cannot be read, and shrink within it. Those that can be are read, so that all
 * before the place is taken in; then the cursor passes it, and the application is told.
 * Not here: how a window is read (archive-reader.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { archiveQuietLongMs, archiveQuietMs } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import type { ClientEvent } from "../events.js";
import type { ArchiveCursor } from "./archive-cursor.js";

/** The smallest window, in milliseconds: some archives know whole seconds only. */
export const windowMsMin = 1_000;
/** Windows grow and shrink by this: silence takes seconds to notice, and an answer comes at once, so most questions should be answered. */
const factor = 16;
const wholeWindows = (time: number): number => Math.floor(time / windowMsMin) * windowMsMin;
/** Behind it XEP-0082 has no times. */
const timeMax = 253_402_300_799_000;

/** What is behind the last message that was taken in. All times in milliseconds. */
export interface Unread {
  /** Nothing that is unread is older; nor than `likely`, unless a clock was set back. */
  readonly begin: number;
  readonly likely: number;
  /** How much is given up at once. */
  readonly width: number;
  /** Takes in a window, both ends included; false if the archive says nothing about it for that long. */
  readonly reads: (start: number, end: number, quietMs: number) => Promise<boolean>;
  /** Asks for no message at all. From an archive that is slow with this too, silence says nothing: the deadlines of pages have to decide. */
  readonly readsNothing: () => Promise<boolean>;
}

export interface PassUnreadableDeps {
  readonly ledger: Ledger;
  readonly cursor: ArchiveCursor;
  readonly clock: Clock;
  readonly emit: (event: ClientEvent) => void;
}

/** Takes in what can be read, and moves the cursor past `width` milliseconds that cannot; false if all of it can be, or nothing can be said. */
export async function passUnreadable({ ledger, cursor, clock, emit }: PassUnreadableDeps, unread: Unread): Promise<boolean> {
  const from = await unread.readsNothing() ? await findUnreadable(unread) : undefined;
  if (from === undefined) return false;
  // Not beyond the present: what is yet to come is not lost.
  const until = Math.min(from + unread.width, Math.max(from + windowMsMin, clock.now()));
  await ledger.run((tx) => { cursor.move(tx, { stamp: until, unreadable: until }); });
  emit({ kind: "gap", from, until });
  return true;
}

/** Where the window of `width` that cannot be read begins; `undefined` if there is none by now. */
async function findUnreadable({ begin, likely, width, reads, readsNothing }: Unread): Promise<number | undefined> {
  let start = wholeWindows(likely);
  let window = width;
  // A window begins where the one before it ends: the archive's times may be finer than ours.
  const readable = (quietMs = archiveQuietMs): Promise<boolean> => reads(Math.max(begin, start - 1), start + window - 1, quietMs);
  if (begin < start && !(await reads(begin, start - 1, archiveQuietMs))) start = wholeWindows(begin);
  for (; await readable(); window *= factor) {
    start += window;
    if (start + factor * window > timeMax) return undefined;
  }
  while (window > width) {
    window /= factor;
    for (let i = 1; i < factor && (await readable()); i++) start += window;
  }
  // An archive that is only slow with this, or stands still with everything for a while, has lost nothing.
  return (await readable(archiveQuietLongMs)) || !(await readsNothing()) || (await readable()) ? undefined : start;
}
