/// <reference lib="esnext.disposable" preserve="true" />
/**
 * What an application holds, wherever the work is done: in the same thread ({@link SottoClient}), in a worker, or in another tab of the
 * same origin (`sotto/tabs`). User interfaces and libraries should ask for these types.
 * @module
 */
import type { Blocking } from "./blocking/blocking.js";
import type { SottoClient } from "./client.js";
import type { ContactPolicy } from "./contact-policy/contact-policy.js";
import type { Strangers } from "./contact-policy/strangers.js";
import type { Conversation } from "./conversation.js";
import type { Gateways } from "./gateways/gateways.js";
import type { Conversations } from "./log/conversations.js";
import type { PersonalEvents } from "./presence/personal-events.js";
import type { Presence } from "./presence/presence.js";
import type { AccountPrivacyLists } from "./privacy/privacy-lists.js";
import type { Roster } from "./roster/roster.js";

/** `client.roster`, see {@link Roster}. */
export type ClientRoster = Pick<Roster,
  | "approve" | "cancel" | "confirmed" | "confirmedContacts" | "deny" | "export" | "get" | "getSnapshot" | "import" | "onChange" | "preApprove" | "remove"
  | "rename" | "revoke" | "set" | "setGroups" | "subscribe" | "subscribeTo">;

/** `client.presence`, see {@link Presence}. */
export type ClientPresence = Pick<Presence,
  | "capabilities" | "contact" | "currentPolicy" | "direct" | "effective" | "getSnapshot" | "onAvailable" | "onUnavailable" | "override" | "own" | "ownResources"
  | "policy" | "set" | "setContext" | "subscribe" | "undirect">;

/** A conversation, see {@link Conversation}. */
export type ClientConversation = Pick<Conversation,
  | "beyond" | "deleteHistory" | "deleteMessage" | "history" | "jid" | "markDisplayed" | "prepare" | "readUpTo" | "send" | "sendHandle" | "sendUnencrypted"
  | "timeline">;

/** `client.conversations()`, see {@link Conversations}. */
export type ClientConversations = Pick<Conversations, "getSnapshot" | "show" | "subscribe">;

/** `client.blocking()`, see {@link Blocking}. */
export type ClientBlocking = Pick<Blocking, "block" | "getSnapshot" | "isBlocked" | "isCurrent" | "refresh" | "subscribe" | "unblock">;

/** `client.privacyLists()`, see {@link AccountPrivacyLists}. */
export type ClientPrivacyLists = Pick<AccountPrivacyLists,
  "activate" | "evaluate" | "get" | "getSnapshot" | "put" | "refresh" | "remove" | "replace" | "setDefault" | "subscribe">;

/** `client.contactPolicy()`, see {@link ContactPolicy}. */
export type ClientContactPolicy = Pick<ContactPolicy, "getSnapshot" | "reach" | "set" | "subscribe">;

/** `client.strangers()`, see {@link Strangers}. */
export type ClientStrangers = Pick<Strangers, "accept" | "discard" | "getSnapshot" | "messages" | "subscribe">;

/** `client.personalEvents()`, see {@link PersonalEvents}. */
export type ClientPersonalEvents = Pick<PersonalEvents, "avatar" | "onEvent" | "publish" | "publishAvatar" | "read" | "retract">;

/** `client.gateways()`, see {@link Gateways}. */
export type ClientGateways = Pick<Gateways,
  | "address" | "beyond" | "discover" | "follow" | "getSnapshot" | "importContacts" | "inspect" | "legacyName" | "logIn" | "logOut" | "problems" | "prompt"
  | "register" | "registration" | "subscribe" | "unregister">;

/** A client, see {@link SottoClient}. */
export interface Client extends Pick<SottoClient,
  | "close" | "connect" | "deleteHistory" | "device" | "devices" | "disconnect" | "history" | "inbox" | "messages" | "onEvent" | "ready" | "resetSession"
  | "setActive" | "setCredentials" | "setTrust" | "status" | "storage" | "waiting"> {
  readonly roster: ClientRoster;
  readonly presence: ClientPresence;
  /** See {@link SottoClient.conversation}. */
  conversation(jid: string): ClientConversation;
  /** See {@link SottoClient.conversations}. */
  conversations(): Promise<ClientConversations>;
  /** See {@link SottoClient.blocking}. */
  blocking(): Promise<ClientBlocking>;
  /** See {@link SottoClient.privacyLists}. */
  privacyLists(): Promise<ClientPrivacyLists>;
  /** See {@link SottoClient.contactPolicy}. */
  contactPolicy(): Promise<ClientContactPolicy>;
  /** See {@link SottoClient.strangers}. */
  strangers(): Promise<ClientStrangers>;
  /** See {@link SottoClient.personalEvents}. */
  personalEvents(): Promise<ClientPersonalEvents>;
  /** See {@link SottoClient.gateways}. */
  gateways(): Promise<ClientGateways>;
  /** For `await using`: closes. */
  [Symbol.asyncDispose](): Promise<void>;
}
