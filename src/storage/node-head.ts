/**
 * The head: a small file beside the database that says how far the commits have come, and who has the directory open.
 * It is written after a commit is on the disk, never before. So a database behind its head has lost something; a database ahead of
 * its head has only met a crash. Two slots are written in turn: a torn write leaves the other one.
 * Layout: slot 0 at 0, slot 1 at 4096, each `frame(number (8) ‖ digest (16) ‖ history (16))`; at 8192 the owner's mark (16).
 * Spec: threats D10, D11, R21. Decision: docs/decisions/0008-commit-chain.md.
 * Not here: what the numbers and digests are (node-commit-chain.ts).
 * @module
 */
import { fstatSync, readSync, writeSync } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { concatBytes, equalBytes, type Bytes } from "../base/bytes.js";
import { systemRng } from "../base/rng.js";
import { flushDirectory, openExisting } from "./node-directory.js";
import { StorageError } from "./errors.js";
import { frameRecord, unframeRecord } from "./record-frame.js";

/** The names of the file, and of its successor before it takes the place. */
export const headFile = "HEAD";
export const newHeadFile = "HEAD.new";

const block = 4096;
const slotBytes = 45;
const markBytes = 16;
/** What the frame's checksum covers beside the value. */
const frameKey = " head";

/** A commit: its number and the digest of the chain up to it. */
export interface Tip {
  readonly number: number;
  /** 16 bytes. */
  readonly digest: Uint8Array;
}

/** What the file says. */
export interface HeadRecord extends Tip {
  /** 16 bytes; another one after each recognised loss. */
  readonly history: Uint8Array;
}

/** The newest sound slot; `undefined` if there is no file, or nothing sound in it. @throws errors of the file system */
export async function readHead(directory: string): Promise<HeadRecord | undefined> {
  const handle = await openExisting(join(directory, headFile));
  if (handle === undefined) return undefined;
  try {
    const slots = [await readSlot(handle, 0), await readSlot(handle, 1)].filter((slot) => slot !== undefined);
    return slots.sort((a, b) => b.number - a.number)[0];
  } finally {
    await handle.close();
  }
}

/** The open head of a directory. */
export class Head {
  readonly #handle: FileHandle;
  readonly #history: Uint8Array;
  readonly #mark: Uint8Array;
  /** Commits written since the last flush. */
  #pending = 0;

  private constructor(handle: FileHandle, history: Uint8Array, mark: Uint8Array) {
    this.#handle = handle;
    this.#history = history;
    this.#mark = mark;
  }

  /** Puts a new head in the place of whatever was there, on the disk before it is in use. Takes the directory over. */
  static async replace(directory: string, record: HeadRecord): Promise<Head> {
    const temporary = join(directory, newHeadFile);
    await rm(temporary, { force: true });
    const handle = await open(temporary, "wx+", 0o600);
    try {
      const mark = systemRng()(markBytes);
      const file = new Uint8Array(2 * block + markBytes);
      file.set(encode(record), (record.number % 2) * block);
      file.set(mark, 2 * block);
      await handle.write(file, 0, file.length, 0);
      await handle.sync();
      await rename(temporary, join(directory, headFile));
      await flushDirectory(directory);
      return new Head(handle, record.history, mark);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * Whether the directory is still ours: nobody has put another head here, nobody has removed it. The lock of the operating system
   * says the same, but a deleted lock file or a network file system without locks says nothing (threats D10).
   */
  isOurs(): boolean {
    const found = new Uint8Array(markBytes);
    readSync(this.#handle.fd, found, 0, markBytes, 2 * block);
    return equalBytes(found, this.#mark) && (process.platform === "win32" || fstatSync(this.#handle.fd).nlink === 1);
  }

  /** Notes a commit that is on the disk. Survives the process at once, a power cut after {@link flush}. */
  note(tip: Tip): void {
    const slot = encode({ ...tip, history: this.#history });
    if (writeSync(this.#handle.fd, slot, 0, slot.length, (tip.number % 2) * block) !== slot.length) {
      throw new StorageError("ERR_STORE_FAILED", "the head was written in part");
    }
    this.#pending += 1;
  }

  /** Waits until everything noted is on the disk. */
  async flush(): Promise<void> {
    if (this.#pending === 0) return;
    this.#pending = 0;
    await this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

async function readSlot(handle: FileHandle, slot: 0 | 1): Promise<HeadRecord | undefined> {
  const bytes = new Uint8Array(slotBytes);
  const { bytesRead } = await handle.read(bytes, 0, slotBytes, slot * block);
  if (bytesRead < slotBytes) return undefined;
  try {
    const value = unframeRecord(frameKey, bytes);
    return { number: numberOf(value), digest: value.slice(8, 24), history: value.slice(24) };
  } catch {
    return undefined; // empty, torn or rotten: the other slot counts
  }
}

function encode({ number, digest, history }: HeadRecord): Bytes {
  return frameRecord(frameKey, concatBytes(numberBytes(number), digest, history));
}

/** The number of a commit in eight bytes. */
export function numberBytes(value: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** The number that `bytes` begin with. */
export function numberOf(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0));
}
