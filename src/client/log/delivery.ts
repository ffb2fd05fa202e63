/** How a sent message moves from state to state: only forward, and each on its evidence (threats F14, F15, Q01). @module */
import type { Delivery, DeliveryState, Message } from "../message.js";

const order: readonly DeliveryState[] = ["stored", "sealed", "sent", "delivered", "displayed"];

/** Whether `state` lies behind `other` on the way of a message; nothing lies behind `failed`. */
export function isBefore(other: DeliveryState, state: DeliveryState): boolean {
  return other !== "failed" && state !== "failed" && order.indexOf(other) < order.indexOf(state);
}

/** `message` with its delivery at `state`, or unchanged if it is there or further. `authenticated` goes with the state that it was said of. */
export function advanced(message: Message, state: DeliveryState, authenticated?: boolean): Message {
  const { delivery } = message;
  if (delivery === undefined || delivery.state === "failed") return message;
  const surer = delivery.state === state && authenticated === true && delivery.authenticated !== true;
  if (!surer && !isBefore(delivery.state, state)) return message;
  const next: Delivery = { state, archived: delivery.archived, ...(authenticated === undefined ? {} : { authenticated }) };
  return { ...message, delivery: next };
}
