/**
 * What a handler makes of a message: replies, or an error, and whose failure that is.
 * Not here: what follows (consumer.ts).
 * @module
 */
import { InternalError, SottoError, UsageError } from "../../base/errors.js";
import type { MessageDraft } from "../draft.js";
import { ClientError } from "../errors.js";
import { isDamaged } from "../log/damaged.js";
import type { InboxDelivery, InboxHandler } from "./types.js";

/** What is sent with the acknowledgement. */
export type Replies = readonly MessageDraft[];

/** @throws what the handler throws, as it is told to the application */
export async function handled(handler: InboxHandler, delivery: InboxDelivery): Promise<Replies> {
  try {
    return await handler(delivery) ?? []; // from JavaScript it may be anything: see checkedReplies
  } catch (error) {
    throw handlerError(error);
  }
}

/** What was meant to be an answer must not become an acknowledgement without one. @throws UsageError `ERR_INVALID_ARGUMENT` for what is no list */
export function checkedReplies(replies: unknown): Replies {
  if (!Array.isArray(replies)) throw new UsageError("ERR_INVALID_ARGUMENT", "replies are a list of messages, or nothing");
  return replies as Replies;
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
