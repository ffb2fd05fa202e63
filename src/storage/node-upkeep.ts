/**
 * What an open database needs beside commits: the head flushed, the log emptied, and what was deleted really gone.
 * LevelDB keeps former versions of a row, in its log and in its tables, until it happens to compact them. A sweep compacts all of it:
 * on close, {@link sweepAfterMs} after the first commit since the last one, and after {@link commitsPerSweep} commits (threats R27).
 * Each of its writes is preceded by the same proof as a commit: it runs when nobody commits, and LevelDB deletes what it does not know.
 * Spec: threats R27, D10, D11, D14 (mode 0600). Decision: docs/decisions/0008-commit-chain.md.
 * @module
 */
import { systemClock } from "../base/clock.js";
import { commitsPerFlush, type CommitChain } from "./node-commit-chain.js";
import { closeToOthers } from "./node-directory.js";
import type { Head } from "./node-head.js";
import type { Level } from "./node-level.js";
import { listTables, type TableList } from "./node-tables.js";

/** A deleted value is gone from the files after so long, if the process lives. */
export const sweepAfterMs: number = 10 * 60_000;
/** … or after so many commits, whichever comes first. */
export const commitsPerSweep = 4096;
/** The head is on the disk after so long. */
const flushAfterMs = 1000;

/** Below and above all keys of records and of ours: rows that make a table which overlaps all others. */
const lowest = " !sweep";
const highest = "\x7fsweep";
/** No key lies there. */
const nowhere = " \"";

/** What upkeep works on. */
export interface UpkeepDeps {
  readonly directory: string;
  readonly level: Level;
  readonly chain: CommitChain;
  readonly head: Head;
  /** The list of tables as it stands on the disk. */
  readonly tables: TableList;
  /** Throws if nothing may be written any more. */
  readonly prove: () => void;
  /** Called when the disk refuses, or the proof: nothing may be written after that. */
  readonly failed: () => void;
}

/** Upkeep of one open database. */
export class Upkeep {
  readonly #d: UpkeepDeps;
  #tables: TableList;
  /** A sweep goes on beside commits; both write the list. */
  #listing: Promise<void> = Promise.resolve();
  #sinceFlush = 0;
  #sinceSweep = 0;
  #sweeping: Promise<void> | undefined;
  #cancelSweep: (() => void) | undefined;
  #cancelFlush: (() => void) | undefined;
  #stopped = false;

  constructor(deps: UpkeepDeps) {
    this.#d = deps;
    this.#tables = deps.tables;
    if (deps.tables.swept !== deps.chain.tip.number) this.#dirty(); // the process before this one ended without a sweep
  }

  /** After each commit, before the next one. Waits only now and then, so that neither log nor head falls behind the chain. */
  async committed(): Promise<void> {
    this.#dirty();
    this.#cancelFlush ??= systemClock.schedule(flushAfterMs, () => {
      this.#cancelFlush = undefined;
      this.#d.head.flush().catch(this.#d.failed);
    });
    this.#sinceFlush += 1;
    if (this.#sinceFlush >= commitsPerFlush) {
      this.#sinceFlush = 0;
      await this.#d.head.flush();
      await this.#compact(nowhere, nowhere); // empties the log into a table
      await this.#list(this.#tables.swept);
    }
    if (this.#sinceSweep >= commitsPerSweep) this.#sweepAside();
  }

  /** From now on nothing is begun. */
  cancel(): void {
    this.#stopped = true;
    this.#cancelFlush?.();
    this.#cancelSweep?.();
  }

  /** The last flush and sweep. Call once, when no commit can follow. @param wasSound false if nothing may be written any more */
  async stop(wasSound: boolean): Promise<void> {
    this.cancel();
    await this.#sweeping;
    try {
      if (!wasSound) return;
      if (this.#sinceSweep > 0) await this.#sweep();
      await this.#d.head.flush();
    } finally {
      await this.#d.head.close();
    }
  }

  /** There are former versions of rows that no sweep has removed yet. */
  #dirty(): void {
    this.#sinceSweep += 1;
    this.#cancelSweep ??= systemClock.schedule(sweepAfterMs, () => { this.#sweepAside(); });
  }

  #sweepAside(): void {
    if (this.#stopped || this.#sweeping !== undefined) return;
    this.#sweeping = this.#sweep().catch(this.#d.failed).finally(() => { this.#sweeping = undefined; });
  }

  async #sweep(): Promise<void> {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    this.#sinceSweep = 0;
    const { number } = this.#d.chain.tip;
    await this.#compact(lowest, highest); // empties the log; its table may end at the bottom, with former versions in it
    // LevelDB never rewrites a table at the bottom by itself. One that overlaps it from above forces it to.
    this.#d.prove();
    await this.#d.level.batch([lowest, highest].map((key) => ({ type: "put", key, value: new Uint8Array(0) })));
    await this.#compact(lowest, highest);
    await closeToOthers(this.#d.directory);
    await this.#list(number);
  }

  #compact(from: string, to: string): Promise<void> {
    this.#d.prove();
    return this.#d.level.compactRange(from, to);
  }

  async #list(swept: number): Promise<void> {
    this.#listing = this.#listing.then(async () => {
      this.#d.prove();
      this.#tables = await listTables(this.#d.directory, this.#tables, Math.max(swept, this.#tables.swept));
    });
    await this.#listing;
  }
}
