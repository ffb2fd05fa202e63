/**
 * Checksums of LevelDB's table files. LevelDB does not check its own when it reads: a flipped bit in a key or an index makes a row
 * vanish, or lets an older version of it show through, and no checksum of a value can tell. Tables never change once they are
 * written, so one list of `name size CRC-32`, kept beside them, does.
 * Spec: threats D11, D13. Decision: docs/decisions/0008-commit-chain.md.
 * Not here: the log and the list of tables itself: LevelDB checks those, and the chain does (node-commit-chain.ts).
 * @module
 */
import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { utf8, utf8Decode } from "../base/bytes.js";
import { StorageError } from "./errors.js";
import { flushDirectory, noFollow } from "./node-directory.js";
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
 * Compares the tables on the disk with the list. Tables that are not on it were written after it and are not checked.
 * @returns the list; `undefined` if something is not as it was written
 */
export async function checkTables(directory: string): Promise<TableList | undefined> {
  const list = await readList(directory);
  for (const name of await tables(directory)) {
    const expected = list?.sums.get(name);
    if (expected !== undefined && (await sumOf(directory, name)) !== expected) return undefined;
  }
  return list;
}

/** Writes the list of what is there now; `known` saves reading the tables that were there before. */
export async function listTables(directory: string, known: TableList["sums"], swept: number): Promise<TableList> {
  const sums = new Map<string, string>();
  for (const name of await tables(directory)) {
    const sum = known.get(name) ?? (await sumOf(directory, name));
    if (sum !== undefined) sums.set(name, sum);
  }
  const lines = [["swept", String(swept)], ...sums].map(([name, value]) => `${name} ${value}\n`);
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
  await rename(temporary, join(directory, tablesFile));
  await flushDirectory(directory);
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
    const lines = text.split("\n").map((line): [string, string] => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]);
    const all = new Map(lines);
    return { sums: all, swept: Number(all.get("swept")) };
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
  const handle = await open(join(directory, name), noFollow).catch((error: unknown) => {
    if ((error as { readonly code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  });
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
