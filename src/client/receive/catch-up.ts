/**
 * Catching up: after each connection that is not the continuation of the last one, the archive is read from where it was left, before live
 * messages are taken in.
 * Spec: XEP-0313; docs/decisions/0007-log-and-inbox.md; threats Q16, R13, R21, R23, F19.
 * On a new device: the cursor is set to the archive's end, and the application is told that what lies before cannot be read. To be run
 * before the device is announced then: nobody can have written to it yet.
 * Not here: how it is read (archive-reader.ts), what happens to the messages (receiver.ts), history from before this device (log/history.ts).
 * @module
 */
import type { Omemo } from "../../session/omemo.js";
import { TransportError } from "../../transport/errors.js";
import { isPassing } from "../../transport/stream/stanza-error.js";
import { isKeptOut } from "../kept-out.js";
import type { Connection } from "../link.js";
import { ArchiveReader, type ArchiveReaderDeps, counted, Pass } from "./archive-reader.js";
import { askAgain } from "./ask-again.js";
import type { Receiver } from "./receiver.js";

export interface CatchUpDeps extends ArchiveReaderDeps {
  readonly omemo: Pick<Omemo, "self" | "settlePreKeys">;
  readonly receiver: Receiver;
}

/** Reads the archive up when it is time. */
export class CatchUp {
  readonly #d: CatchUpDeps;
  readonly #reader: ArchiveReader;
  #passing: Promise<void> | undefined;

  constructor(deps: CatchUpDeps) {
    this.#d = deps;
    this.#reader = new ArchiveReader(deps);
    deps.receiver.whenLagging((connection) => { this.#readInPassing(connection); });
  }

  /**
   * Resolves when the archive is read to its end, everything that came live meanwhile is taken in, and all of it is committed. An account
   * without an archive, or one that is kept from it, has nothing to read: then it resolves with false. If more has come live meanwhile than
   * may wait, it rejects, with what came first taken in: with each connection there is less of it.
   * If it rejects, the connection is of no use: what came live on it is not acknowledged, and comes again with the next one.
   * @throws TransportError if the archive could not be read, `retryable` if it may be later; StorageError; what `onRollback` throws
   */
  async run(connection: Connection): Promise<boolean> {
    const { receiver, ledger, omemo, emit } = this.#d;
    await this.#passing; // two at a time would move the cursor to and fro
    let read = false;
    try {
      read = await this.#readAll(connection);
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

  async #readAll(connection: Connection): Promise<boolean> {
    const { receiver, emit, clock } = this.#d;
    const { archive, signal } = connection;
    receiver.trustStanzaIds(false);
    if (!(await askAgain(clock, signal, () => archive.supported(signal)))) return false;
    receiver.trustStanzaIds(await askAgain(clock, signal, () => archive.stanzaIdsTrusted(signal)));
    const pass = new Pass(connection, false);
    // Where more came live than may wait, the archive has it: once more from where we are now.
    do await this.#reader.read(pass); while (receiver.takeOverflow(connection));
    emit({ kind: "catch-up", received: pass.received, ...counted(pass), done: true });
    return true;
  }

  /** Live messages do not move the cursor (archive-cursor.ts): after many of them it is moved without anybody waiting for it. */
  #readInPassing(connection: Connection): void {
    if (this.#passing !== undefined || connection.signal.aborted) return;
    this.#passing = this.#reader.read(new Pass(connection, true)).then(() => { this.#d.receiver.flushFollowUps(); }).catch(() => undefined) // the next connection reads it up
      .finally(() => { this.#passing = undefined; });
  }
}

const isPassingAnswer = (error: unknown): error is TransportError => error instanceof TransportError && error.code === "ERR_STANZA_ERROR" && isPassing(error);

/** The same, for those who go by what it says of itself: the next connection may find the archive well again. */
const comingAgain = (error: TransportError): TransportError =>
  (error.retryable ? error : new TransportError(error.code, error.message, { retryable: true, details: error.details, cause: error }));
