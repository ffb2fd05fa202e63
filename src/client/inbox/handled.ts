/**
 * What a handler makes of a message: replies, or an error, and whose failure that is.
 * Not here: what follows (consumer.ts).
 * @module
 */
import { InternalError, SottoError } from "../../base/errors.js";
import { isDamaged } from "../damaged.js";
import { ClientError } from "../errors.js";
import type { Replies } from "./replies.js";
import type { InboxDelivery, InboxHandler } from "./types.js";

/** @throws what the handler throws, as it is told to the application */
export async function handled(handler: InboxHandler, delivery: InboxDelivery): Promise<Replies> {
  try {
    return await handler(delivery) ?? []; // from JavaScript it may be anything: see replies.ts
  } catch (error) {
    throw handlerError(error);
  }
}

/** What a handler threw is the application's, unless an error of Sotto's says what it is. One damaged row that it met is not the store's end (threats D13). */
function handlerError(error: unknown): unknown {
  const isTold = error instanceof SottoError && !(error instanceof InternalError) && !isDamaged(error); // what a tab cannot tell better is internal
  return isTold ? error : new ClientError("ERR_HANDLER_FAILED", "the application's handler has failed", { cause: error });
}

/**
 * Whether all that is wrong is that the outbox is full: that is nobody's failure, and there will be room (threats Q15). Replies that would fill it though
 * nothing else waited are their handler's, and so is what it sends by itself (no `replies`).
 */
export function hasNoRoom(error: unknown, replies: Replies | undefined): boolean {
  return error instanceof ClientError && error.code === "ERR_OUTBOX_FULL" && Number(error.details["waiting"] ?? Infinity) >= (replies?.length ?? Infinity);
}
