/**
 * The record of one message that waits to leave. Before it is sealed it holds the content, afterwards the final bytes: what is sent
 * again is identical, and no plaintext lies here longer than needed (threats C09, R27).
 * Not here: order and memory (slots.ts), reading the XML in it (entry-elements.ts).
 * @module
 */
import { utf8Decode, type Bytes } from "../../base/bytes.js";
import type { BareJid } from "../../base/jid.js";
import { serializeXml, xml, type XmlElement } from "../../base/xml.js";
import { keyPart, storeKey, type StoreKey } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { StorageError } from "../../storage/errors.js";
import { unlessDamaged } from "../damaged.js";
import { choiceField, decodeJson, encodeJson, jidField, numberField, optionalField, stringField } from "../json-record.js";

/** How a message is to travel. Decided when it is handed in, never changed later (threats T05). */
export type Protection = "omemo" | "none";

/** What a message is for. Only a `message` is in the log and asks for receipts; the others are automatic. */
export type Purpose = "message" | "receipt" | "marker";

/** A message on its way out. */
export interface OutboxEntry {
  /** Its place: the order of the commits, and so of `send()`. */
  readonly seq: number;
  /** Id of the message, of its stanza and origin-id. */
  readonly id: string;
  readonly to: BareJid;
  readonly protection: Protection;
  readonly purpose: Purpose;
  /** Where it is in the message log; only for `message`. */
  readonly position?: number | undefined;
  /** Milliseconds since the epoch, by our clock. */
  readonly storedAt: number;
  /**
   * The newest time of the archive that was known when the entry was written, by the server's clock: the archive has the message
   * after it or not at all (threats Q03). Absent if the archive was empty or never seen.
   */
  readonly anchor?: number | undefined;
  /** What goes inside, see {@link contentText}; gone once it is sealed. */
  readonly content?: string | undefined;
  /** The complete stanza as XML once it is sealed. */
  readonly sealed?: string | undefined;
}

const outboxPrefix = "client/outbox/";
const contentNamespace = "sotto:outbox";
const ownPrefix = "client/own/";

/** All entries, in order. */
export const outboxRange: { readonly prefix: string } = { prefix: outboxPrefix };
/** Ids that this device has sealed. */
export const ownRange: { readonly prefix: string } = { prefix: ownPrefix };
/** Which sequences of which stream the written entries have. */
export const writtenKey: StoreKey = storeKey("client/written");
/** Up to which entry everything may have been sent by a state that was lost (threats R21). */
export const suspectKey: StoreKey = storeKey("client/outbox-suspect");

/** The key of an entry. */
export const outboxKey = (seq: number): StoreKey => storeKey(outboxPrefix + seq.toString(16).padStart(14, "0"));

/** The key under which a sealed id is remembered. @param id one of ours, or anything that an archive holds */
export const ownKey = (id: string): StoreKey | undefined => {
  const part = keyPart(id);
  return part.length <= 256 ? storeKey(ownPrefix + part) : undefined; // none of ours is that long
};

/** Whether this device has ever sealed `id`: messages, receipts, empty messages. The row says so by being there, damaged or not (threats D13). */
export async function isOwn(tx: Transaction, id: string): Promise<boolean> {
  const key = ownKey(id);
  return key !== undefined && (await unlessDamaged(() => tx.get(key))) !== undefined;
}

/** The stored form. */
export const encodeEntry = (entry: OutboxEntry): Bytes => encodeJson({ ...entry });

/** @throws ClientError `ERR_RECORD_INVALID` */
export function decodeEntry(bytes: Uint8Array): OutboxEntry {
  const record = decodeJson(bytes);
  return {
    seq: numberField(record, "seq"),
    id: stringField(record, "id"),
    to: jidField(record, "to"),
    protection: choiceField(record, "protection", ["omemo", "none"]),
    purpose: choiceField(record, "purpose", ["message", "receipt", "marker"]),
    position: optionalField(record, "position", numberField),
    storedAt: numberField(record, "storedAt"),
    anchor: optionalField(record, "anchor", numberField),
    content: optionalField(record, "content", stringField),
    sealed: optionalField(record, "sealed", stringField),
  };
}

/** Why a message fails whose entry cannot be read (threats D13). */
export const unreadableEntry = (): StorageError => new StorageError("ERR_STORE_CORRUPT", "the message cannot be read from the store");

/** The elements that go inside as one text. */
export const contentText = (content: readonly XmlElement[]): string => serializeXml(xml(contentNamespace, "content", {}, ...content));

const contentBegin = `<content xmlns="${contentNamespace}">`;
const contentEnd = "</content>";

/** The content of two texts of {@link contentText} as one. As text, since what parses comes with the first stream. `undefined` if one holds nothing. */
export function joinedContent(text: string, more: string): string | undefined {
  const whole = [text, more].every((each) => each.startsWith(contentBegin) && each.endsWith(contentEnd));
  return whole ? text.slice(0, -contentEnd.length) + more.slice(contentBegin.length) : undefined;
}

/** What a stored number says; `undefined` if it is none. */
export function storedNumber(row: Uint8Array | undefined): number | undefined {
  const text = row === undefined ? undefined : utf8Decode(row);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
