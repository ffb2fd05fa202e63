/**
 * How the delivery of a message in the log moves: only forward, for evidence may come in any order, and no failure changes what has arrived.
 * Not here: the handle's side of it (send-handle.ts), when (rows.ts), what the addressee says (receive/evidence.ts).
 * @module
 */
import type { AnySottoError } from "../errors.js";
import type { DeliveryState, Message } from "../message.js";

const order: readonly DeliveryState[] = ["stored", "sealed", "sent", "delivered", "displayed"];
/** What no failure changes. */
const final: ReadonlySet<DeliveryState> = new Set(["delivered", "displayed", "failed"]);

/** `message` that has come at least as far as `state`; itself if it was there. */
export function movedOn(message: Message, state: DeliveryState, archived: boolean): Message {
  const { delivery } = message;
  if (delivery === undefined) return message;
  const further = delivery.state !== "failed" && order.indexOf(state) > order.indexOf(delivery.state);
  if (!further && (delivery.archived || !archived)) return message;
  return { ...message, delivery: { ...delivery, state: further ? state : delivery.state, archived: delivery.archived || archived } };
}

/** `message` that has failed; itself if it has arrived, or had failed before: the first reason counts. */
export function failedBy(message: Message, { code, retryable }: AnySottoError): Message {
  const { delivery } = message;
  if (delivery === undefined || final.has(delivery.state)) return message;
  return { ...message, delivery: { state: "failed", archived: delivery.archived, error: { code, retryable } } };
}
