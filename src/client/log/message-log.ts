/**
 * The message log: every message, sent and received, per conversation and over all of them, in one order.
 * Rows: `client/log/CONVERSATION/POSITION` the message; `client/timeline/POSITION` where it is; `client/sent/ID` messages of
 * this device; `client/sid/ID` messages by their id in the archive. They come and go together, in the transaction at hand.
 * Not here: reading what is committed (committed-log.ts), what a stanza becomes (receive/), what waits to leave (outbox/), deletion by age (retention.ts).
 * @module
 */
import { utf8, utf8Decode } from "../../base/bytes.js";
import { Emitter, type Unsubscribe } from "../../base/events.js";
import type { BareJid } from "../../base/jid.js";
import type { SymmetricCrypto } from "../../crypto/provider.js";
import type { Store } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { encodeJson } from "../json-record.js";
import type { Message } from "../message.js";
import { loadBounds, type LogBounds, noteBounds } from "./bounds.js";
import { CommittedLog } from "./committed-log.js";
import { LogKeys, positionPart } from "./keys.js";
import type { LogChange, Named, ReadMove } from "./log-changes.js";
import {
  decodeMessage, decodeTimelineEntry, encodeMessage, encodeTimelineEntry, type LogDraft, type LogRecord, timelineKind,
} from "./message-record.js";
import { encodeReadPlace, type ReadPlace } from "./read-place.js";
import { decodeSentPlace, encodeSentPlace, type Place, type SentPlace } from "./sent-place.js";

/** The log of one store. Writes are part of the transaction handed in; positions are given out in the order of the commits. */
export class MessageLog extends CommittedLog {
  readonly #changes: Emitter<LogChange>;
  readonly #reads: Emitter<ReadMove>;
  readonly #names: Emitter<Named>;
  readonly #deletions = new Map<BareJid, number>();
  #last: number;
  #first: number;

  private constructor(store: Store, keys: LogKeys, bounds: LogBounds, onListenerError?: (error: unknown) => void) {
    super(store, keys);
    this.#first = bounds.first;
    this.#last = bounds.last;
    this.#changes = new Emitter(onListenerError);
    this.#reads = new Emitter(onListenerError);
    this.#names = new Emitter(onListenerError);
  }

  /** Opens the log; reads where it begins and ends. */
  static async load(
    store: Store, symmetric: Pick<SymmetricCrypto, "sha256">, onListenerError?: (error: unknown) => void,
  ): Promise<MessageLog> {
    return new MessageLog(store, new LogKeys(symmetric), await loadBounds(store), onListenerError);
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

  /** The messages of one conversation before `position`, newest first, as the transaction would leave them. */
  async before(tx: Transaction, conversation: BareJid, position: number, limit: number): Promise<readonly LogRecord[]> {
    const prefix = this.keys.conversationPrefix(conversation);
    const rows = await tx.list({ prefix, before: prefix + positionPart(position), limit, reverse: true });
    return rows.map((row) => decodeMessage(row.value));
  }

  /** The first messages of a conversation in a range of positions, as the transaction would leave them. */
  async oldest(
    tx: Transaction, conversation: BareJid, { after, before, limit }: { readonly after: number; readonly before: number; readonly limit: number },
  ): Promise<readonly LogRecord[]> {
    const prefix = this.keys.conversationPrefix(conversation);
    const rows = await tx.list({ prefix, limit, after: prefix + positionPart(after), before: prefix + positionPart(before) });
    return rows.map((row) => decodeMessage(row.value));
  }

  /** Replaces the delivery of a message of this device that was read in this transaction. */
  replace(tx: Transaction, record: LogRecord): void {
    this.#write(tx, "changed", record);
  }

  /** Whether this account has ever written to `jid`, as far as this device knows. */
  async hasWrittenTo(tx: Transaction, jid: BareJid): Promise<boolean> {
    return (await tx.get(this.keys.writtenTo(jid))) !== undefined;
  }

  /** Removes a message and everything that points to it. Nothing older of its conversation is fetched any more. */
  remove(tx: Transaction, { message, extras: { stanzaId } }: LogRecord): void {
    this.endBackfill(tx, message.conversation);
    if (message.delivery !== undefined) tx.delete(this.keys.sent(message.id));
    if (stanzaId !== undefined) {
      tx.delete(this.keys.stanzaId(stanzaId));
      // What came live comes again with its page of the archive, and must not come as new.
      if (message.position > 0) this.noteTaken(tx, stanzaId, message.receivedAt);
    }
    this.#erase(tx, message, message);
  }

  /**
   * Removes one message. Its ids stay for good and lead to where it stood: it is not taken in or sent again under them, and what others say
   * about it still counts for those before it. Whoever calls keeps the place where paging back goes on.
   */
  removeOne(tx: Transaction, { message }: LogRecord): void {
    if (message.delivery !== undefined) tx.put(this.keys.sent(message.id), encodeSentPlace(message));
    this.#erase(tx, message, message);
  }

  /** Removes a message that cannot be read: nobody knows what points to it. */
  removeDamaged(tx: Transaction, place: Place): void {
    this.#erase(tx, place);
  }

  #erase(tx: Transaction, { conversation, position }: Place, message?: Message): void {
    tx.delete(this.keys.message(conversation, position));
    tx.delete(this.keys.timeline(position));
    if (message !== undefined) tx.afterCommit(() => { this.#changes.emit({ kind: "removed", message }); });
    noteBounds(tx, { first: this.#first, last: this.#last }, position);
  }

  /** Something of `conversation` is being deleted: what was deleted is not fetched again. */
  endBackfill(tx: Transaction, conversation: BareJid): void {
    tx.put(this.keys.backfill(conversation), encodeJson({ complete: true }));
    this.#deletions.set(conversation, this.deletions(conversation) + 1);
  }

  /** Calls of {@link endBackfill}, told at once and not behind the commit: what was fetched before one must not be written behind it. */
  deletions(conversation: BareJid): number {
    return this.#deletions.get(conversation) ?? 0;
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
    const message: Message = { ...rest, position };
    tx.put(this.keys.timeline(position), encodeTimelineEntry({ kind: timelineKind(message), conversation: message.conversation }));
    if (message.delivery !== undefined) tx.put(this.keys.sent(message.id), encodeSentPlace(message));
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
    tx.afterCommit(() => { this.#changes.emit({ kind, message }); });
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
