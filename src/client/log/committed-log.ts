/**
 * What the log holds as it is committed, read outside of any transaction: pages of messages, of one conversation or of all.
 * What cannot be read is left out and told, by default to the application (threats D13).
 * Not here: writing, and reading what a transaction would leave (message-log.ts), how a damaged row is passed by (client/damaged.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Store, StoreRow } from "../../session/ports.js";
import { passingBy, passingByBackwards, unlessDamaged } from "../damaged.js";
import type { Message } from "../message.js";
import { type LogKeys, positionOf, positionPart, timelinePrefix } from "./keys.js";
import { decodeMessage, decodeTimelineEntry, type TimelineEntry } from "./message-record.js";

/** Messages of one page unless asked otherwise, and at most. */
const pageSizeDefault = 50;
export const pageSizeMax = 1_000;

/**
 * How many messages a {@link LogRange} asks for. NaN counts as not given: a store that answered a question for NaN rows would seem to break its promise,
 * and be given up (threats D20).
 */
export const pageSize = ({ limit = pageSizeDefault }: Pick<LogRange, "limit">): number => Math.max(1, Math.min(limit, pageSizeMax)) || pageSizeDefault;

/** Which messages to read. */
export interface LogRange {
  /** Default: all conversations. */
  readonly conversation?: BareJid | undefined;
  /** Only positions strictly greater. */
  readonly after?: number | undefined;
  /** Only positions strictly smaller. */
  readonly before?: number | undefined;
  /** At most this many; default 50, from 1 to 1,000: what is beyond counts as the nearest, and NaN as the default. */
  readonly limit?: number | undefined;
  /** Newest first; with `limit` the newest of the range. */
  readonly reverse?: boolean | undefined;
}

/** An entry of the index over all conversations. */
export interface TimelinePlace extends TimelineEntry {
  readonly position: number;
}

type Place = Pick<TimelinePlace, "conversation" | "position">;
type OnError = (error: unknown) => void;

/** The reading side of a log. */
export abstract class CommittedLog {
  /** The outermost positions given out so far. */
  abstract readonly first: number;
  abstract readonly last: number;
  /** Names of rows that belong to conversations. */
  readonly keys: LogKeys;
  /** Told of each row that cannot be read. */
  readonly onDamaged: OnError;
  readonly #store: Store;

  constructor(store: Store, keys: LogKeys, onDamaged: OnError = () => undefined) {
    this.#store = store;
    this.keys = keys;
    this.onDamaged = onDamaged;
  }

  /** Reads committed messages: as many as are asked for, or all there are. @throws StorageError of the store as a whole */
  page(range: LogRange = {}): Promise<readonly Message[]> {
    return this.#walk(range, (each) => this.#page(each));
  }

  /** Reads committed entries of the index over all conversations, likewise. @throws StorageError of the store as a whole */
  places(range: Omit<LogRange, "conversation"> = {}, onError?: OnError): Promise<readonly TimelinePlace[]> {
    return this.#walk(range, (each) => this.#places(each), onError);
  }

  /** The same for one conversation, which need not be looked for among the others. */
  async placesOf(conversation: BareJid, range: Omit<LogRange, "conversation"> = {}): Promise<readonly TimelinePlace[]> {
    const positions = (await this.#list(this.keys.conversationPrefix(conversation), range)).map(({ key }) => positionOf(key));
    const rows = await this.#store.getMany(positions.map((position) => this.keys.timeline(position)));
    return positions.map((position, i) => {
      const row = rows[i];
      const entry: TimelineEntry = row === undefined ? { kind: "unreadable", conversation } : decodeTimelineEntry(row); // removed meanwhile
      return { position, ...entry };
    });
  }

  /** The committed messages at `places`; those removed meanwhile are left out. @throws StorageError of the store as a whole */
  async read(places: readonly Place[], onError: OnError = this.onDamaged): Promise<readonly Message[]> {
    const found = await unlessDamaged(() => this.#read(places));
    if (found !== "damaged") return found;
    const each = await Promise.all(places.map((place) => unlessDamaged(() => this.#read([place]), onError)));
    return each.flatMap((messages) => (messages === "damaged" ? [] : messages));
  }

  #walk<T>(range: LogRange, read: (range: LogRange) => Promise<readonly T[]>, onError: OnError = this.onDamaged): Promise<readonly T[]> {
    const { after = -Infinity, before = Infinity, reverse } = range;
    return (reverse === true ? passingByBackwards : passingBy)(
      (span) => read({ ...range, ...span }),
      { first: Math.max(this.first, after + 1), last: Math.min(this.last, before - 1), limit: pageSize(range) },
      (_, error) => { onError(error); },
    );
  }

  async #page(range: LogRange): Promise<readonly Message[]> {
    if (range.conversation === undefined) return this.#read(await this.#places(range));
    const rows = await this.#list(this.keys.conversationPrefix(range.conversation), range);
    return rows.map((row) => decodeMessage(row.value).message);
  }

  async #places(range: LogRange): Promise<readonly TimelinePlace[]> {
    const rows = await this.#list(timelinePrefix, range);
    return rows.map((row) => ({ position: positionOf(row.key), ...decodeTimelineEntry(row.value) }));
  }

  async #read(places: readonly Place[]): Promise<readonly Message[]> {
    const rows = await this.#store.getMany(places.map(({ conversation, position }) => this.keys.message(conversation, position)));
    return rows.flatMap((row) => (row === undefined ? [] : [decodeMessage(row).message]));
  }

  #list(prefix: string, { after, before, limit, reverse = false }: LogRange): Promise<readonly StoreRow[]> {
    return this.#store.list({
      prefix, reverse, limit: pageSize({ limit }),
      ...(after === undefined ? {} : { after: prefix + positionPart(after) }),
      ...(before === undefined ? {} : { before: prefix + positionPart(before) }),
    });
  }
}
