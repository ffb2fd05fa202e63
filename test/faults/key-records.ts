/** Reads what the recorders of all programs wrote, and looks for a key that encrypted two plaintexts (Node only). @module */
import { readFileSync } from "node:fs";
import type { KeyRecord } from "./child/recorder.js";

export interface KeyVerdict {
  readonly encryptions: number;
  /** Encryptions of which a ciphertext was written to a socket. */
  readonly left: number;
  /** Keys under which two different plaintexts left. Must be empty. */
  readonly reused: readonly string[];
}

/** Joins the files of all programs and all their lives; a device's keys may show up in several. */
export function checkKeys(files: readonly string[]): KeyVerdict {
  const records = files.flatMap(readRecords);
  const left = new Set(records.flatMap((record) => (record.kind === "left" ? [record.ciphertext] : [])));
  const plaintexts = new Map<string, Set<string>>();
  let encryptions = 0;
  for (const record of records) {
    if (record.kind !== "encrypted") continue;
    encryptions += 1;
    if (!left.has(record.ciphertext)) continue;
    const known = plaintexts.get(record.key) ?? new Set();
    plaintexts.set(record.key, known.add(record.plaintext));
  }
  const reused = [...plaintexts].filter(([, values]) => values.size > 1).map(([key]) => key);
  return { encryptions, left: plaintexts.size, reused };
}

/** A line that the kill cut off is no record: its program did not get to use what it was about. */
function readRecords(file: string): readonly KeyRecord[] {
  return readFileSync(file, "utf8").split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as KeyRecord] : []));
}
