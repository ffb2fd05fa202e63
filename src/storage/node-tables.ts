/**
 * Checksums of LevelDB's table files. LevelDB does not check its own when it reads: a flipped bit in a key or an index makes a row
 * vanish, lets an older version of it show through, or ends the process with an assertion. Tables never change once they are
 * written, so one list, kept beside them, does:
 * a line with the number of the commit up to which all was swept, then lines of `name size CRC-32`.
 * Spec: threats D11, D13. Decision: docs/decisions/0008-commit-chain.md.
 * Not here: the log and the list of tables itself: LevelDB checks those, and the chain does (node-commit-chain.ts).
 * @module
 */
import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { utf8, utf8Decode } from "../base/bytes.js";
import { StorageError } from "./errors.js";
import { openExisting } from "./node-directory.js";
import { frameRecord, unframeRecord } from "./record-frame.js";

/** The names of the file, and of its successor before it takes the place. */
export const tablesFile = "TABLES";
export const newTablesFile = "TABLES.new";

const frameKey = " tables";
/** Read at once; large tables are read in pieces. */
const pieceBytes = 1 << 20;

/** What the list says. */
export interface TableList {
  /** Name of a table to its size and checksum, as text. */
  readonly sums: ReadonlyMap<string, string>;
  /** Number of the commit up to which no former version of a row is left in any file. */
  readonly swept: number;
}

/** The list of a directory that has none yet. */
export const noTables: TableList = { sums: new Map(), swept: 0 };

/**
 * Compares the tables on the disk with the list. To be called before LevelDB opens them: on some damage it ends the process.
 * Needs no lock: a table that is on the list never changes, and one that has been removed meanwhile counts as sound. Tables that
 * are not on the list were written after it and are not checked.
 * @returns the list; `undefined` if it cannot be read
 * @throws StorageError `ERR_STORE_CORRUPT` if a table is not as it was written
 */
export async function checkTables(directory: string): Promise<TableList | undefined> {
  const list = await readList(directory);
  for (const name of await tables(directory)) {
    const expected = list?.sums.get(name);
    const found = expected === undefined ? undefined : await sumOf(directory, name);
    if (found !== undefined && found !== expected) throw new StorageError("ERR_STORE_CORRUPT", "a table of the database is damaged");
  }
  return list;
}

/** Writes the list of what is there now, if it differs from `former`, which saves reading the tables that were there before. */
export async function listTables(directory: string, former: TableList, swept: number): Promise<TableList> {
  const sums = new Map<string, string>();
  const names = await tables(directory);
  if (swept === former.swept && names.length === former.sums.size && names.every((name) => former.sums.has(name))) return former;
  for (const name of names) {
    const sum = former.sums.get(name) ?? (await sumOf(directory, name));
    if (sum !== undefined) sums.set(name, sum);
  }
  const lines = [String(swept), ...[...sums].map(([name, sum]) => `${name} ${sum}`)].map((line) => `${line}\n`);
  await replaceFile(directory, frameRecord(frameKey, utf8(lines.join(""))));
  return { sums, swept };
}

async function replaceFile(directory: string, content: Uint8Array): Promise<void> {
  const temporary = join(directory, newTablesFile);
  await rm(temporary, { force: true });
  const handle = await open(temporary, "wx", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(directory, tablesFile)); // after a power cut perhaps the former one: a list that knows less
}

async function tables(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => /^\d+\.(ldb|sst)$/.test(name));
}

async function readList(directory: string): Promise<TableList | undefined> {
  const stored: number[] = [];
  const size = await readPieces(directory, tablesFile, (piece) => { for (const byte of piece) stored.push(byte); });
  if (size === undefined) return noTables;
  try {
    const text = utf8Decode(unframeRecord(frameKey, Uint8Array.from(stored))) ?? "";
    const [swept = "", ...lines] = text.split("\n").slice(0, -1);
    return { sums: new Map(lines.map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)])), swept: Number(swept) };
  } catch (error) {
    if (error instanceof StorageError) return undefined;
    throw error;
  }
}

/** `undefined` if LevelDB has removed the table meanwhile. */
async function sumOf(directory: string, name: string): Promise<string | undefined> {
  let sum = 0;
  const size = await readPieces(directory, name, (piece) => { sum = crc32(piece, sum); });
  return size === undefined ? undefined : `${size} ${sum}`;
}

/** @returns the size; `undefined` if there is no such file */
async function readPieces(directory: string, name: string, take: (piece: Uint8Array) => void): Promise<number | undefined> {
  const handle = await openExisting(join(directory, name));
  if (handle === undefined) return undefined;
  try {
    const buffer = new Uint8Array(pieceBytes);
    for (let size = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, pieceBytes, size);
      if (bytesRead === 0) return size;
      take(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
