/**
 * The chain of commits, so that a missing one is noticed.
 * LevelDB replays its log at start and skips damaged pieces of it without a word. Here each commit writes one link into a ring of rows,
 * in the same batch: its number, a digest of its writes, and the digest of the chain up to it. After a hole in the log the ring has an
 * old link between new ones, and the store refuses to open. A tail that is gone leaves a sound, shorter chain: the head tells (node-head.ts).
 * Spec: threats D11, D13, D17, R21. Decision: docs/decisions/0008-commit-chain.md.
 * @module
 */
import { createHash } from "node:crypto";
import { concatBytes, equalBytes, utf8 } from "../base/bytes.js";
import { StorageError } from "./errors.js";
import { numberBytes, numberOf, type Tip } from "./node-head.js";
import type { Level, LevelWrite } from "./node-level.js";
import { frameRecord, unframeRecord } from "./record-frame.js";

/** Links that are kept. LevelDB's log is emptied every {@link commitsPerFlush}, so these are all that a start can replay. */
const slots = 2048;
/** After so many commits the log has to be emptied, and the head flushed. */
export const commitsPerFlush = 512;
/** The layout of rows and frames. Version 1 had a ring of numbers without digests and no head; any other number is refused. */
const formatVersion = 2;
/** These begin with a space: such a key cannot come from outside (session/ports.ts storeKey). */
const formatKey = " format";
const linkPrefix = " chain/";
const formerTrailPrefix = " trail/";
const formerSlots = 4096;

const digestBytes = 16;
const genesis: Tip = { number: 0, digest: new Uint8Array(digestBytes) };

interface Link extends Tip {
  /** Of the writes of this commit. */
  readonly content: Uint8Array;
}

/** The chain of one open database. */
export class CommitChain {
  readonly #links: ReadonlyMap<number, Link>;
  #tip: Tip;

  constructor(links: ReadonlyMap<number, Link>, tip: Tip) {
    this.#links = links;
    this.#tip = tip;
  }

  get tip(): Tip {
    return this.#tip;
  }

  /** The write that belongs into the next batch beside `writes`; `done` when that batch is on the disk. */
  next(writes: readonly LevelWrite[]): { readonly write: LevelWrite; readonly tip: Tip; readonly done: () => void } {
    const number = this.#tip.number + 1;
    const content = contentDigest(writes);
    const tip: Tip = { number, digest: chainDigest(this.#tip.digest, number, content) };
    const key = linkKey(number);
    const value = frameRecord(key, concatBytes(numberBytes(number), content, tip.digest));
    return { write: { type: "put", key, value }, tip, done: () => { this.#tip = tip; } };
  }

  /** Whether everything that `head` knows of is in this chain. Asked when the database is opened, before the first commit. */
  continues(head: Tip): boolean {
    if (head.number > this.#tip.number) return false;
    const there = head.number === 0 ? genesis : this.#links.get(head.number); // a head older than the ring is not this database's
    return there !== undefined && equalBytes(there.digest, head.digest);
  }
}

/**
 * Checks format and chain of a database that was just opened; brings one of version 1 up to date, in one batch.
 * @throws StorageError `ERR_STORE_UNAVAILABLE` if a newer version wrote it, `ERR_STORE_CORRUPT` if commits are missing in the middle.
 */
export async function openChain(level: Level): Promise<CommitChain> {
  await checkFormat(level);
  const links = new Map<number, Link>();
  for (const [key, stored] of await ring(level, linkPrefix)) {
    const link = decodeLink(key, stored);
    links.set(link.number, link);
  }
  let tip: Tip = genesis;
  for (const link of links.values()) if (link.number > tip.number) tip = link;
  const first = Math.max(1, tip.number - slots + 1);
  for (let number = first; number <= tip.number; number++) {
    const link = links.get(number);
    const before = number === 1 ? genesis : links.get(number - 1); // unknown for the oldest link of a full ring
    if (link === undefined || (before !== undefined && !equalBytes(link.digest, chainDigest(before.digest, number, link.content)))) {
      throw new StorageError("ERR_STORE_CORRUPT", "the database has lost a commit in the middle", { details: { commit: number, last: tip.number } });
    }
  }
  return new CommitChain(links, tip);
}

async function checkFormat(level: Level): Promise<void> {
  const stored = await level.get(formatKey);
  if (stored === undefined) {
    // Without a format record there must be nothing at all: else that record itself is what got lost.
    if ((await level.keys({ limit: 1 }).all()).length > 0) throw new StorageError("ERR_STORE_CORRUPT", "the database has lost its format record");
    return level.batch([formatRecord()], { sync: true });
  }
  const version = decodeNumber(unframeRecord(formatKey, stored), 8);
  if (version === 1) return upgrade(level);
  if (version !== formatVersion) {
    throw new StorageError("ERR_STORE_UNAVAILABLE", "the store was written by another version of Sotto", { details: { version, readable: formatVersion } });
  }
}

/** One batch: until it is on the disk this is a database of version 1, which that version can use (threats D17). */
async function upgrade(level: Level): Promise<void> {
  const numbers = new Map<number, number>();
  const trail = await ring(level, formerTrailPrefix);
  for (const [key, stored] of trail) numbers.set(Number.parseInt(key.slice(formerTrailPrefix.length), 16), decodeNumber(unframeRecord(key, stored), 8));
  const last = Math.max(0, ...numbers.values());
  for (let number = Math.max(1, last - formerSlots + 1); number <= last; number++) {
    if (numbers.get(number % formerSlots) !== number) {
      throw new StorageError("ERR_STORE_CORRUPT", "the database has lost a commit in the middle", { details: { commit: number, last } });
    }
  }
  await level.batch([...trail.map(([key]) => ({ type: "del" as const, key })), formatRecord()], { sync: true });
}

function ring(level: Level, prefix: string): Promise<[string, Uint8Array][]> {
  return level.iterator({ gte: prefix, lt: `${prefix}\x7f` }).all();
}

function formatRecord(): { readonly type: "put"; readonly key: string; readonly value: Uint8Array } {
  return { type: "put", key: formatKey, value: frameRecord(formatKey, numberBytes(formatVersion)) };
}

function linkKey(number: number): string {
  return linkPrefix + (number % slots).toString(16).padStart(3, "0");
}

function decodeLink(key: string, stored: Uint8Array): Link {
  const value = unframeRecord(key, stored);
  const number = decodeNumber(value, 8 + 2 * digestBytes);
  if (linkKey(number) !== key) throw damaged();
  return { number, content: value.slice(8, 8 + digestBytes), digest: value.slice(8 + digestBytes) };
}

function chainDigest(before: Uint8Array, number: number, content: Uint8Array): Uint8Array {
  return createHash("sha256").update(before).update(numberBytes(number)).update(content).digest().subarray(0, digestBytes);
}

/** Lengths before keys and values, so that no two lists of writes give the same input. */
function contentDigest(writes: readonly LevelWrite[]): Uint8Array {
  const hash = createHash("sha256");
  const lengths = new Uint8Array(8);
  const view = new DataView(lengths.buffer);
  for (const write of writes) {
    const key = utf8(write.key);
    view.setUint32(0, key.length);
    view.setUint32(4, write.type === "put" ? write.value.length : 0xffff_ffff);
    hash.update(lengths).update(key);
    if (write.type === "put") hash.update(write.value);
  }
  return hash.digest().subarray(0, digestBytes);
}

function decodeNumber(value: Uint8Array, length: number): number {
  if (value.length !== length) throw damaged();
  return numberOf(value);
}

function damaged(): StorageError {
  return new StorageError("ERR_STORE_CORRUPT", "a record of the store itself is damaged");
}
