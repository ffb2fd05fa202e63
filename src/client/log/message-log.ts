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
import type { Store, StoreKey } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { encodeJson } from "../json-record.js";
import type { Message } from "../message.js";
import { CommittedLog } from "./committed-log.js";
import { LogKeys, logEndKey, positionOf, positionPart, timelinePrefix } from "./keys.js";
import type { LogChange, Named, ReadMove } from "./log-changes.js";
import {
  decodeMessage, decodeTimelineEntry, encodeMessage, encodeTimelineEntry, type LogDraft, type LogRecord, timelineKind,
} from "./message-record.js";
import { encodeReadPlace, type ReadPlace } from "./read-place.js";

/** The log of one store. Writes are part of the transaction handed in; positions are given out in the order of the commits. */
export class MessageLog extends CommittedLog {
  readonly #changes: Emitter<LogChange>;
  readonly #reads: Emitter<ReadMove>;
  readonly #names: Emitter<Named>;
  readonly #deletions = new Map<BareJid, number>();
  #last: number;
  #first: number;

  private constructor(store: Store, keys: LogKeys, bounds: { readonly first: number; readonly last: number }, onListenerError?: (error: unknown) => void) {
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
    const [first] = await store.list({ prefix: timelinePrefix, limit: 1 });
    const [last] = await store.list({ prefix: timelinePrefix, limit: 1, reverse: true });
    const end = await store.get(logEndKey);
    const bounds = {
      first: Math.min(1, first === undefined ? 1 : positionOf(first.key)),
      last: Math.max(0, last === undefined ? 0 : positionOf(last.key), end === undefined ? 0 : Number(utf8Decode(end))),
    };
    return new MessageLog(store, new LogKeys(symmetric), bounds, onListenerError);
  }

  /** The highest position given out so far; 0 in an empty log. */
  get last(): number {
    return this.#last;
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

  /** Notes under which id the archive has the message at `position`. */
  async bindStanzaId(tx: Transaction, position: number, stanzaId: string): Promise<void> {
    const record = await this.record(tx, position);
    if (record === undefined || record.extras.stanzaId !== undefined) return;
    const row = { ...record, extras: { ...record.extras, stanzaId } };
    tx.put(this.keys.message(record.message.conversation, position), encodeMessage(row));
    this.#name(tx, record.message, stanzaId);
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

  /** The first messages of a conversation, as the transaction would leave them. */
  async oldest(tx: Transaction, conversation: BareJid, limit: number, after: number = -Infinity): Promise<readonly LogRecord[]> {
    const prefix = this.keys.conversationPrefix(conversation);
    const rows = await tx.list({ prefix, limit, ...(after === -Infinity ? {} : { after: prefix + positionPart(after) }) });
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

  /** Removes a message and everything that points to it. */
  remove(tx: Transaction, { message, extras }: LogRecord): void {
    const { conversation, position, receivedAt } = message;
    tx.delete(this.keys.message(conversation, position));
    tx.delete(this.keys.timeline(position));
    if (message.delivery !== undefined) tx.delete(this.keys.sent(message.id));
    if (extras.stanzaId !== undefined) tx.delete(this.keys.stanzaId(extras.stanzaId));
    this.endBackfill(tx, conversation);
    if (position > 0) {
      // Whatever is the last row now: more than there are rows may have been given out.
      tx.put(logEndKey, utf8(String(this.#last)));
      // What came live comes again with its page of the archive, and must not come as new.
      if (extras.stanzaId !== undefined) this.noteTaken(tx, extras.stanzaId, receivedAt);
    }
    tx.afterCommit(() => { this.#changes.emit({ kind: "removed", message }); });
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

  #name(tx: Transaction, { conversation, position }: Message, stanzaId: string): void {
    tx.put(this.keys.stanzaId(stanzaId), utf8(String(position)));
    tx.afterCommit(() => { this.#names.emit({ conversation, stanzaId }); });
  }

  #add(tx: Transaction, draft: LogDraft, position: number): Message {
    const { stanzaId, originId, markable, ...rest } = draft;
    const message: Message = { ...rest, position };
    tx.put(this.keys.timeline(position), encodeTimelineEntry({ kind: timelineKind(message), conversation: message.conversation }));
    if (message.delivery !== undefined) tx.put(this.keys.sent(message.id), pointer(message));
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
    const row = await tx.get(this.keys.sent(id));
    return row === undefined ? undefined : decoded(await tx.get(pointedTo(this.keys, row)));
  }
}

const pointer = ({ position, conversation }: Message): Uint8Array => utf8(`${position} ${conversation}`);

function pointedTo(keys: LogKeys, row: Uint8Array): StoreKey {
  const text = utf8Decode(row) ?? "";
  const space = text.indexOf(" ");
  return keys.message(text.slice(space + 1) as BareJid, Number(text.slice(0, space)));
}

const decoded = (row: Uint8Array | undefined): LogRecord | undefined => (row === undefined ? undefined : decodeMessage(row));
