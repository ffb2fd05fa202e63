/**
 * Receipts and displayed markers that come in: what they prove about messages that this device sent.
 * Only the addressee, only about ids that we sent to it, only forward (threats F14, F15, Q01).
 * Spec: XEP-0184 #security, XEP-0333 #usecases. Not here: those that we send (receipts.ts, read-state.ts), what the server and the archive prove (outbox/).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Transaction } from "../../session/transaction.js";
import { unlessDamaged } from "../damaged.js";
import type { ClientErrorCode } from "../errors.js";
import type { MessageLog } from "../log/message-log.js";
import type { SentPlace } from "../log/sent-place.js";
import type { Message } from "../message.js";
import { isOwn, unreadableEntry } from "../outbox/entry.js";
import type { Content } from "./content.js";

/** Earlier messages that one marker marks as displayed; those before them keep their state. */
const markedAtOnceMax = 100;
/**
 * A failure of what had left. Servers exist that refuse a message and keep it for the addressee in the same breath (ejabberd, where his offline
 * storage is full): then it is he who knows.
 */
const refused: ClientErrorCode = "ERR_MESSAGE_REFUSED";
/** One of what may have left, if it was sealed: its bytes were lost, and no archive had it. Of what failed in any other way nothing was ever written. */
const unreadable = unreadableEntry().code;

/** Who says it, and how. */
export interface Attestor {
  readonly from: BareJid;
  /** It came inside the encryption, from a device that the policy trusts. */
  readonly authenticated: boolean;
}

/** Takes in the receipts and markers of one message. What it is about may not be readable: that is nothing that its sender could help (threats D13). */
export async function takeEvidence(tx: Transaction, log: MessageLog, content: Content, by: Attestor): Promise<void> {
  for (const id of content.received) await unlessDamaged(() => takeReceipt(tx, log, id, by));
  for (const id of content.displayed) await unlessDamaged(() => takeMarker(tx, log, id, by));
}

async function takeReceipt(tx: Transaction, log: MessageLog, id: string, by: Attestor): Promise<void> {
  if (await concerns(tx, log, id, by.from)) await log.updateSent(tx, id, (message) => arrived(message, "delivered", by.authenticated));
}

async function takeMarker(tx: Transaction, log: MessageLog, id: string, by: Attestor): Promise<void> {
  const place = await concerns(tx, log, id, by.from);
  if (place === undefined) return;
  await log.updateSent(tx, id, (message) => arrived(message, "displayed", by.authenticated));
  await markEarlier(tx, log, place, by);
}

/** The place of the message under `id`, if we sent it to `from` and it can have left already. It may have been deleted here since. */
async function concerns(tx: Transaction, log: MessageLog, id: string, from: BareJid): Promise<SentPlace | undefined> {
  const place = await log.sentPlace(tx, id);
  if (place?.conversation !== from) return undefined;
  const { state, error } = (await log.sent(tx, id))?.delivery ?? {};
  if (state === "stored") return undefined;
  const failure = state === "failed" ? error?.code ?? "" : place.failed;
  return failure === undefined || failure === refused || (failure === unreadable && (await isOwn(tx, id))) ? place : undefined;
}

/** XEP-0333: a marker is about all messages up to it. */
async function markEarlier(tx: Transaction, log: MessageLog, marked: SentPlace, by: Attestor): Promise<void> {
  for (const record of await log.newest(tx, marked.conversation, marked.position - 1, markedAtOnceMax)) {
    const state = record.message.delivery?.state;
    if (state === "displayed") return; // a former marker was here
    // What was refused need not be among what the addressee has: only its own id says that it is.
    if (state === "sent" || state === "delivered") log.replace(tx, { ...record, message: arrived(record.message, "displayed", by.authenticated) });
  }
}

/** `message`, which can have left, at `state`; itself if it is there or further. `authenticated` goes with the state that it was said of. */
export function arrived(message: Message, state: "delivered" | "displayed", authenticated: boolean): Message {
  const { delivery } = message;
  if (delivery === undefined) return message;
  const isSurer = delivery.state === state && authenticated && delivery.authenticated !== true;
  const isFurther = delivery.state !== state && delivery.state !== "displayed";
  return isSurer || isFurther ? { ...message, delivery: { state, archived: delivery.archived, authenticated } } : message;
}
