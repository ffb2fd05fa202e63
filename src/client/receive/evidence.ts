/**
 * Receipts and displayed markers that come in: what they prove about messages that this device sent.
 * Only the addressee, only about ids that we sent to it, only forward (threats F14, F15).
 * Spec: XEP-0184 #security, XEP-0333 #usecases. Not here: those that we send (receipts.ts, read-state.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Transaction } from "../../session/transaction.js";
import { unlessDamaged } from "../log/damaged.js";
import { advanced, isBefore } from "../log/delivery.js";
import type { MessageLog } from "../log/message-log.js";
import type { SentPlace } from "../log/sent-place.js";
import type { Content } from "./content.js";

/** Earlier messages that one marker marks as displayed; those before them keep their state. */
const markedAtOnceMax = 100;

/** Who says it, and how. */
export interface Testimony {
  readonly from: BareJid;
  /** It came inside the encryption, from a device that the policy trusts. */
  readonly authenticated: boolean;
}

/** Takes in the receipts and markers of one message. What it is about may not be readable: that is nothing that its sender could help (threats D13). */
export async function takeEvidence(tx: Transaction, log: MessageLog, content: Content, by: Testimony): Promise<void> {
  for (const id of content.received) await unlessDamaged(() => takeReceipt(tx, log, id, by));
  for (const id of content.displayed) await unlessDamaged(() => takeMarker(tx, log, id, by));
}

async function takeReceipt(tx: Transaction, log: MessageLog, id: string, by: Testimony): Promise<void> {
  if (await concerns(tx, log, id, by.from)) await log.updateSent(tx, id, (message) => advanced(message, "delivered", by.authenticated));
}

async function takeMarker(tx: Transaction, log: MessageLog, id: string, by: Testimony): Promise<void> {
  const place = await concerns(tx, log, id, by.from);
  if (place === undefined) return;
  await log.updateSent(tx, id, (message) => advanced(message, "displayed", by.authenticated));
  await markEarlier(tx, log, place, by);
}

/** The place of the message under `id`, if we sent it to `from` and it can have left already. It may have been deleted here since. */
async function concerns(tx: Transaction, log: MessageLog, id: string, from: BareJid): Promise<SentPlace | undefined> {
  const place = await log.sentPlace(tx, id);
  if (place?.conversation !== from || place.failed !== undefined) return undefined;
  const delivery = (await log.sent(tx, id))?.delivery;
  return delivery === undefined || isBefore("stored", delivery.state) ? place : undefined;
}

/** XEP-0333: a marker is about all messages up to it. */
async function markEarlier(tx: Transaction, log: MessageLog, marked: SentPlace, by: Testimony): Promise<void> {
  for (const record of await log.newest(tx, marked.conversation, marked.position - 1, markedAtOnceMax)) {
    const { delivery } = record.message;
    if (delivery === undefined || !isBefore("sealed", delivery.state)) continue;
    if (delivery.state === "displayed") return; // a former marker was here
    log.replace(tx, { ...record, message: advanced(record.message, "displayed", by.authenticated) });
  }
}
