/**
 * The message log: every message, sent and received, per conversation and over all of them, in one order.
 * Rows: `client/log/CONVERSATION/POSITION` the message; `client/timeline/POSITION` where it is; `client/sent/ID` messages of
 * this device; `client/sid/ID` messages by their id in the archive. They come and go together, in the transaction at hand.
 * Not here: reading what is committed (committed-log.ts), what a stanza becomes (receive/), what waits to leave (outbox/), removing
 * (removal.ts).
 * @module
 */
import { utf8, utf8Decode } from "../../base/bytes.js";
import { Emitter, type Unsubscribe } from "../../base/events.js";
import type { BareJid } from "../../base/jid.js";
import type { SymmetricCrypto } from "../../crypto/provider.js";
import type { Store } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { passingByBackwards, type ReadSpan, unlessDamaged } from "../damaged.js";
import type { Message } from "../message.js";
import { loadBounds, type LogBounds } from "./bounds.js";
import { CommittedLog } from "./committed-log.js";
import { LogKeys, positionPart } from "./keys.js";
import {
  decodeMessage, decodeTimelineEntry, encodeMessage, encodeTimelineEntry, type LogDraft, type LogRecord, timelineKind,
} from "./message-record.js";
import { encodeReadPlace, type ReadPlace } from "./read-place.js";
import { decodeSentPlace, encodeSentPlace, type Place, type SentPlace } from "./sent-place.js";

/** What happened to a message of the log; told after the commit. */
export interface LogChange {
  readonly kind: "added" | "changed" | "removed";
  readonly message: Message;
}

/** A read position has moved; told after the commit. */
export interface ReadMove {
  readonly conversation: BareJid;
  /** `undefined`: nothing is known to be read any more. */
  readonly position: number | undefined;
}

/** Our archive's id of a message is known; told after the commit. */
export interface Named {
  readonly conversation: BareJid;
  readonly stanzaId: string;
}

/** The log of one store. Writes are part of the transaction handed in; positions are given out in the order of the commits. */
export class MessageLog extends CommittedLog {
  readonly #changes: Emitter<LogChange>;
  readonly #reads: Emitter<ReadMove>;
  readonly #names: Emitter<Named>;
  #last: number;
  #first: number;

  private constructor(store: Store, keys: LogKeys, bounds: LogBounds, onError?: (error: unknown) => void) {
    super(store, keys, onError);
    this.#first = bounds.first;
    this.#last = bounds.last;
    this.#changes = new Emitter(onError);
    this.#reads = new Emitter(onError);
    this.#names = new Emitter(onError);
  }

  /** Opens the log; reads where it begins and ends. `onError` is told of listeners that throw, and of rows that cannot be read. */
  static async load(store: Store, symmetric: Pick<SymmetricCrypto, "sha256">, onError?: (error: unknown) => void): Promise<MessageLog> {
    return new MessageLog(store, new LogKeys(symmetric), await loadBounds(store, onError), onError);
  }

  /** The highest position given out so far; 0 in an empty log. */
  get last(): number {
    return this.#last;
  }

  /** The lowest, at most 1. */
  get first(): number {
    return this.#first;
  }

  /** Adds a message at the end. */
  append(tx: Transaction, draft: LogDraft): Message {
    return this.#add(tx, draft, ++this.#last);
  }

  /** Adds a message before all others: history from before this device, newest first. */
  prepend(tx: Transaction, draft: LogDraft): Message {
    return this.#add(tx, draft, --this.#first);
  }

  /** The message that this device sent under `id`. */
  async sent(tx: Transaction, id: string): Promise<Message | undefined> {
    return (await this.#sentRecord(tx, id))?.message;
  }

  /** Replaces the message that this device sent under `id`; `undefined` if there is none. Ids and place stay. */
  async updateSent(tx: Transaction, id: string, change: (message: Message) => Message): Promise<Message | undefined> {
    const record = await this.#sentRecord(tx, id);
    if (record === undefined) return undefined;
    const changed = change(record.message);
    if (changed === record.message) return changed;
    this.#write(tx, "changed", { ...record, message: changed });
    return changed;
  }

  /** Notes where `message` stands, or stood, if this device sent it. */
  noteSent(tx: Transaction, message: Message): void {
    if (message.delivery !== undefined) tx.put(this.keys.sent(message.id), encodeSentPlace(message));
  }

  /** Where the message stands, or stood, that this device sent under `id`. */
  async sentPlace(tx: Transaction, id: string): Promise<SentPlace | undefined> {
    const row = await tx.get(this.keys.sent(id));
    return row === undefined ? undefined : decodeSentPlace(row);
  }

  /** Notes under which id the archive has the message that this device sent under `id`, also if it was deleted. */
  async bindStanzaId(tx: Transaction, id: string, stanzaId: string): Promise<void> {
    const place = await this.sentPlace(tx, id);
    if (place === undefined) return;
    const record = await this.#at(tx, place);
    if (record?.extras.stanzaId !== undefined) return;
    if (record !== undefined) tx.put(this.keys.message(place.conversation, place.position), encodeMessage({ ...record, extras: { ...record.extras, stanzaId } }));
    this.#name(tx, place, stanzaId);
  }

  /** Whether what has this id in our archive was taken in before, into the log or past it. */
  async hasStanzaId(tx: Transaction, stanzaId: string): Promise<boolean> {
    const rows = await tx.getMany([this.keys.stanzaId(stanzaId), this.keys.taken(stanzaId)]);
    return rows.some((row) => row !== undefined);
  }

  /** Notes that what has this id in our archive, and was taken in at `time`, needs no place in the log: a receipt, say, or what was deleted. */
  noteTaken(tx: Transaction, stanzaId: string, time: number): void {
    tx.put(this.keys.taken(stanzaId), utf8(String(time)));
  }

  /** Where the message with this id of our archive is. */
  async positionOfStanza(tx: Transaction, stanzaId: string): Promise<number | undefined> {
    const row = await tx.get(this.keys.stanzaId(stanzaId));
    return row === undefined ? undefined : Number(utf8Decode(row));
  }

  /** The message at `position` with all that is stored of it. */
  async record(tx: Transaction, position: number): Promise<LogRecord | undefined> {
    const entry = await tx.get(this.keys.timeline(position));
    if (entry === undefined) return undefined;
    return decoded(await tx.get(this.keys.message(decodeTimelineEntry(entry).conversation, position)));
  }

  /** Up to `limit` messages of a conversation up to `last`, newest first, as the transaction would leave them; without those that cannot be read. */
  newest(tx: Transaction, conversation: BareJid, last: number, limit: number): Promise<readonly LogRecord[]> {
    return passingByBackwards(this.reader(tx, conversation, true), { first: this.#first, last, limit }, () => undefined);
  }

  /** Reads the messages of a conversation as the transaction would leave them, in spans of positions; `reverse`: newest first. */
  reader(tx: Transaction, conversation: BareJid, reverse = false): ReadSpan<LogRecord> {
    const prefix = this.keys.conversationPrefix(conversation);
    return async ({ after, before, limit }) => {
      const rows = await tx.list({ prefix, after: prefix + positionPart(after), before: prefix + positionPart(before), limit, reverse });
      return rows.map((row) => decodeMessage(row.value));
    };
  }

  /** Replaces the delivery of a message of this device that was read in this transaction. */
  replace(tx: Transaction, record: LogRecord): void {
    this.#write(tx, "changed", record);
  }

  /** Whether this account has ever written to `jid`, as far as this device knows. The row says so by being there, damaged or not (threats D13). */
  async hasWrittenTo(tx: Transaction, jid: BareJid): Promise<boolean> {
    return (await unlessDamaged(() => tx.get(this.keys.writtenTo(jid)))) !== undefined;
  }

  /** For removal.ts: tells those who follow the log, after the commit. */
  tell(change: LogChange): void {
    this.#changes.emit(change);
  }

  /** Calls `listener` after each commit that added, changed or removed a message, in order. */
  onChange(listener: (change: LogChange) => void): Unsubscribe {
    return this.#changes.subscribe(listener);
  }

  /** Notes up to where a conversation was read, or that nothing is known of it any more. */
  writeRead(tx: Transaction, conversation: BareJid, place: ReadPlace | undefined): void {
    const key = this.keys.readPosition(conversation);
    if (place === undefined) tx.delete(key);
    else tx.put(key, encodeReadPlace(place));
    tx.afterCommit(() => { this.#reads.emit({ conversation, position: place?.position }); });
  }

  /** Calls `listener` after each commit that moved a read position, in order. */
  onRead(listener: (move: ReadMove) => void): Unsubscribe {
    return this.#reads.subscribe(listener);
  }

  /** Calls `listener` after each commit in which a message got its id of our archive, in order. */
  onNamed(listener: (named: Named) => void): Unsubscribe {
    return this.#names.subscribe(listener);
  }

  #name(tx: Transaction, { conversation, position }: Place, stanzaId: string): void {
    tx.put(this.keys.stanzaId(stanzaId), utf8(String(position)));
    tx.afterCommit(() => { this.#names.emit({ conversation, stanzaId }); });
  }

  #add(tx: Transaction, draft: LogDraft, position: number): Message {
    const { stanzaId, originId, markable, ...rest } = draft;
    const message: Message = Object.assign(rest, { position }); // whatever place it had elsewhere
    tx.put(this.keys.timeline(position), encodeTimelineEntry({ kind: timelineKind(message), conversation: message.conversation }));
    this.noteSent(tx, message);
    if (message.direction === "sent") tx.put(this.keys.writtenTo(message.conversation), utf8("1"));
    if (stanzaId !== undefined) this.#name(tx, message, stanzaId);
    this.#write(tx, "added", {
      message,
      extras: {
        ...(stanzaId === undefined ? {} : { stanzaId }), ...(originId === undefined ? {} : { originId }),
        ...(markable === true ? { markable } : {}),
      },
    });
    return message;
  }

  #write(tx: Transaction, kind: "added" | "changed", record: LogRecord): void {
    const { message } = record;
    tx.put(this.keys.message(message.conversation, message.position), encodeMessage(record));
    tx.afterCommit(() => { this.tell({ kind, message }); });
  }

  async #sentRecord(tx: Transaction, id: string): Promise<LogRecord | undefined> {
    const place = await this.sentPlace(tx, id);
    return place === undefined ? undefined : this.#at(tx, place);
  }

  async #at(tx: Transaction, { conversation, position }: Place): Promise<LogRecord | undefined> {
    return decoded(await tx.get(this.keys.message(conversation, position)));
  }
}

const decoded = (row: Uint8Array | undefined): LogRecord | undefined => (row === undefined ? undefined : decodeMessage(row));
