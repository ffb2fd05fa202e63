/** Sending from components. Not here: what a conversation looks like (use-timeline.ts). @module */
import { useCallback, useMemo } from "react";
import type { MessageDraft } from "../client/draft.js";
import type { SendHandle, SendProgress } from "../client/outbox/send-handle.js";
import type { ClientConversation } from "../client/surface.js";
import { useClient } from "./client-context.js";
import { useObservable } from "./use-observable.js";

/** The conversation with `jid`; the same object while client and address are. @throws UsageError `ERR_INVALID_JID`, while rendering */
export function useConversation(jid: string): ClientConversation {
  const client = useClient();
  return useMemo(() => client.conversation(jid), [client, jid]);
}

/** Sends to `jid`, end-to-end encrypted; the same function while client and address are. It throws as `conversation.send()`. */
export function useSend(jid: string): (draft: MessageDraft) => SendHandle {
  const conversation = useConversation(jid);
  return useCallback((draft) => conversation.send(draft), [conversation]);
}

/** How far a message is. The states of messages in a timeline need no handle: they are in `message.delivery`. */
export function useSendProgress(handle: SendHandle): SendProgress;
/** As above; `undefined` for no handle. */
export function useSendProgress(handle: SendHandle | undefined): SendProgress | undefined;
export function useSendProgress(handle: SendHandle | undefined): SendProgress | undefined {
  return useObservable(handle);
}
