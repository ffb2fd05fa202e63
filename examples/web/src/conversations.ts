/** The conversations with their last message and what is unread. @module */
import type { Client, ConversationsSnapshot, Observable } from "sotto";
import type { Scope } from "./lib/scope.js";
import { Value } from "./lib/value.js";

/** Conversations, the newest first; empty until they are read. */
export function watchConversations(client: Client, scope: Scope, failed: (error: unknown) => void): Observable<ConversationsSnapshot> {
  const shown = new Value<ConversationsSnapshot>({ conversations: [], total: 0, unread: 0 });
  client.conversations().then((all) => {
    if (!scope.signal.aborted) scope.watch(all, (snapshot) => { shown.set(snapshot); });
  }).catch(failed);
  return shown;
}
