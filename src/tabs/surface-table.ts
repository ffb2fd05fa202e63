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
type Travels = "read" | "write" | "local" | "watched" | "part";

/** What a part looks like to the application. */
export interface Surfaces {
  readonly client: Client;
  readonly roster: ClientRoster;
  readonly presence: ClientPresence;
  readonly conversation: ClientConversation;
  readonly timeline: Timeline;
  readonly conversations: ClientConversations;
  readonly blocking: ClientBlocking;
  readonly privacyLists: ClientPrivacyLists;
  readonly contactPolicy: ClientContactPolicy;
  readonly strangers: ClientStrangers;
  readonly personalEvents: ClientPersonalEvents;
  readonly gateways: ClientGateways;
}

/** By part. */
export const tables = {
  client: {
    blocking: "part", close: "local", connect: "read", contactPolicy: "part", conversation: "part", conversations: "part", deleteHistory: "write",
    device: "watched", devices: "read", disconnect: "read", gateways: "part", history: "read", inbox: "part", messages: "part", onEvent: "watched",
    personalEvents: "part", presence: "part", privacyLists: "part", ready: "local", resetSession: "write", roster: "part", setActive: "read",
    setCredentials: "read", setTrust: "write", status: "watched", storage: "watched", strangers: "part", waiting: "watched", [Symbol.asyncDispose]: "local",
  },
  roster: {
    approve: "write", cancel: "write", confirmed: "local", confirmedContacts: "local", deny: "write", export: "local", get: "local",
    getSnapshot: "watched", import: "write", onChange: "watched", preApprove: "write", remove: "write", rename: "write", revoke: "write", set: "write",
    setGroups: "write", subscribe: "watched", subscribeTo: "write",
  },
  presence: {
    capabilities: "read", contact: "local", currentPolicy: "watched", direct: "write", effective: "local", getSnapshot: "watched",
    onAvailable: "watched", onUnavailable: "watched", override: "write", own: "watched", ownResources: "local", policy: "write", set: "write", setContext: "read",
    subscribe: "watched", undirect: "write",
  },
  // A message is handed in again under its own id, which never sends it twice: see sends.ts.
  conversation: {
    beyond: "local", deleteHistory: "write", deleteMessage: "read", history: "read", jid: "local", markDisplayed: "read", prepare: "read", readUpTo: "read",
    send: "local", sendHandle: "part", sendUnencrypted: "local", timeline: "part",
  },
  timeline: { getSnapshot: "watched", loadOlder: "read", subscribe: "watched" },
  conversations: { getSnapshot: "watched", show: "read", subscribe: "watched" },
  blocking: {
    block: "write", getSnapshot: "watched", isBlocked: "local", isCurrent: "watched", refresh: "read", subscribe: "watched", unblock: "write",
  },
  privacyLists: {
    activate: "write", evaluate: "local", get: "read", getSnapshot: "watched", put: "write", refresh: "read", remove: "write", replace: "write",
    setDefault: "write", subscribe: "watched",
  },
  contactPolicy: { getSnapshot: "watched", reach: "read", set: "write", subscribe: "watched" },
  strangers: { accept: "write", discard: "write", getSnapshot: "watched", messages: "read", subscribe: "watched" },
  personalEvents: { avatar: "read", onEvent: "watched", publish: "write", publishAvatar: "write", read: "read", retract: "write" },
  gateways: {
    address: "read", beyond: "read", discover: "read", follow: "write", getSnapshot: "watched", importContacts: "write", inspect: "read",
    legacyName: "local", logIn: "write", logOut: "write", problems: "local", prompt: "read", register: "write", registration: "read",
    subscribe: "watched", unregister: "write",
  },
  // What only the two sides of a link call: no member of an interface.
  inbox: { ack: "read", close: "read", deadLetters: "read", open: "read", retryDeadLetter: "read" },
  message: { cancel: "read", progress: "read" },
} as const;

type Tables = typeof tables;

/** Members without an entry, and entries without a member. */
type Unmatched = { [P in keyof Surfaces]: Exclude<keyof Surfaces[P], keyof Tables[P]> | Exclude<keyof Tables[P], keyof Surfaces[P]> }[keyof Surfaces];

/** Compiles as long as there is nothing of it. */
type Nothing<T extends never> = T;

/** What a call can be made on. */
export type Part = Exclude<keyof Tables, Nothing<Unmatched>>;

/** Whether a call changes something: one whose answer was lost is not made again. */
export function isWrite(part: Part, method: string): boolean {
  const table: Readonly<Record<string, Travels>> = tables[part];
  return table[method] === "write";
}

/** The members of a part that the leader does when it is asked. */
export type Remote<P extends keyof Surfaces> = Pick<Surfaces[P], {
  [K in keyof Surfaces[P]]: K extends keyof Tables[P] ? (Tables[P][K] extends "read" | "write" ? K : never) : never
}[keyof Surfaces[P]]>;
