/** The facade: one client for one account, as applications see it. Made in create-client.ts; its parts are wired in core.ts. @module */
import { UsageError } from "../base/errors.js";
import type { Observable, Unsubscribe } from "../base/events.js";
import { type BareJid, bareJid } from "../base/jid.js";
import type { KnownDevice } from "../session/outcome.js";
import type { Blocking } from "./blocking/blocking.js";
import type { ContactPolicy } from "./contact-policy/contact-policy.js";
import type { Strangers } from "./contact-policy/strangers.js";
import type { Queries } from "../transport/features/queries.js";
import { Conversation } from "./conversation.js";
import type { Core } from "./core.js";
import type { ClientEvent } from "./events.js";
import type { Gateways } from "./gateways/gateways.js";
import type { Inbox } from "./inbox/types.js";
import type { Conversations } from "./log/conversations.js";
import type { LogRange } from "./log/committed-log.js";
import { deleting } from "./log/deletion.js";
import type { Message } from "./message.js";
import { beginNewSession } from "./new-session.js";
import { checkPassword, type PasswordSource } from "./login-options.js";
import type { PersonalEvents } from "./presence/personal-events.js";
import type { Presence } from "./presence/presence.js";
import type { AccountPrivacyLists } from "./privacy/privacy-lists.js";
import type { Roster } from "./roster/roster.js";
import type { ClientStatus } from "./status.js";
import type { StorageReport } from "./storage-report.js";
import { closed, untilOnline } from "./until-online.js";

/** This device, as others see it. */
export interface OwnDevice {
  readonly jid: BareJid;
  readonly deviceId: number;
  /** 64 hex digits, see {@link formatFingerprint}. */
  readonly fingerprint: string;
}

/** A client, made by {@link createClient}. What is loaded when it is asked for may not come: ClientError `ERR_NOT_LOADED`, retryable. */
export class SottoClient {
  /** What the connection is doing. */
  readonly status: Observable<ClientStatus>;
  /** The contacts, who sees whose presence, and requests to answer. */
  readonly roster: Roster;
  /** What the user says of himself, and what is known of the contacts. */
  readonly presence: Presence;
  readonly #core: Core;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(core: Core) {
    this.#core = core;
    this.status = core.link.status;
    this.roster = core.roster;
    this.presence = core.presence;
  }

  /** This device. */
  get device(): OwnDevice {
    const { address, fingerprint } = this.#core.omemo.self;
    return { jid: address.jid, deviceId: address.deviceId, fingerprint };
  }

  /** What is known about the medium under the store: safe from eviction or not, lost, full. */
  get storage(): StorageReport {
    return this.#core.storage.report;
  }

  /** Messages that wait to leave, or for the server's word that it has them. */
  get waiting(): number {
    return this.#core.sender.waiting;
  }

  /** Connects, at once also when the next attempt would come later or the last failure was permanent. */
  connect(): void {
    this.#open().link.start();
  }

  /** Closes the stream; the client goes on offline until {@link connect}. */
  async disconnect(): Promise<void> {
    await this.#open().link.stop("offline");
  }

  /**
   * Resolves when the client is online; waits for {@link connect} while it is offline.
   * @throws the error of a permanent failure, such as a wrong password; UsageError `ERR_ABORTED` (its `cause` is what the connection
   *   waits for), `ERR_CLOSED`.
   */
  async ready(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return untilOnline(this.status, options.signal);
  }

  /** Used from the next login on; connects at once if the status is `stopped`. @throws UsageError as {@link createClient} for a wrong password option */
  setCredentials(credentials: { readonly password: PasswordSource }): void {
    this.#open().link.setPassword(checkPassword(credentials));
  }

  /** @throws UsageError `ERR_INVALID_JID` if `jid` is not a bare address. */
  conversation(jid: string): Conversation {
    this.#open();
    return new Conversation(bareJid(jid), () => this.#open());
  }

  /**
   * Every message of others and of this account's other devices, for each reader, in order, from the log and then as they come. Without
   * `after` the first reader begins where the slowest reader was, also across restarts, behind what `next()` had given, handled or not
   * ({@link inbox} loses nothing in a crash), and further ones begin now. Ends when `signal` aborts or the client closes.
   * @throws StorageError out of `next()`, also once the store has ended
   */
  messages(options: { readonly after?: number | undefined; readonly signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<Message> {
    return this.#open().feed.read(options);
  }

  /**
   * The messages for services: handed out until they are acknowledged, at least once, in order per conversation.
   * @throws ClientError `ERR_INBOX_BUSY`: one consumer at a time
   */
  async inbox(): Promise<Inbox> {
    const inbox = await this.#open().inbox.open();
    this.#open(); // it may have closed meanwhile
    return inbox;
  }

  /** The conversations to render, newest first, each with its last message and how many are unread. Also offline. @throws StorageError */
  async conversations(): Promise<Conversations> {
    return this.#open().onDemand.conversations();
  }

  /** Who is blocked (XEP-0191). */
  async blocking(): Promise<Blocking> {
    return this.#open().onDemand.blocking();
  }

  /** Privacy lists (XEP-0016). For presence that differs from person to person, {@link Presence.policy} is the better door. */
  async privacyLists(): Promise<AccountPrivacyLists> {
    return this.#open().onDemand.privacyLists();
  }

  /** Who may reach the user how, and when. */
  async contactPolicy(): Promise<ContactPolicy> {
    return this.#open().onDemand.contactPolicy();
  }

  /** The box of those who are not contacts, where the contact policy puts them. */
  async strangers(): Promise<Strangers> {
    return this.#open().onDemand.strangers();
  }

  /** Mood, activity, tune, location, nickname and avatar: the user's, and those of contacts. */
  async personalEvents(): Promise<PersonalEvents> {
    return this.#open().onDemand.personalEvents();
  }

  /** What others may ask this client - version, time, last activity, commands - and who of them gets an answer. By default nobody does. */
  async queries(): Promise<Queries> {
    return this.#open().onDemand.queries();
  }

  /** Gateways into other networks (XEP-0100). */
  async gateways(): Promise<Gateways> {
    return this.#open().onDemand.gateways();
  }

  /** A page of the log over all conversations. Also offline. */
  async history(range: Omit<LogRange, "conversation"> = {}): Promise<readonly Message[]> {
    return this.#open().log.page(range);
  }

  /** Deletes what was taken in before then (milliseconds since 1970), from the inbox too; not what is still to leave, nor the strangers' box. @returns how many @throws UsageError */
  async deleteHistory(options: { readonly before: number }): Promise<number> {
    return deleting(this.#open(), ({ deleteBefore }, ledger, log) => deleteBefore(ledger, log, options.before));
  }

  /** Calls `listener` for everything that happens; the first one hears in the next turn what went wrong at the start. A listener that throws harms nobody. */
  onEvent(listener: (event: ClientEvent) => void): Unsubscribe {
    const unsubscribe = this.#core.events.subscribe(listener);
    this.#core.listened();
    return unsubscribe;
  }

  /** Tells the server whether somebody looks at this client: an inactive one is spared what can wait (XEP-0352). Holds until told otherwise. */
  setActive(active: boolean): void {
    this.#open().setActive(active);
  }

  /**
   * The known devices of a contact, or of this account, from the store: nothing is fetched. Empty before the first message or
   * `conversation(jid).prepare()`. A changed key that waits for a decision is in `offered`.
   * @throws UsageError `ERR_INVALID_JID`
   */
  async devices(jid: string): Promise<readonly KnownDevice[]> {
    return this.#open().omemo.devices(bareJid(jid));
  }

  /**
   * Records the user's decision about exactly the key that was shown (threats T08).
   * @throws SessionError `ERR_DEVICE_UNKNOWN` if that key was never seen under `jid`; UsageError `ERR_INVALID_JID`, `ERR_INVALID_ARGUMENT`
   */
  async setTrust(jid: string, identityKey: Uint8Array, decision: "authenticated" | "distrusted"): Promise<void> {
    if (!(identityKey instanceof Uint8Array) || !["authenticated", "distrusted"].includes(decision)) throw new UsageError("ERR_INVALID_ARGUMENT", "not a key and a decision");
    return this.#open().omemo.setTrust(bareJid(jid), identityKey, decision);
  }

  /**
   * Begins anew with one device, for one that says that it cannot read what it gets, or whose messages cannot be read: an empty message starts a
   * new session as soon as there is a connection, or else the next message does. What still comes in the old one is read for a while (threats R22).
   * Nothing happens if there is no session.
   * @throws UsageError `ERR_INVALID_JID`, ClientError `ERR_NOT_LOADED`, StorageError
   */
  async resetSession(jid: string, deviceId: number): Promise<void> {
    return beginNewSession(this.#open(), bareJid(jid), deviceId);
  }

  /** @internal The parts, for those who serve this client to others (tabs/). @throws UsageError `ERR_CLOSED` */
  get core(): Core {
    return this.#open();
  }

  /**
   * Ends the stream, the readers, the waits for messages to get further, and the ownership of the store. What is stored is sent by the next run.
   * Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For `await using`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { link, feed, inbox, sender, settled, options } = this.#core;
    try {
      await link.stop("closed");
      this.presence.end();
      inbox.close();
      await feed.close();
      await settled();
    } finally {
      sender.end(closed()); // not before: what was under way may have come further
      await options.store.close();
    }
  }

  #open(): Core {
    if (this.#closing !== undefined) throw closed();
    return this.#core;
  }
}

