/** The records that client/ keeps in the store: JSON with a version, strictly read (threats D13). @module */
import { utf8, utf8Decode, type Bytes } from "../base/bytes.js";
import { type BareJid, parseBareJid } from "../base/jid.js";
import { storeKey, type StoreKey } from "../session/ports.js";
import { ClientError } from "./errors.js";
import type { IncomingMessage, MessageSecurity } from "./message.js";

/** How a message is to travel. Decided when it is handed in, never changed later (threats T05). */
export type Protection = "omemo" | "none";

/** A message on its way out. `sealed` holds the final bytes: what is sent again is identical (threats C09). */
export interface OutboxEntry {
  readonly seq: number;
  readonly id: string;
  readonly to: BareJid;
  readonly protection: Protection;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
  /** The complete stanza as XML once it is sealed. */
  readonly sealed?: string;
}

const version = 1;
const outboxPrefix = "client/outbox/";
const inboxPrefix = "client/inbox/";

/** Ranges to list. */
export const outboxRange: { readonly prefix: string } = { prefix: outboxPrefix };
export const inboxRange: { readonly prefix: string } = { prefix: inboxPrefix };
/** The account that owns the store (threats N14). */
export const accountKey: StoreKey = storeKey("client/account");

const sequenceKey = (prefix: string, seq: number): StoreKey => storeKey(prefix + seq.toString(16).padStart(14, "0"));
export const outboxKey = (seq: number): StoreKey => sequenceKey(outboxPrefix, seq);
export const inboxKey = (seq: number): StoreKey => sequenceKey(inboxPrefix, seq);

/** The sequence number in a key made by {@link outboxKey} or {@link inboxKey}. */
export function sequenceOf(key: StoreKey): number {
  return Number.parseInt(key.slice(key.lastIndexOf("/") + 1), 16);
}

type Json = Readonly<Record<string, unknown>>;

const encode = (value: Json): Bytes => utf8(JSON.stringify({ v: version, ...value }));

function decode(bytes: Uint8Array): Json {
  const text = utf8Decode(bytes);
  let value: unknown;
  try {
    value = text === undefined ? undefined : JSON.parse(text);
  } catch {
    value = undefined; // reported below like every other unreadable record
  }
  if (typeof value !== "object" || value === null || (value as Json)["v"] !== version) throw invalid();
  return value as Json;
}

const invalid = (): ClientError => new ClientError("ERR_RECORD_INVALID", "a stored record cannot be read");

function string(record: Json, field: string): string {
  const value = record[field];
  if (typeof value !== "string") throw invalid();
  return value;
}

function number(record: Json, field: string): number {
  const value = record[field];
  if (typeof value !== "number" || !Number.isFinite(value)) throw invalid();
  return value;
}

function jid(record: Json, field: string): BareJid {
  const value = parseBareJid(string(record, field));
  if (value === undefined) throw invalid();
  return value;
}

export function encodeOutboxEntry(entry: OutboxEntry): Bytes {
  return encode({ ...entry });
}

export function decodeOutboxEntry(bytes: Uint8Array): OutboxEntry {
  const record = decode(bytes);
  const protection = string(record, "protection");
  if (protection !== "omemo" && protection !== "none") throw invalid();
  return {
    seq: number(record, "seq"),
    id: string(record, "id"),
    to: jid(record, "to"),
    protection,
    text: string(record, "text"),
    storedAt: number(record, "storedAt"),
    ...(record["sealed"] === undefined ? {} : { sealed: string(record, "sealed") }),
  };
}

export function encodeIncoming(message: IncomingMessage): Bytes {
  return encode({ ...message });
}

export function decodeIncoming(bytes: Uint8Array): IncomingMessage {
  const record = decode(bytes);
  const direction = string(record, "direction");
  if (direction !== "received" && direction !== "sent") throw invalid();
  return {
    id: string(record, "id"),
    conversation: jid(record, "conversation"),
    from: jid(record, "from"),
    direction,
    text: string(record, "text"),
    receivedAt: number(record, "receivedAt"),
    ...(record["sentAt"] === undefined ? {} : { sentAt: number(record, "sentAt") }),
    security: security(record["security"]),
  };
}

function security(value: unknown): MessageSecurity {
  if (typeof value !== "object" || value === null) throw invalid();
  const record = value as Json;
  const level = string(record, "level");
  if (level === "none") return { level };
  if (level !== "authenticated" && level !== "trusted" && level !== "undecided" && level !== "distrusted") throw invalid();
  return {
    level,
    deviceId: number(record, "deviceId"),
    fingerprint: string(record, "fingerprint"),
    timeSuspicious: record["timeSuspicious"] === true,
  };
}

/** The account record: the bare address as text. */
export const encodeAccount = (account: BareJid): Bytes => utf8(account);
