/**
 * The strangers' box: what strangers wrote, beside every conversation until the user decides. Bounded, per sender and in all; the oldest
 * leave. Rows: `client/strangers/message/PLACE` the message; `client/strangers/place/PLACE` whose it is and how large.
 * Threats V03, L02, H06. Not here: who is a stranger (gate.ts), what applications call (strangers.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { strangersBytesMax, strangersMessagesMax, strangersMessagesPerSenderMax } from "../../base/limits.js";
import { type Store, type StoreKey, storeKey } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { decodeJson, encodeJson, jidField, numberField } from "../json-record.js";
import { positionOf, positionPart } from "../log/keys.js";
import { decodeMessage, encodeMessage, type LogDraft, type LogRecord } from "../log/message-record.js";

const placePrefix = "client/strangers/place/";
const placeKey = (place: number): StoreKey => storeKey(placePrefix + positionPart(place));
const messageKey = (place: number): StoreKey => storeKey(`client/strangers/message/${positionPart(place)}`);

/** A message of the box, without its text. */
export interface BoxPlace {
  /** Unique in the box, growing in the order in which messages came. */
  readonly place: number;
  readonly jid: BareJid;
  readonly bytes: number;
  /** Milliseconds since 1970, our clock. */
  readonly receivedAt: number;
}

/** The bounds, for tests; the defaults are the limits of base/limits.ts. */
export interface BoxBounds {
  readonly messages: number;
  readonly perSender: number;
  readonly bytes: number;
}

const defaultBounds: BoxBounds = { messages: strangersMessagesMax, perSender: strangersMessagesPerSenderMax, bytes: strangersBytesMax };

/** The box of one store. Changes are part of the transaction handed in; the places in memory follow it, also when it is given up. */
export class Box {
  readonly #bounds: BoxBounds;
  #places: readonly BoxPlace[];

  private constructor(places: readonly BoxPlace[], bounds: BoxBounds) {
    this.#places = places;
    this.#bounds = bounds;
  }

  /** @throws ClientError `ERR_RECORD_INVALID`, StorageError */
  static async load(store: Store, bounds: BoxBounds = defaultBounds): Promise<Box> {
    const rows = await store.list({ prefix: placePrefix });
    return new Box(rows.map(({ key, value }) => {
      const record = decodeJson(value);
      return { place: positionOf(key), jid: jidField(record, "jid"), bytes: numberField(record, "bytes"), receivedAt: numberField(record, "receivedAt") };
    }), bounds);
  }

  /** Oldest first. */
  get places(): readonly BoxPlace[] {
    return this.#places;
  }

  has(jid: BareJid): boolean {
    return this.#places.some((each) => each.jid === jid);
  }

  /** Adds a message. @returns it as it is stored, and what had to leave for it */
  put(tx: Transaction, draft: LogDraft): { readonly record: LogRecord; readonly dropped: readonly BoxPlace[] } {
    const { stanzaId, originId, markable, ...rest } = draft;
    const place = (this.#places.at(-1)?.place ?? 0) + 1;
    const record: LogRecord = {
      message: { ...rest, position: place },
      extras: {
        ...(stanzaId === undefined ? {} : { stanzaId }), ...(originId === undefined ? {} : { originId }),
        ...(markable === true ? { markable } : {}),
      },
    };
    const row = encodeMessage(record);
    const entry: BoxPlace = { place, jid: draft.from, bytes: row.length, receivedAt: draft.receivedAt };
    tx.put(messageKey(place), row);
    tx.put(placeKey(place), encodeJson({ jid: entry.jid, bytes: entry.bytes, receivedAt: entry.receivedAt }));
    this.#become(tx, [...this.#places, entry]);
    const dropped = this.#surplus(entry.jid);
    this.#leave(tx, dropped);
    return { record, dropped };
  }

  /** The messages of `jid`, oldest first, as the transaction would leave them. */
  async read(tx: Transaction, jid: BareJid): Promise<readonly LogRecord[]> {
    const rows = await tx.getMany(this.#places.filter((each) => each.jid === jid).map(({ place }) => messageKey(place)));
    return rows.flatMap((row) => (row === undefined ? [] : [decodeMessage(row)]));
  }

  /** Removes the messages of `jid`, or all. @returns how many */
  clear(tx: Transaction, jid: BareJid | undefined): number {
    const leaving = this.#places.filter((each) => jid === undefined || each.jid === jid);
    this.#leave(tx, leaving);
    return leaving.length;
  }

  /** One sender's flood drives out his own messages first. */
  #surplus(jid: BareJid): readonly BoxPlace[] {
    const { messages, perSender, bytes } = this.#bounds;
    const own = this.#places.filter((each) => each.jid === jid);
    const dropped = own.slice(0, Math.max(0, own.length - perSender));
    const kept = this.#places.filter((each) => !dropped.includes(each));
    let size = kept.reduce((sum, each) => sum + each.bytes, 0);
    for (let count = kept.length; count > 1 && (count > messages || size > bytes); count--) {
      const oldest = kept.shift() as BoxPlace;
      size -= oldest.bytes;
      dropped.push(oldest);
    }
    return dropped;
  }

  #leave(tx: Transaction, leaving: readonly BoxPlace[]): void {
    if (leaving.length === 0) return;
    for (const { place } of leaving) {
      tx.delete(messageKey(place));
      tx.delete(placeKey(place));
    }
    const gone = new Set(leaving);
    this.#become(tx, this.#places.filter((each) => !gone.has(each)));
  }

  #become(tx: Transaction, places: readonly BoxPlace[]): void {
    const former = this.#places;
    this.#places = places;
    tx.onUndone(() => { this.#places = former; });
  }
}
