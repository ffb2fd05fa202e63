/**
 * What the log holds as it is committed, read outside of any transaction: pages of messages, of one conversation or of all.
 * Not here: writing, and reading what a transaction would leave (message-log.ts), rows that cannot be read (damaged.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Store, StoreRow } from "../../session/ports.js";
import type { Message } from "../message.js";
import { type LogKeys, positionOf, positionPart, timelinePrefix } from "./keys.js";
import { decodeMessage, decodeTimelineEntry, type TimelineEntry } from "./message-record.js";

/** Messages of one page unless asked otherwise, and at most. */
export const pageSizeDefault = 50;
export const pageSizeMax = 1_000;

/** Which messages to read. */
export interface LogRange {
  /** Default: all conversations. */
  readonly conversation?: BareJid;
  /** Only positions strictly greater. */
  readonly after?: number;
  /** Only positions strictly smaller. */
  readonly before?: number;
  /** At most this many; default 50, at most 1,000. */
  readonly limit?: number;
  /** Newest first; with `limit` the newest of the range. */
  readonly reverse?: boolean;
}

/** An entry of the index over all conversations. */
export interface TimelinePlace extends TimelineEntry {
  readonly position: number;
}

/** The reading side of a log. */
export class CommittedLog {
  /** Names of rows that belong to conversations. */
  readonly keys: LogKeys;
  readonly #store: Store;

  constructor(store: Store, keys: LogKeys) {
    this.#store = store;
    this.keys = keys;
  }

  /** Reads committed messages. */
  async page(range: LogRange = {}): Promise<readonly Message[]> {
    if (range.conversation !== undefined) {
      const rows = await this.#list(this.keys.conversationPrefix(range.conversation), range);
      return rows.map((row) => decodeMessage(row.value).message);
    }
    return this.read(await this.places(range));
  }

  /** Reads committed entries of the index over all conversations. */
  async places(range: Omit<LogRange, "conversation"> = {}): Promise<readonly TimelinePlace[]> {
    const rows = await this.#list(timelinePrefix, range);
    return rows.map((row) => ({ ...decodeTimelineEntry(row.value), position: positionOf(row.key) }));
  }

  /** The same for one conversation, which need not be looked for among the others. */
  async placesOf(conversation: BareJid, range: Omit<LogRange, "conversation"> = {}): Promise<readonly TimelinePlace[]> {
    const positions = (await this.#list(this.keys.conversationPrefix(conversation), range)).map(({ key }) => positionOf(key));
    const rows = await this.#store.getMany(positions.map((position) => this.keys.timeline(position)));
    return positions.map((position, i) => {
      const row = rows[i];
      const entry: TimelineEntry = row === undefined ? { kind: "unreadable", conversation } : decodeTimelineEntry(row); // removed meanwhile
      return { ...entry, position };
    });
  }

  /** The committed messages at `places`; those removed meanwhile are left out. */
  async read(places: readonly Pick<TimelinePlace, "conversation" | "position">[]): Promise<readonly Message[]> {
    const rows = await this.#store.getMany(places.map(({ conversation, position }) => this.keys.message(conversation, position)));
    return rows.flatMap((row) => (row === undefined ? [] : [decodeMessage(row).message]));
  }

  #list(prefix: string, { after, before, limit = pageSizeDefault, reverse = false }: LogRange): Promise<readonly StoreRow[]> {
    return this.#store.list({
      prefix, reverse, limit: Math.max(1, Math.min(limit, pageSizeMax)),
      ...(after === undefined ? {} : { after: prefix + positionPart(after) }),
      ...(before === undefined ? {} : { before: prefix + positionPart(before) }),
    });
  }
}
