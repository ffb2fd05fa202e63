/**
 * Entry `sotto/react`: hooks over a `Client`, wherever it works: in this thread, in a worker or in another tab.
 * React 18.2 or newer. Start with {@link useOwnedClient} and {@link ClientProvider}.
 * @module
 */
export { ClientProvider, useClient } from "./react/client-context.js";
export type { ClientProviderProps } from "./react/client-context.js";
export { useObservable, useSelection } from "./react/use-observable.js";
export { useAvailability, useContact, usePresence, useRoster, useStatus } from "./react/use-account.js";
export { useEvent } from "./react/use-event.js";
export { useOwnedClient } from "./react/use-owned-client.js";
export type { OwnedClient } from "./react/client-owner.js";
export { useConversations, usePart } from "./react/use-part.js";
export type { ClientParts } from "./react/use-part.js";
export { useConversation, useSend, useSendProgress } from "./react/use-conversation.js";
export { useTimeline } from "./react/use-timeline.js";
export type { TimelineView } from "./react/use-timeline.js";
