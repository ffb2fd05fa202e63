/**
 * How each member of {@link Client} and its parts travels. The types below tie it to the interfaces: a member without an entry, or an entry
 * without a member, does not compile; so does a tab that would answer from nothing.
 * @module
 */
import type {
  Client, ClientBlocking, ClientContactPolicy, ClientConversation, ClientConversations, ClientGateways, ClientPersonalEvents, ClientPresence,
  ClientPrivacyLists, ClientRoster, ClientStrangers,
} from "../client/surface.js";
import type { Timeline } from "../client/log/timeline.js";

/**
 * - `read`: changes nothing, or nothing more the second time: asked again of a new leader.
 * - `write`: done or not done if its answer is lost, and not done again: rejected with `ERR_LEADER_LOST`.
 * - `local`: answered in the tab, from what it mirrors or has remembered.
 * - `watched`: told by the leader as it is and as it changes.
 * - `part`: gives an object with a table of its own, or a stream of items.
 */
export type Travels = "read" | "write" | "local" | "watched" | "part";

/** How the members of one object travel. */
export type TravelTable = Readonly<Record<string, Travels>>;

export const clientTable = {
  blocking: "part", close: "local", connect: "read", contactPolicy: "part", conversation: "part", conversations: "part", deleteHistory: "write",
  device: "watched", devices: "read", disconnect: "read", gateways: "part", history: "read", inbox: "part", messages: "part", onEvent: "watched",
  personalEvents: "part", presence: "part", privacyLists: "part", ready: "local", resetSession: "write", roster: "part", setActive: "read",
  setCredentials: "read", setTrust: "write", status: "watched", storage: "watched", strangers: "part", waiting: "watched", [Symbol.asyncDispose]: "local",
} as const;

export const rosterTable = {
  approve: "write", cancel: "write", confirmed: "local", confirmedContacts: "local", deny: "write", export: "local", get: "local",
  getSnapshot: "watched", import: "write", onChange: "watched", preApprove: "write", remove: "write", rename: "write", revoke: "write", set: "write",
  setGroups: "write", subscribe: "watched", subscribeTo: "write",
} as const;

export const presenceTable = {
  capabilities: "read", contact: "local", currentPolicy: "watched", direct: "write", effective: "local", getSnapshot: "watched",
  onAvailable: "watched", onUnavailable: "watched", override: "write", own: "watched", ownResources: "local", policy: "write", set: "write", setContext: "read",
  subscribe: "watched", undirect: "write",
} as const;

/** A message is handed in again under its own id, which never sends it twice: see sends.ts. */
export const conversationTable = {
  beyond: "local", deleteHistory: "write", deleteMessage: "read", history: "read", jid: "local", markDisplayed: "read", prepare: "read", readUpTo: "read",
  send: "local", sendHandle: "part", sendUnencrypted: "local", timeline: "part",
} as const;

export const timelineTable = { getSnapshot: "watched", loadOlder: "read", subscribe: "watched" } as const;

export const conversationsTable = { getSnapshot: "watched", show: "read", subscribe: "watched" } as const;

export const blockingTable = {
  block: "write", getSnapshot: "watched", isBlocked: "local", isCurrent: "watched", refresh: "read", subscribe: "watched", unblock: "write",
} as const;

export const privacyListsTable = {
  activate: "write", evaluate: "local", get: "read", getSnapshot: "watched", put: "write", refresh: "read", remove: "write", replace: "write",
  setDefault: "write", subscribe: "watched",
} as const;

export const contactPolicyTable = { getSnapshot: "watched", reach: "read", set: "write", subscribe: "watched" } as const;

export const strangersTable = { accept: "write", discard: "write", getSnapshot: "watched", messages: "read", subscribe: "watched" } as const;

export const personalEventsTable = {
  avatar: "read", onEvent: "watched", publish: "write", publishAvatar: "write", read: "read", retract: "write",
} as const;

export const gatewaysTable = {
  address: "read", beyond: "read", discover: "read", follow: "write", getSnapshot: "watched", importContacts: "write", inspect: "read",
  legacyName: "local", logIn: "write", logOut: "write", problems: "local", prompt: "read", register: "write", registration: "read",
  subscribe: "watched", unregister: "write",
} as const;

/** What only the two sides of a link call: no member of an interface. */
export const inboxTable = { ack: "read", close: "read", deadLetters: "read", open: "read", retryDeadLetter: "read" } as const;
export const messageTable = { cancel: "read", progress: "read" } as const;

/** Exactly the members of `S`. */
type Covers<S, T extends { readonly [K in keyof S]: Travels } & { readonly [K in Exclude<keyof T, keyof S>]: never }> = T;

/** Compiles as long as the tables are complete. */
export interface Tables {
  readonly client: Covers<Client, typeof clientTable>;
  readonly roster: Covers<ClientRoster, typeof rosterTable>;
  readonly presence: Covers<ClientPresence, typeof presenceTable>;
  readonly conversation: Covers<ClientConversation, typeof conversationTable>;
  readonly timeline: Covers<Timeline, typeof timelineTable>;
  readonly conversations: Covers<ClientConversations, typeof conversationsTable>;
  readonly blocking: Covers<ClientBlocking, typeof blockingTable>;
  readonly privacyLists: Covers<ClientPrivacyLists, typeof privacyListsTable>;
  readonly contactPolicy: Covers<ClientContactPolicy, typeof contactPolicyTable>;
  readonly strangers: Covers<ClientStrangers, typeof strangersTable>;
  readonly personalEvents: Covers<ClientPersonalEvents, typeof personalEventsTable>;
  readonly gateways: Covers<ClientGateways, typeof gatewaysTable>;
  readonly inbox: typeof inboxTable;
  readonly message: typeof messageTable;
}

export const tables: Tables = {
  client: clientTable, roster: rosterTable, presence: presenceTable, conversation: conversationTable, timeline: timelineTable,
  conversations: conversationsTable, blocking: blockingTable, privacyLists: privacyListsTable, contactPolicy: contactPolicyTable,
  strangers: strangersTable, personalEvents: personalEventsTable, gateways: gatewaysTable, inbox: inboxTable, message: messageTable,
};

/** The members of `S` that the leader does when it is asked. */
export type Remote<S, T> = Pick<S, { [K in keyof S]: K extends keyof T ? (T[K] extends "read" | "write" ? K : never) : never }[keyof S]>;
