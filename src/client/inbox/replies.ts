/** What is sent with the acknowledgement of a message. Not here: sending it (commits.ts). @module */
import { UsageError } from "../../base/errors.js";
import type { MessageDraft } from "../draft.js";

export type Replies = readonly MessageDraft[];

/** What was meant to be an answer must not become an acknowledgement without one. @throws UsageError `ERR_INVALID_ARGUMENT` for what is no list */
export function checkedReplies(replies: unknown): Replies {
  if (!Array.isArray(replies)) throw new UsageError("ERR_INVALID_ARGUMENT", "replies are a list, or nothing");
  return replies as Replies;
}
