/** The stored form of a message, and of its place in the index over all conversations. @module */
import { utf8, utf8Decode, type Bytes } from "../../base/bytes.js";
import { type BareJid, parseBareJid } from "../../base/jid.js";
import {
  asObject, choiceField, decodeJson, encodeJson, givenField, invalidRecord, jidField, type Json, numberField, stringField,
} from "../json-record.js";
import type { Attention, Delivery, Message, MessageSecurity } from "../message.js";

/** What the log keeps of a message beside what applications see. */
export interface MessageExtras {
  /** Its id in the account's archive. */
  readonly stanzaId?: string;
  /** The id of the stanza, where it is not the message's. */
  readonly originId?: string;
  /** The sender asked to be told when it is displayed (XEP-0333). */
  readonly markable?: boolean;
}

/** A message as it is appended. */
export type LogDraft = Omit<Message, "position"> & MessageExtras;

/** A message with everything that the log knows of it. */
export interface LogRecord {
  readonly message: Message;
  readonly extras: MessageExtras;
}

/** What kind of message a place in the timeline holds: whoever looks for one kind need not read the others. */
export type TimelineKind =
  /** Readable, from somebody else. */
  | "received"
  /** Readable, from another device of this account. */
  | "carbon"
  /** Sent by this device. */
  | "own"
  | "unreadable";

/** An entry of the timeline. */
export interface TimelineEntry {
  readonly kind: TimelineKind;
  readonly conversation: BareJid;
}

const letters: Readonly<Record<TimelineKind, string>> = { received: "r", carbon: "c", own: "o", unreadable: "u" };
const kinds = Object.keys(letters) as readonly TimelineKind[];

/** How `message` is listed. */
export function timelineKind(message: Message | LogDraft): TimelineKind {
  if (message.unreadable !== undefined) return "unreadable";
  if (message.delivery !== undefined) return "own";
  return message.direction === "sent" ? "carbon" : "received";
}

export const encodeTimelineEntry = ({ kind, conversation }: TimelineEntry): Bytes => utf8(letters[kind] + conversation);

/** @throws ClientError `ERR_RECORD_INVALID` */
export function decodeTimelineEntry(bytes: Uint8Array): TimelineEntry {
  const text = utf8Decode(bytes) ?? "";
  const kind = kinds.find((each) => letters[each] === text[0]);
  const conversation = parseBareJid(text.slice(1));
  if (kind === undefined || conversation === undefined) throw invalidRecord();
  return { kind, conversation };
}

export function encodeMessage({ message, extras }: LogRecord): Bytes {
  return encodeJson({ ...message, ...extras });
}

/** @throws ClientError `ERR_RECORD_INVALID` */
export function decodeMessage(bytes: Uint8Array): LogRecord {
  const record = decodeJson(bytes);
  return {
    message: {
      position: numberField(record, "position"),
      id: stringField(record, "id"),
      conversation: jidField(record, "conversation"),
      from: jidField(record, "from"),
      direction: choiceField(record, "direction", ["received", "sent"]),
      text: stringField(record, "text"),
      receivedAt: numberField(record, "receivedAt"),
      ...givenField(record, "sentAt", numberField),
      ...givenField(record, "archivedAt", numberField),
      security: security(asObject(record["security"])),
      ...givenField(record, "delivery", delivery),
      ...givenField(record, "attention", attention),
      ...(record["stranger"] === true ? { stranger: true } : {}),
      ...givenField(record, "unreadable", stringField),
    },
    extras: {
      ...givenField(record, "stanzaId", stringField),
      ...givenField(record, "originId", stringField),
      ...(record["markable"] === true ? { markable: true } : {}),
    },
  };
}

const attention = (record: Json, field: string): Attention => choiceField(record, field, ["notify", "quiet"]);

function security(record: Json): MessageSecurity {
  const level = choiceField(record, "level", ["none", "own", "unknown", "authenticated", "trusted", "undecided", "distrusted"]);
  if (level === "none" || level === "own" || level === "unknown") return { level };
  return {
    level,
    deviceId: numberField(record, "deviceId"),
    fingerprint: stringField(record, "fingerprint"),
    timeSuspicious: record["timeSuspicious"] === true,
  };
}

function delivery(parent: Json, field: string): Delivery {
  const record = asObject(parent[field]);
  return {
    state: choiceField(record, "state", ["stored", "sealed", "sent", "delivered", "displayed", "failed"]),
    archived: record["archived"] === true,
    ...(typeof record["authenticated"] === "boolean" ? { authenticated: record["authenticated"] } : {}),
    ...givenField(record, "error", failure),
  };
}

function failure(parent: Json, field: string): { readonly code: string; readonly retryable: boolean } {
  const record = asObject(parent[field]);
  return { code: stringField(record, "code"), retryable: record["retryable"] === true };
}
