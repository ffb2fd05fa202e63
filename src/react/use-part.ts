/** The parts of a client that are loaded on demand. Not here: what they do. @module */
import { useEffect, useState } from "react";
import type { ConversationsSnapshot } from "../client/log/conversations.js";
import type {
  Client, ClientBlocking, ClientContactPolicy, ClientConversations, ClientGateways, ClientPersonalEvents, ClientPrivacyLists, ClientStrangers,
} from "../client/surface.js";
import { useClient } from "./client-context.js";
import { useObservable } from "./use-observable.js";

/** What {@link usePart} can load. */
export interface ClientParts {
  readonly blocking: ClientBlocking;
  readonly contactPolicy: ClientContactPolicy;
  readonly conversations: ClientConversations;
  readonly gateways: ClientGateways;
  readonly personalEvents: ClientPersonalEvents;
  readonly privacyLists: ClientPrivacyLists;
  readonly strangers: ClientStrangers;
}

interface Loaded<P> {
  readonly client: Client;
  readonly name: keyof ClientParts;
  readonly result: { readonly part: P } | { readonly error: unknown };
}

/**
 * `client.blocking()` and its like; `undefined` until it is loaded. Most of them are observable:
 * `useObservable(usePart("blocking"))` is the set of everybody who is blocked.
 * @throws while rendering, for the nearest error boundary, what the client rejects with
 */
export function usePart<K extends keyof ClientParts>(name: K): ClientParts[K] | undefined {
  const client = useClient();
  const [loaded, setLoaded] = useState<Loaded<ClientParts[K]>>();
  useEffect(() => {
    let mounted = true;
    const settle = (result: Loaded<ClientParts[K]>["result"]): void => {
      if (mounted) setLoaded({ client, name, result });
    };
    (client[name]() as Promise<ClientParts[K]>).then((part) => { settle({ part }); }, (error: unknown) => { settle({ error }); });
    return () => { mounted = false; };
  }, [client, name]);
  // What was loaded of another client is not shown as this one's.
  if (loaded?.client !== client || loaded.name !== name) return undefined;
  if ("error" in loaded.result) throw loaded.result.error;
  return loaded.result.part;
}

/** The list of conversations, newest first, each with its last message and how many are unread; `undefined` until it is loaded. */
export function useConversations(): ConversationsSnapshot | undefined {
  return useObservable(usePart("conversations"));
}
