/**
 * What memory knows of each conversation for the list of them: its newest message, its read position, and which messages are unread. Made in
 * one pass over the index of the log. Not here: following the log, and what is shown (conversations.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { unreadMax } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import type { Transaction } from "../../session/transaction.js";
import { unlessDamaged } from "../damaged.js";
import type { Message } from "../message.js";
import { pageSizeMax } from "./committed-log.js";
import { readPrefix } from "./keys.js";
import type { MessageLog } from "./message-log.js";
import { decodeReadPlace } from "./read-place.js";

/** A conversation as lists show it; the same object until something of it changes. */
export interface ConversationSummary {
  readonly jid: BareJid;
  /** Its newest message; it may be {@link Message.unreadable}, and then perhaps a receipt between other devices. */
  readonly last: Message;
  /**
   * Messages of the other side behind {@link readUpTo} that can be read; 999 stands for more, too. What was fetched from before this
   * device does not count.
   */
  readonly unread: number;
  /** Up to which position any device of the account has read; absent: nowhere. */
  readonly readUpTo?: number;
}

/** What memory keeps of a conversation: numbers, and the message while it is shown. */
export interface Entry {
  readonly jid: BareJid;
  last: number;
  /** The message at `last`, if it is at hand. */
  message: Message | undefined;
  /** Positions of unread messages, ascending; the newest of them only. */
  unread: number[];
  /** There are more than `unread` holds. */
  more: boolean;
  /** What was shown, while it is true. */
  summary: ConversationSummary | undefined;
}

/** What memory knows of all conversations. */
export interface Known {
  readonly entries: Map<BareJid, Entry>;
  /** Read positions, also of conversations without messages. */
  readonly reads: Map<BareJid, number>;
}

/** One pass over the index, oldest first; the bodies are not touched. `onError` is told of rows that cannot be read (threats D13). */
export async function scan(log: MessageLog, ledger: Ledger, onError: (error: unknown) => void): Promise<Known> {
  const all = await ledger.read((tx) => unlessDamaged(() => readPlaces(tx)));
  const reads = new Map<BareJid, number>(all === "damaged" ? [] : all);
  const entries = new Map<BareJid, Entry>();
  for (let after: number | undefined = -Infinity; after !== undefined;) {
    const places = await log.places({ limit: pageSizeMax, after }, onError);
    for (const { conversation, position, kind } of places) {
      let entry = entries.get(conversation);
      if (entry === undefined) {
        entries.set(conversation, entry = newEntry(conversation, position));
        const read = all === "damaged" ? await unlessDamaged(() => readUpTo(log, ledger, conversation), onError) : undefined;
        if (typeof read === "number") reads.set(conversation, read);
      }
      entry.last = position;
      if (kind === "received" && position > readFloor(reads, conversation)) note(entry, position);
    }
    after = places.length < pageSizeMax ? undefined : places.at(-1)?.position;
  }
  return { entries, reads };
}

async function readPlaces(tx: Transaction): Promise<readonly (readonly [BareJid, number])[]> {
  return (await tx.list({ prefix: readPrefix })).map(({ value }) => {
    const { conversation, position } = decodeReadPlace(value);
    return [conversation, position] as const;
  });
}

/** One by one, where they cannot be read together. */
async function readUpTo(log: MessageLog, ledger: Ledger, conversation: BareJid): Promise<number | undefined> {
  const row = await ledger.read((tx) => tx.get(log.keys.readPosition(conversation)));
  return row === undefined ? undefined : decodeReadPlace(row).position;
}

/** A conversation whose newest message is at `last`. */
export const newEntry = (jid: BareJid, last: number): Entry => ({ jid, last, message: undefined, unread: [], more: false, summary: undefined });

/** Messages at or below it are not unread. */
export const readFloor = (reads: ReadonlyMap<BareJid, number>, conversation: BareJid): number => reads.get(conversation) ?? 0;

/** What was shown of it is no longer true. */
export function changed(entry: Entry, change: Partial<Entry>): void {
  Object.assign(entry, change);
  entry.summary = undefined;
}

/** `position` is unread: it is newer than those that are noted, or noted already. Not up to zero: that is history from before this device. */
export function note(entry: Entry, position: number): void {
  if (position <= (entry.unread.at(-1) ?? 0)) return;
  entry.summary = undefined;
  entry.unread.push(position);
  if (entry.unread.length <= unreadMax) return;
  entry.unread.shift();
  entry.more = true;
}

/** What is shown of it; its message is at hand. */
export function summarize(entry: Entry, readUpTo: number | undefined): ConversationSummary {
  return entry.summary ??= {
    jid: entry.jid, last: entry.message as Message, unread: entry.unread.length, ...(readUpTo === undefined ? {} : { readUpTo }),
  };
}
