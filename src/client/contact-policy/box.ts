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
import { passingBy, unlessDamaged } from "../damaged.js";
import { decodeJson, encodeJson, jidField, numberField } from "../json-record.js";
import { positionOf, positionPart } from "../log/keys.js";
import { decodeMessage, encodeMessage, type LogDraft, type LogRecord } from "../log/message-record.js";

const placePrefix = "client/strangers/place/";
const placeKey = (place: number): StoreKey => storeKey(placePrefix + positionPart(place));
const messageKey = (place: number): StoreKey => storeKey(`client/strangers/message/${positionPart(place)}`);
/** Wherever a message can lie: they are counted from 1. */
const anyPlace = { first: 1, last: 2 ** 52 - 1, limit: Infinity };

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
  readonly #onError: (error: unknown) => void;
  #places: readonly BoxPlace[];
  /** Places of which nobody can say whose they are; the next message takes them away. */
  readonly #lost: number[] = [];

  private constructor(places: readonly BoxPlace[], bounds: BoxBounds, onError: (error: unknown) => void) {
    this.#places = places;
    this.#bounds = bounds;
    this.#onError = onError;
  }

  /** A row that cannot be read is told to `onError` and given up; the others, and the client, go on without it (threats D13). @throws StorageError */
  static async load(store: Store, bounds: BoxBounds = defaultBounds, onError: (error: unknown) => void = () => undefined): Promise<Box> {
    const places: BoxPlace[] = [];
    const box = new Box(places, bounds, onError);
    const rows = await passingBy(({ after, before }) => store.list({ prefix: placePrefix, after: placeKey(after), before: placeKey(before) }), anyPlace, (lost, error) => {
      box.#lost.push(lost);
      onError(error);
    });
    for (const { key, value } of rows) {
      const place = positionOf(key);
      const entry = await unlessDamaged(async () => decodePlace(place, value), onError);
      if (entry === "damaged") box.#lost.push(place);
      else places.push(entry);
    }
    return box;
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
    for (const lost of this.#lost.splice(0)) remove(tx, lost); // before what is written in its place
    const row = encodeMessage(record);
    const entry: BoxPlace = { place, jid: draft.from, bytes: row.length, receivedAt: draft.receivedAt };
    tx.put(messageKey(place), row);
    tx.put(placeKey(place), encodeJson({ jid: entry.jid, bytes: entry.bytes, receivedAt: entry.receivedAt }));
    this.#become(tx, [...this.#places, entry]);
    const dropped = this.#surplus(entry.jid);
    this.#leave(tx, dropped);
    return { record, dropped };
  }

  /** The messages of `jid`, oldest first, as the transaction would leave them; each that cannot be read is told, and left out. */
  async read(tx: Transaction, jid: BareJid): Promise<readonly LogRecord[]> {
    const records: LogRecord[] = [];
    for (const { place } of this.#places.filter((each) => each.jid === jid)) { // one by one: a store fails all that are read together
      const record = await unlessDamaged(async () => {
        const row = await tx.get(messageKey(place));
        return row === undefined ? undefined : decodeMessage(row);
      }, this.#onError);
      if (record !== undefined && record !== "damaged") records.push(record);
    }
    return records;
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
    for (const { place } of leaving) remove(tx, place);
    const gone = new Set(leaving);
    this.#become(tx, this.#places.filter((each) => !gone.has(each)));
  }

  #become(tx: Transaction, places: readonly BoxPlace[]): void {
    const former = this.#places;
    this.#places = places;
    tx.onUndone(() => { this.#places = former; });
  }
}

function remove(tx: Transaction, place: number): void {
  tx.delete(messageKey(place));
  tx.delete(placeKey(place));
}

function decodePlace(place: number, row: Uint8Array): BoxPlace {
  const record = decodeJson(row);
  return { place, jid: jidField(record, "jid"), bytes: numberField(record, "bytes"), receivedAt: numberField(record, "receivedAt") };
}
