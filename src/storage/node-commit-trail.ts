/**
 * The trail that commits leave, so that a missing one is noticed.
 * LevelDB replays its log at start and skips damaged pieces of it without a word. Here each commit writes its number
 * into one slot of a ring, in the same batch. After a hole in the log the ring has an old number between new ones, and
 * the store refuses to open: an older ratchet state under newer ones would encrypt twice with one key.
 * Spec: threats D11, D13. A commit missing at the very end cannot be told from a crash before it (threats R21).
 * @module
 */
import { StorageError } from "./errors.js";
import type { Level, LevelWrite } from "./node-level.js";
import { frameRecord, unframeRecord } from "./record-frame.js";

/** Commits that are watched. The log holds at most 4 MiB, so these are nearly all that a start replays. */
const slots = 4096;
/** The layout of rows and frames. Another number is refused, never converted by guessing. */
const formatVersion = 1;
/** Begins with a space: such a key cannot come from outside (session/ports.ts storeKey). */
const formatKey = " format";
const trailPrefix = " trail/";

/** Numbers the commits of one open database. */
export interface CommitTrail {
  /** The write that belongs into the next batch; `done` when that batch is on the disk. */
  next(): { readonly write: LevelWrite; readonly done: () => void };
}

/**
 * Checks format and trail of a database that was just opened.
 * @throws StorageError `ERR_STORE_UNAVAILABLE` if a newer version wrote it, `ERR_STORE_CORRUPT` if commits are missing.
 */
export async function commitTrail(level: Level): Promise<CommitTrail> {
  await checkFormat(level);
  const numbers = new Map<number, number>();
  for (const [key, stored] of await level.iterator({ gte: trailPrefix, lt: `${trailPrefix}\x7f` }).all()) {
    numbers.set(Number.parseInt(key.slice(trailPrefix.length), 16), readNumber(key, stored));
  }
  let last = 0;
  for (const number of numbers.values()) last = Math.max(last, number);
  for (let number = Math.max(1, last - slots + 1); number <= last; number++) {
    if (numbers.get(number % slots) !== number) {
      throw new StorageError("ERR_STORE_CORRUPT", "the database has lost a commit in the middle", { details: { commit: number, last } });
    }
  }
  return {
    next: () => {
      const number = last + 1;
      const key = trailPrefix + (number % slots).toString(16).padStart(3, "0");
      return { write: { type: "put", key, value: frameRecord(key, numberBytes(number)) }, done: () => (last = number) };
    },
  };
}

async function checkFormat(level: Level): Promise<void> {
  const stored = await level.get(formatKey);
  if (stored !== undefined) {
    const version = readNumber(formatKey, stored);
    if (version === formatVersion) return;
    throw new StorageError("ERR_STORE_UNAVAILABLE", "the store was written by another version of Sotto", { details: { version, readable: formatVersion } });
  }
  // Without a format record there must be nothing at all: else that record itself is what got lost.
  if ((await level.keys({ limit: 1 }).all()).length > 0) throw new StorageError("ERR_STORE_CORRUPT", "the database has lost its format record");
  await level.batch([{ type: "put", key: formatKey, value: frameRecord(formatKey, numberBytes(formatVersion)) }], { sync: true });
}

function numberBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

function readNumber(key: string, stored: Uint8Array): number {
  const bytes = unframeRecord(key, stored);
  if (bytes.length !== 8) throw new StorageError("ERR_STORE_CORRUPT", "a record of the store itself is damaged");
  return Number(new DataView(bytes.buffer).getBigUint64(0));
}
