/**
 * A message that is handed in again under its id: by a tab whose leader has gone before it could answer. What this device knows already is
 * told, and not stored a second time.
 * Threats Q03. Not here: ids that other devices and people choose (receive/).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Transaction } from "../../session/transaction.js";
import { ClientError, type ClientErrorCode } from "../errors.js";
import type { MessageLog } from "../log/message-log.js";
import type { Message } from "../message.js";
import { decodeEntry, isOwn, outboxKey } from "./entry.js";
import type { SendTracker } from "./send-handle.js";
import type { Slots } from "./slots.js";

/** What is known under an id. */
export interface Recalled {
  /** It waits in the outbox still. */
  readonly waits: boolean;
  /** To whom; not known of what is not in the log any more. */
  readonly to?: BareJid;
  /** Brings a handle to where the message is. */
  readonly tell: (tracker: SendTracker) => void;
}

/** Where `recalled` looks. */
export interface RecallDeps {
  readonly slots: Slots;
  readonly log: MessageLog;
}

/** What outbox and log know under `id`; `undefined` if it was never stored here. */
export async function recalled({ slots, log }: RecallDeps, tx: Transaction, id: string): Promise<Recalled | undefined> {
  const slot = slots.find(id);
  const row = slot === undefined ? undefined : await tx.get(outboxKey(slot.seq));
  const message = await log.sent(tx, id);
  if (message !== undefined) return { waits: row !== undefined, to: message.conversation, tell: (tracker) => { tellOf(tracker, message); } };
  if (row !== undefined) {
    const { sealed } = decodeEntry(row); // here, where it may throw
    return { waits: true, tell: (tracker) => { tracker.advance({ state: sealed === undefined ? "stored" : "sealed" }); } };
  }
  // Deleted from the log, which what waits is not. By itself: then it is known what had become of it.
  const place = await log.sentPlace(tx, id);
  if (place?.failed !== undefined) return { waits: false, tell: (tracker) => { tellFailure(tracker, place.failed); } };
  return place !== undefined || (await isOwn(tx, id)) ? { waits: false, tell: (tracker) => { tracker.advance({ state: "sent" }); } } : undefined;
}

function tellOf(tracker: SendTracker, { delivery }: Message): void {
  if (delivery === undefined) return;
  const { state, archived, authenticated, error } = delivery;
  tracker.advance({ ...(state === "failed" ? {} : { state }), archived, ...(authenticated === undefined ? {} : { authenticated }) });
  if (state === "failed") tellFailure(tracker, error?.code, error?.retryable);
}

/** The log keeps the code, not whose it is. */
function tellFailure(tracker: SendTracker, code: string | undefined, retryable: boolean = false): void {
  tracker.fail(new ClientError((code ?? "ERR_MESSAGE_REFUSED") as ClientErrorCode, "the message failed earlier", { retryable }));
}
