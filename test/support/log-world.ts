/** A message log over a store in memory, without anything that receives. @module */
import type { BareJid } from "../../src/base/jid.js";
import { MessageLog } from "../../src/client/log/message-log.js";
import type { LogDraft } from "../../src/client/log/message-record.js";
import type { DeliveryState, Message } from "../../src/client/message.js";
import { nobleProvider } from "../../src/crypto/noble-provider.js";
import { Ledger } from "../../src/session/ledger.js";
import type { Store } from "../../src/session/ports.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import { juliet, romeo } from "./omemo-world.js";

export interface LogWorld { readonly disk: MemoryDisk; readonly store: Store; readonly ledger: Ledger; readonly log: MessageLog }

export async function openLog(disk: MemoryDisk = memoryDisk(), wrap: (inner: Store) => Store = (inner) => inner, onError?: (error: unknown) => void): Promise<LogWorld> {
  const store = wrap(memoryStore(disk));
  const ledger = new Ledger(store, await store.acquire());
  return { disk, store, ledger, log: await MessageLog.load(store, nobleProvider.symmetric, onError) };
}

export function received(text: string, from: BareJid = romeo, more: Partial<LogDraft> = {}): LogDraft {
  return { id: text, conversation: from, from, direction: "received", text, receivedAt: 1_000, security: { level: "none" }, ...more };
}

export function sent(text: string, to: BareJid = romeo, state: DeliveryState = "sent", more: Partial<LogDraft> = {}): LogDraft {
  return {
    id: text, conversation: to, from: juliet, direction: "sent", text, receivedAt: 1_000, security: { level: "own" },
    delivery: { state, archived: false }, ...more,
  };
}

/** Appends in one commit. */
export function append({ ledger, log }: LogWorld, ...drafts: readonly LogDraft[]): Promise<readonly Message[]> {
  return ledger.run((tx) => drafts.map((draft) => log.append(tx, draft)));
}

export const textsOf = (messages: readonly Message[]): string => messages.map(({ text }) => text).join(" ");
