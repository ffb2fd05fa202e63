/**
 * Catching up: after each connection that is not the continuation of the last one, the archive is read from where it was left, page by
 * page, before live messages are taken in.
 * Spec: XEP-0313; docs/decisions/0007-log-and-inbox.md; threats Q16, R13, R21, R23, F19.
 * On a new device: the cursor is set to the archive's end, and the application is told that what lies before cannot be read. To be run
 * before the device is announced then: nobody can have written to it yet.
 * Not here: what happens to the messages (receiver.ts), history from before this device (log/history.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { archivePageMax } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import type { Omemo } from "../../session/omemo.js";
import type { ArchivedMessage, ArchivePage, ArchiveQuery } from "../../transport/features/archive.js";
import { circleWatch } from "../../transport/features/circles.js";
import { TransportError } from "../../transport/errors.js";
import { isPassing } from "../../transport/stream/stanza-error.js";
import type { ClientEvent } from "../events.js";
import { isKeptOut } from "../kept-out.js";
import type { Connection } from "../link.js";
import { markRolledBack } from "../rollback/rollback.js";
import type { ArchiveCursor, ArchivePlace } from "./archive-cursor.js";
import type { Receiver } from "./receiver.js";

/** Where the archive has lost our place it is read from this much earlier: clocks of servers in a cluster differ. */
export const gapMarginMs: number = 5 * 60_000;
/** Questions that are asked again while the stream lives, and the first pause before that; it doubles. */
const attemptsMax = 3;
const retryDelayMs = 1_000;

export interface CatchUpDeps {
  readonly ledger: Ledger;
  readonly omemo: Pick<Omemo, "self" | "settlePreKeys">;
  readonly receiver: Receiver;
  readonly cursor: ArchiveCursor;
  readonly clock: Clock;
  readonly emit: (event: ClientEvent) => void;
  /** The store has gone back in time (threats R21), and is marked so: called once per run, before anything is encrypted. What it throws ends the run. */
  readonly onRollback: () => void | Promise<void>;
}

/** One pass through the archive. */
interface Pass {
  readonly connection: Connection;
  readonly signal: AbortSignal;
  received: number;
  total: number | undefined;
  rolledBack: boolean;
  /** A pass in passing says nothing of itself. */
  readonly quiet: boolean;
}

/** Reads the archive up. */
export class CatchUp {
  readonly #d: CatchUpDeps;
  #passing: Promise<void> | undefined;

  constructor(deps: CatchUpDeps) {
    this.#d = deps;
    deps.receiver.whenLagging((connection) => { this.#readInPassing(connection); });
  }

  /**
   * Resolves when the archive is read to its end, everything that came live meanwhile is taken in, and all of it is committed. An account
   * without an archive, or one that is kept from it, has nothing to read: then it resolves with false. If more has come live meanwhile than
   * may wait, it rejects, with what came first taken in: with each connection there is less of it.
   * If it rejects, the connection is of no use: what came live on it is not acknowledged, and comes again with the next one.
   * @throws TransportError if the archive could not be read, `retryable` if it may be later; StorageError; what `onRollback` throws
   */
  async run(connection: Connection, signal: AbortSignal = connection.signal): Promise<boolean> {
    const { receiver, ledger, omemo, emit } = this.#d;
    await this.#passing; // two at a time would move the cursor to and fro
    let read = false;
    try {
      read = await this.#readAll(connection, signal);
    } catch (error) {
      if (!isKeptOut(error)) throw isPassingAnswer(error) ? comingAgain(error) : error;
      emit({ kind: "error", error });
    }
    const complete = receiver.open(connection);
    await receiver.settled();
    if (!complete) throw new TransportError("ERR_STREAM_CLOSED", "more came than may wait, and no archive gives it", { retryable: true });
    receiver.flushFollowUps();
    // Whatever used a prekey before now has been read: the private half can go (threats R23).
    await ledger.run((tx) => omemo.settlePreKeys(tx));
    return read;
  }

  async #readAll(connection: Connection, signal: AbortSignal): Promise<boolean> {
    const { receiver, emit } = this.#d;
    const { archive } = connection;
    receiver.trustStanzaIds(false);
    if (!(await this.#ask(signal, () => archive.supported(signal)))) return false;
    receiver.trustStanzaIds(await this.#ask(signal, () => archive.stanzaIdsTrusted(signal)));
    const pass: Pass = { connection, signal, received: 0, total: undefined, rolledBack: false, quiet: false };
    // Where more came live than may wait, the archive has it: once more from where we are now.
    do await this.#read(pass); while (receiver.takeOverflow(connection));
    emit({ kind: "catch-up", received: pass.received, ...counted(pass), done: true });
    return true;
  }

  /** Live messages do not move the cursor (archive-cursor.ts): after many of them it is moved without anybody waiting for it. */
  #readInPassing(connection: Connection): void {
    if (this.#passing !== undefined || connection.signal.aborted) return;
    const pass: Pass = { connection, signal: connection.signal, received: 0, total: undefined, rolledBack: false, quiet: true };
    this.#passing = this.#read(pass).then(() => { this.#d.receiver.flushFollowUps(); }).catch(() => undefined) // the next connection reads it up
      .finally(() => { this.#passing = undefined; });
  }

  async #read(pass: Pass): Promise<void> {
    const { place } = this.#d.cursor;
    if (place === undefined) {
      await this.#begin(pass, this.#d.cursor.isLost);
      return;
    }
    let range: Pick<ArchiveQuery, "after" | "start"> = place.id === undefined ? {} : { after: place.id };
    const leadsBack = circleWatch();
    for (let from = place; ;) {
      try {
        await this.#readOn(pass, range, from);
        return;
      } catch (error) {
        const { place: reached = from } = this.#d.cursor; // pages before it were taken in
        // A full archive lets go of its oldest messages, perhaps of each place in turn; asked from a time on it knows its own first page.
        if (!isUnknownId(error) || leadsBack(reached.id ?? "")) throw error;
        if (reached.stamp === undefined) return this.#begin(pass, true);
        from = reached;
        range = { start: Math.max(0, reached.stamp - gapMarginMs) };
      }
    }
  }

  /**
   * A store that has never seen the archive: nothing in there was encrypted for this device. `lost`: it has, but neither the place is to be found
   * nor the time that goes with it.
   */
  async #begin(pass: Pass, lost = false): Promise<void> {
    const page = await this.#query(pass, { before: "", max: 1 });
    const newest = page.messages.at(-1);
    const id = page.last ?? newest?.id;
    await this.#d.ledger.run((tx) => { this.#d.cursor.move(tx, { ...(id === undefined ? {} : { id }), ...(newest === undefined ? {} : { stamp: newest.stamp }) }); });
    if (lost) this.#tellGap(0, newest);
    else if (newest !== undefined) this.#d.emit({ kind: "history-unreadable", before: newest.stamp });
  }

  async #readOn(pass: Pass, range: Pick<ArchiveQuery, "after" | "start">, from: ArchivePlace): Promise<void> {
    // Own messages up to where we left off were accounted for then, and may be forgotten since. Some archives tell whole seconds only.
    const witnessAfter = from.stamp === undefined ? -1 : range.start === undefined ? from.stamp - 1 : from.stamp;
    const leadsBack = circleWatch();
    let query: ArchiveQuery = { ...range, max: archivePageMax };
    for (let first = true; ; first = false) {
      const page = await this.#query(pass, query);
      if (first && range.start !== undefined && from.stamp !== undefined) this.#tellGap(from.stamp, page.messages[0]);
      if (first) pass.total = page.count === undefined ? pass.total : (pass.total ?? 0) + page.count;
      await this.#takePage(pass, page, witnessAfter);
      if (page.complete || page.last === undefined) return;
      if (leadsBack(page.last)) throw new TransportError("ERR_STREAM_PROTOCOL", "the archive's pages lead in a circle", { retryable: true });
      query = { ...query, after: page.last };
    }
  }

  async #takePage(pass: Pass, page: ArchivePage, witnessAfter: number): Promise<void> {
    const { receiver, cursor, omemo } = this.#d;
    const { rolledBack } = await receiver.takePage(page.messages, {
      witnessAfter,
      ...(pass.rolledBack ? {} : { onRollback: (tx) => { markRolledBack(tx, omemo.self.address.deviceId); } }),
      commit: (tx, last) => {
        const end = last === page.messages.at(-1); // refused results have ids too: the page ends behind them
        const id = end ? (page.last ?? last?.id) : last?.id;
        const stamp = Math.max(last?.stamp ?? 0, cursor.place?.stamp ?? 0);
        if (id !== undefined) cursor.move(tx, { id, ...(stamp === 0 ? {} : { stamp }) });
      },
    });
    pass.received += page.messages.length;
    if (!pass.quiet) this.#d.emit({ kind: "catch-up", received: pass.received, ...counted(pass), done: false });
    if (!rolledBack || pass.rolledBack) return;
    pass.rolledBack = true;
    if (!pass.quiet) return this.#d.onRollback();
    // Renewed in mid-stream the device would be announced by nobody, and a refusal would reach nobody: the next stream begins with the mark.
    void pass.connection.stream.close();
    throw new TransportError("ERR_STREAM_CLOSED", "the store turned out to be an old copy", { retryable: true });
  }

  #tellGap(from: number, first: ArchivedMessage | undefined): void {
    this.#d.emit({ kind: "gap", from, ...(first === undefined ? {} : { until: Math.max(from, first.stamp) }) });
  }

  #query(pass: Pass, query: ArchiveQuery): Promise<ArchivePage> {
    return this.#ask(pass.signal, () => pass.connection.archive.query(query, pass.signal));
  }

  /** Asks again what failed for the moment, while the stream lives. */
  async #ask<T>(signal: AbortSignal, question: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await question();
      } catch (error) {
        if (signal.aborted || attempt >= attemptsMax || !(error instanceof TransportError) || !isPassing(error)) throw error;
        await new Promise<void>((resolve) => { this.#d.clock.schedule(retryDelayMs * 2 ** (attempt - 1), resolve); });
      }
    }
  }
}

const counted = ({ total, received }: Pass): { readonly total?: number } => (total === undefined ? {} : { total: Math.max(total, received) });

const isPassingAnswer = (error: unknown): error is TransportError => error instanceof TransportError && error.code === "ERR_STANZA_ERROR" && isPassing(error);

/** The same, for those who go by what it says of itself: the next connection may find the archive well again. */
const comingAgain = (error: TransportError): TransportError =>
  (error.retryable ? error : new TransportError(error.code, error.message, { retryable: true, details: error.details, cause: error }));

const isUnknownId = (error: unknown): boolean =>
  error instanceof TransportError && error.code === "ERR_STANZA_ERROR" && error.details["condition"] === "item-not-found";

