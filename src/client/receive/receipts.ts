/** Receipts that we send: through the outbox, in the commit of the messages that they are about. Spec: XEP-0184; threats V03, E11. @module */
import type { Transaction } from "../../session/transaction.js";
import { encodeReceipt } from "../../transport/xep/xep0184.js";
import type { SendIntake } from "../outbox/send-intake.js";
import type { ReceiptDue } from "./intake.js";

/** Stores something automatic in the outbox. */
export type Notify = SendIntake["notify"];

/**
 * One outbox entry per peer and protection, however many messages a page of the archive brought. A receipt travels as its message
 * did: inside the encryption, or outside for a message that came in clear text.
 */
export async function notifyReceipts(tx: Transaction, notify: Notify, receipts: readonly ReceiptDue[]): Promise<void> {
  const groups = new Map<string, ReceiptDue[]>();
  for (const receipt of receipts) {
    const key = `${receipt.encrypted} ${receipt.to}`;
    groups.set(key, [...(groups.get(key) ?? []), receipt]);
  }
  for (const group of groups.values()) {
    const { to, encrypted } = group[0] as ReceiptDue;
    await notify(tx, to, group.map(({ id }) => encodeReceipt(id)), { protection: encrypted ? "omemo" : "none", purpose: "receipt" });
  }
}
