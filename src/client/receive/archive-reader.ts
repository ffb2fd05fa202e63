/**
 * Reads the archive up from where it was left, page by page, with the cursor in the commit of each page; around what it no longer has, and around
 * what it cannot read itself.
 * Spec: XEP-0313; docs/decisions/0007-log-and-inbox.md, docs/decisions/0015-spoilt-stanzas.md; threats D10, P08, Q03, Q16, R21, F19.
 * Not here: when it is read (catch-up.ts), what happens to the messages (receiver.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { archivePageMax, archiveQuietMs } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import type { Omemo } from "../../session/omemo.js";
import { type ArchivedMessage, type ArchivePage, type ArchiveQuery, isPassedOver } from "../../transport/features/archive.js";
import { circleWatch } from "../../transport/features/circles.js";
import { TransportError } from "../../transport/errors.js";
import type { ClientEvent } from "../events.js";
import type { Connection } from "../link.js";
import { markRolledBack } from "../rollback/rollback.js";
import type { ArchiveCursor, ArchivePlace } from "./archive-cursor.js";
import { askAgain } from "./ask-again.js";
import type { Receiver } from "./receiver.js";
import { passUnreadable, windowMsMin } from "./unreadable-place.js";

/** Where the archive has lost our place it is read from this much earlier: clocks of servers in a cluster differ. */
export const gapMarginMs: number = 5 * 60_000;
/** Places that the archive cannot read and that one pass finds to the second; each one behind them is given twice the room of the last. */
const unreadableExactMax = 8;

export interface ArchiveReaderDeps {
  readonly ledger: Ledger;
  readonly omemo: Pick<Omemo, "self">;
  readonly receiver: Pick<Receiver, "takePage">;
  readonly cursor: ArchiveCursor;
  readonly clock: Clock;
  readonly emit: (event: ClientEvent) => void;
  /** The store has gone back in time (threats R21), and is marked so: called once per pass, before anything is encrypted. What it throws ends the pass. */
  readonly onRollback: () => void | Promise<void>;
}

/** One pass through the archive. */
export class Pass {
  readonly connection: Connection;
  /** A pass in passing says nothing of itself. */
  readonly quiet: boolean;
  received = 0;
  total: number | undefined;
  rolledBack = false;
  /** Places that the archive could not read. */
  unreadable = 0;

  constructor(connection: Connection, quiet: boolean) {
    this.connection = connection;
    this.quiet = quiet;
  }
}

/** Which messages. */
interface Range extends Pick<ArchiveQuery, "after" | "start" | "end"> {
  /** From before the place that was reached: the archive does not know that any more. */
  readonly lost?: boolean | undefined;
  /** How long the archive may be silent before it has passed a page over; absent: to the deadline of a page. */
  readonly quietMs?: number | undefined;
}

/** Moves the cursor to the archive's end. */
export class ArchiveReader {
  readonly #d: ArchiveReaderDeps;

  constructor(deps: ArchiveReaderDeps) {
    this.#d = deps;
  }

  /** @throws TransportError, StorageError; what `onRollback` throws */
  async read(pass: Pass): Promise<void> {
    const { place } = this.#d.cursor;
    if (place === undefined) {
      await this.#begin(pass, this.#d.cursor.isLost);
      return;
    }
    // Only a time: while an earlier pass went around, messages with older ones may have come behind it.
    const isTime = place.id === undefined && place.stamp !== undefined;
    let range: Range = { ...(isTime ? { start: earlier(place) } : rangeFrom(place)), quietMs: archiveQuietMs };
    let isStuck = false;
    const leadsBack = circleWatch();
    for (let from = place; ;) {
      try {
        if (isStuck) range = await this.#around(pass, range, from);
        await this.#readOn(pass, range, from);
        return;
      } catch (error) {
        const { place: reached = from } = this.#d.cursor; // pages before it were taken in
        if (reached !== from) range = { ...rangeFrom(reached), quietMs: archiveQuietMs };
        from = reached;
        isStuck = isPassedOver(error);
        if (isStuck) continue;
        // A full archive lets go of its oldest messages, perhaps of each place in turn; asked from a time on it knows its own first page.
        if (!isUnknownId(error) || leadsBack(reached.id ?? "")) throw error;
        if (reached.stamp === undefined) return this.#begin(pass, true);
        range = { start: earlier(reached), lost: true, quietMs: archiveQuietMs };
      }
    }
  }

  /** Goes around what the archive cannot read of `range`: where to go on. */
  async #around(pass: Pass, range: Range, from: ArchivePlace): Promise<Range> {
    const { cursor } = this.#d;
    this.#tellLost(range, from, undefined); // nobody knows where what is left begins
    const passed = await passUnreadable(this.#d, {
      begin: range.start ?? earlier(from),
      likely: from.stamp ?? 0,
      width: windowMsMin * 2 ** Math.max(0, pass.unreadable - unreadableExactMax),
      reads: (start, end, quietMs) => this.#reads(pass, { start, end, quietMs }, from),
      readsNothing: () => this.#reads(pass, nothing, from),
    });
    if (passed) pass.unreadable++;
    const { place = from } = cursor;
    return { ...(place === from ? range : rangeFrom(place)), lost: false, quietMs: passed ? archiveQuietMs : undefined }; // what is slow gets its time
  }

  /** Takes in what can be read of `range`; false if something cannot. */
  async #reads(pass: Pass, range: Range, from: ArchivePlace): Promise<boolean> {
    try {
      await this.#readOn(pass, range, from);
      return true;
    } catch (error) {
      if (!isPassedOver(error)) throw error;
      return false;
    }
  }

  /**
   * A store that has never seen the archive: nothing in there was encrypted for this device. `lost`: it has, but neither the place is to be found
   * nor the time that goes with it.
   */
  async #begin(pass: Pass, lost = false): Promise<void> {
    const { page, back } = await this.#newest(pass);
    const newest = page.messages.at(-1);
    const id = page.last ?? newest?.id;
    await this.#d.ledger.run((tx) => { this.#d.cursor.move(tx, { ...(id === undefined ? {} : { id }), ...(newest === undefined ? {} : { stamp: newest.stamp }) }); });
    if (lost) this.#tellGap(0, newest);
    else if (newest !== undefined) this.#d.emit({ kind: "history-unreadable", before: newest.stamp });
    if (back > 0) await this.read(pass);
  }

  /** The archive's last page; where that cannot be read, the last one that can, and how far `back` in milliseconds it was asked for. */
  async #newest(pass: Pass): Promise<{ readonly page: ArchivePage; readonly back: number }> {
    const last = { before: "", max: 1 };
    const now = this.#d.clock.now();
    for (let back = 0; ; back = 4 * back || windowMsMin) {
      const end = now - back;
      try {
        return { page: await this.#query(pass, { ...last, ...(back === 0 ? {} : { end }) }, archiveQuietMs), back };
      } catch (error) {
        if (!isPassedOver(error) || end < back) throw error;
      }
      if (back === 0 && !(await this.#reads(pass, nothing, {}))) return { page: await this.#query(pass, last), back };
    }
  }

  async #readOn(pass: Pass, { lost, quietMs, ...range }: Range, from: ArchivePlace): Promise<void> {
    // Own messages up to where we left off were accounted for then, and may be forgotten since. Some archives tell whole seconds only.
    const { stamp = 0 } = from;
    const witnessAfter = (range.start ?? stamp) < stamp ? stamp : stamp - 1;
    const leadsBack = circleWatch();
    let query: ArchiveQuery = { ...range, max: archivePageMax };
    for (let first = true; ; first = false) {
      const page = await this.#query(pass, query, quietMs);
      const isWhole = range.end === undefined;
      if (first) this.#tellLost({ lost }, from, page.messages[0]);
      if (first && isWhole && page.count !== undefined) pass.total = pass.received + page.count;
      await this.#takePage(pass, page, witnessAfter, isWhole);
      if (page.complete || page.last === undefined) return;
      if (leadsBack(page.last)) throw new TransportError("ERR_STREAM_PROTOCOL", "the archive's pages lead in a circle", { retryable: true });
      query = { ...query, after: page.last };
    }
  }

  /** @param isWhole it is a page of all that there is; else of a window of time */
  async #takePage(pass: Pass, page: ArchivePage, witnessAfter: number, isWhole: boolean): Promise<void> {
    const { receiver, cursor, omemo } = this.#d;
    const { rolledBack } = pass;
    await receiver.takePage(page.messages, {
      witnessAfter,
      ...(rolledBack ? {} : { onRollback: (tx) => {
        markRolledBack(tx, omemo.self.address.deviceId);
        tx.afterCommit(() => { pass.rolledBack = true; });
      } }),
      commit: (tx, last) => {
        // The archive has its messages in another order perhaps: of a window all up to that time is read, not all up to that message.
        if (!isWhole) { if (page.complete && last !== undefined) cursor.move(tx, { stamp: last.stamp }); return; }
        const end = last === page.messages.at(-1); // refused results have ids too: the page ends behind them
        const id = end ? (page.last ?? last?.id) : last?.id;
        const stamp = Math.max(last?.stamp ?? 0, cursor.place?.stamp ?? 0);
        if (id !== undefined) cursor.move(tx, { id, ...(stamp === 0 ? {} : { stamp }) });
      },
    });
    pass.received += page.messages.length;
    if (!pass.quiet && page.messages.length > 0) this.#d.emit({ kind: "catch-up", received: pass.received, ...counted(pass), done: false });
    if (rolledBack || !pass.rolledBack) return;
    if (!pass.quiet) return this.#d.onRollback();
    // Renewed in mid-stream the device would be announced by nobody, and a refusal would reach nobody: the next stream begins with the mark.
    void pass.connection.stream.close();
    throw new TransportError("ERR_STREAM_CLOSED", "the store turned out to be an old copy", { retryable: true });
  }

  #tellLost({ lost }: Range, { stamp }: ArchivePlace, first: ArchivedMessage | undefined): void {
    if (lost === true && stamp !== undefined) this.#tellGap(stamp, first);
  }

  #tellGap(from: number, first: ArchivedMessage | undefined): void {
    this.#d.emit({ kind: "gap", from, ...(first === undefined ? {} : { until: Math.max(from, first.stamp) }) });
  }

  #query({ connection: { archive, signal } }: Pass, query: ArchiveQuery, quietMs?: number): Promise<ArchivePage> {
    return askAgain(this.#d.clock, signal, () => archive.query(query, signal, quietMs));
  }
}

/** The number of messages that a pass is about, if the server counts them. */
export const counted = ({ total, received }: Pass): { readonly total?: number } => (total === undefined ? {} : { total: Math.max(total, received) });

/** A window without messages. */
const nothing: Range = { start: 0, end: 0, quietMs: archiveQuietMs };

/** From when on there may be something unread: clocks of the servers in a cluster differ, and are set back. */
const earlier = ({ stamp = 0, unreadable = 0 }: ArchivePlace): number => Math.max(0, stamp - gapMarginMs, unreadable);

const rangeFrom = ({ id, stamp }: ArchivePlace): Range => (id !== undefined ? { after: id } : stamp !== undefined ? { start: stamp } : {});

const isUnknownId = (error: unknown): boolean =>
  error instanceof TransportError && error.code === "ERR_STANZA_ERROR" && error.details["condition"] === "item-not-found";
