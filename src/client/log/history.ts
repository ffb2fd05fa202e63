/**
 * History in pages: from the log, also offline; and where the log of a conversation ends, from the archive. What comes from there is
 * kept, below position zero. On a new device these are mostly places of messages that it can never read, and they say so.
 * Spec: XEP-0313; docs/decisions/0007-log-and-inbox.md. Not here: catching up (receive/catch-up.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { InternalError } from "../../base/errors.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import { archivePageMax } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import { TransportError } from "../../transport/errors.js";
import type { ArchivePage, ArchiveQuery } from "../../transport/features/archive.js";
import type { Connection } from "../link.js";
import type { Message } from "../message.js";
import type { ArchiveCursor, ArchivePlace } from "../receive/archive-cursor.js";
import type { Receiver } from "../receive/receiver.js";
import { type Backfill, type BackwardRange, encodeBackfill, type HistoryPage, reachesBeginning } from "./backfill.js";
import { deletions, nextBackfill } from "./backfill-place.js";
import { type LogRange, pageSize } from "./committed-log.js";
import type { MessageLog } from "./message-log.js";

/** Pages of the archive that one call reads at most; what is still missing comes with the next call. */
const pagesPerCallMax = 10;

export interface HistoryDeps {
  readonly ledger: Ledger;
  readonly log: MessageLog;
  readonly receiver: Receiver;
  /** Behind it nothing is history: catching up brings it, as new. */
  readonly cursor: Pick<ArchiveCursor, "place">;
  /** The connection, once it is caught up. */
  readonly connection: () => Connection | undefined;
}

/** Pages of history. */
export class History {
  readonly #d: HistoryDeps;
  readonly #lanes = new KeyedMutex<BareJid>();
  /** The server said so when it was asked last. */
  #hasNoArchive = false;

  constructor(deps: HistoryDeps) {
    this.#d = deps;
  }

  /**
   * Messages of the log. With `conversation` and `reverse` it goes on into the archive where the log ends, if there is a connection.
   * @throws TransportError if the archive could not be asked; StorageError
   */
  async page(range: LogRange, signal?: AbortSignal): Promise<readonly Message[]> {
    const { conversation, reverse, after } = range;
    const limit = pageSize(range);
    const messages = await this.#d.log.page(range);
    if (conversation === undefined || reverse !== true || after !== undefined || messages.length >= limit) return messages;
    return this.#lanes.run(conversation, () => this.#extend(conversation, range, limit, signal));
  }

  /**
   * A page that goes on into the archive, and whether it reaches back to the beginning. Not to be told without a connection, unless the
   * archive was read to its beginning before; nor when a call has read as many pages as it may.
   * @throws as {@link page}
   */
  async older(range: BackwardRange, signal?: AbortSignal): Promise<HistoryPage> {
    const messages = await this.page({ ...range, reverse: true }, signal);
    const complete = await reachesBeginning(this.#d.ledger, this.#d.log, range, messages, this.#hasNoArchive);
    return { messages, complete, ...(this.#d.connection() === undefined ? {} : { asked: true }) };
  }

  async #extend(conversation: BareJid, range: LogRange, limit: number, signal: AbortSignal | undefined): Promise<readonly Message[]> {
    for (let pages = 0; ; pages++) {
      const messages = await this.#d.log.page(range);
      const connection = this.#d.connection();
      if (messages.length >= limit || pages >= pagesPerCallMax || connection === undefined) return messages;
      if (!(await this.#readBack(conversation, connection, signal ?? connection.signal))) return messages;
    }
  }

  /** One page further back; false if there is none. */
  async #readBack(conversation: BareJid, { archive }: Connection, signal: AbortSignal): Promise<boolean> {
    const { log, receiver, cursor } = this.#d;
    const deleted = deletions(log, conversation);
    const from = await this.#d.ledger.read((tx) => nextBackfill(tx, log, conversation));
    if (from.complete) return false;
    this.#hasNoArchive = !(await archive.supported(signal));
    if (this.#hasNoArchive) return false;
    let page: ArchivePage;
    try {
      const { before } = from;
      page = await archive.query({ with: conversation, max: archivePageMax, ...(before === undefined ? { before: "", ...upTo(cursor.place) } : { before }) }, signal);
    } catch (error) {
      if (!(error instanceof TransportError) || error.details["condition"] !== "item-not-found") throw error;
      page = { messages: [], complete: true, stable: true, refused: 0 }; // the archive has forgotten even what we have: nothing is older
    }
    const isOvertaken = (): boolean => deletions(log, conversation) !== deleted;
    try {
      await receiver.takePage([...page.messages].reverse(), {
        older: true,
        commit: (tx, last) => {
          // Deleted while the archive was asked: what throws is undone, so nothing of the page is written.
          if (isOvertaken()) throw new InternalError("deleted while it was fetched");
          const end = last === page.messages[0];
          const before = end ? (page.first ?? last?.id) : last?.id;
          const place: Backfill = { complete: end && (page.complete || page.first === undefined), ...(before === undefined ? {} : { before }) };
          tx.put(log.keys.backfill(conversation), encodeBackfill(place));
        },
      });
    } catch (error) {
      if (!isOvertaken()) throw error;
    }
    return true;
  }
}

/** The time of `place`, behind which nothing is history; none of one that has an id alone, or that is not known. With nothing at all the archive was empty. */
const upTo = ({ id, stamp }: ArchivePlace = { id: "" }): Pick<ArchiveQuery, "end"> => (id !== undefined && stamp === undefined ? {} : { end: stamp ?? 0 });
