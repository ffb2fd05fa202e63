/** The facade: one client for one account. The only place where transport, storage and session meet. @module */
import { Emitter, type Observable, type Unsubscribe } from "../base/events.js";
import { UsageError } from "../base/errors.js";
import { type BareJid, bareJid } from "../base/jid.js";
import { randomId } from "../base/rng.js";
import { Ledger } from "../session/ledger.js";
import { Omemo } from "../session/omemo.js";
import type { KnownDevice } from "../session/outcome.js";
import { sceEnvelopeCodec } from "../transport/xep/xep0420.js";
import { asSottoError, ClientError } from "./errors.js";
import type { ClientEvent } from "./events.js";
import { Conversation } from "./conversation.js";
import { FollowUps } from "./follow-ups.js";
import { Inbox } from "./inbox.js";
import { Link } from "./link.js";
import type { IncomingMessage } from "./message.js";
import { MessageFeed } from "./message-feed.js";
import { checkOptions, type CheckedOptions, type ClientOptions, type PasswordSource } from "./options.js";
import { Outbox } from "./outbox.js";
import { accountKey, encodeAccount } from "./records.js";
import { Receiver } from "./receiver.js";
import { Sender } from "./sender.js";
import type { ClientStatus } from "./status.js";
import { OnlineDirectory } from "./online-directory.js";
import { StreamSetup } from "./stream-setup.js";
import { equalBytes } from "../base/bytes.js";

/** This device, as others see it. */
export interface OwnDevice {
  readonly jid: BareJid;
  readonly deviceId: number;
  /** 64 hex digits, see {@link formatFingerprint}. */
  readonly fingerprint: string;
}

/**
 * Opens the store and takes it over; resolves when that is done, online or not. Connecting goes on behind it: see
 * {@link SottoClient.status} and {@link SottoClient.ready}.
 * @throws UsageError for a wrong option, StorageError if the store cannot be opened,
 *   ClientError `ERR_STORE_FOREIGN_ACCOUNT` if it belongs to another account.
 */
export async function createClient(options: ClientOptions): Promise<SottoClient> {
  const checked = checkOptions(options);
  const { store, account } = checked;
  const ledger = new Ledger(store, await store.acquire());
  const owner = await store.get(accountKey);
  if (owner !== undefined && !equalBytes(owner, encodeAccount(account))) {
    throw new ClientError("ERR_STORE_FOREIGN_ACCOUNT", "this store belongs to another account");
  }
  if (owner === undefined) await ledger.run((tx) => { tx.put(accountKey, encodeAccount(account)); });
  const directory = new OnlineDirectory();
  const omemo = await Omemo.open({
    account, ledger, directory, codec: sceEnvelopeCodec,
    provider: checked.provider, rng: checked.rng, clock: checked.clock, trust: checked.trust, logger: checked.logger,
  });
  const client = new SottoClient({ checked, ledger, omemo, directory, outbox: await Outbox.load(store), inbox: await Inbox.load(store) });
  if (checked.autoConnect) client.connect();
  return client;
}

interface ClientParts {
  readonly checked: CheckedOptions;
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly directory: OnlineDirectory;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
}

/** A client, made by {@link createClient}. */
export class SottoClient {
  /** What the connection is doing. */
  readonly status: Observable<ClientStatus>;
  readonly #parts: ClientParts;
  readonly #link: Link;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #followUps: FollowUps;
  readonly #feed: MessageFeed<IncomingMessage>;
  readonly #events: Emitter<ClientEvent> = new Emitter<ClientEvent>((error) => { this.#options.logger("client.listener-failed", { known: error instanceof Error }); });
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(parts: ClientParts) {
    this.#parts = parts;
    const { checked, ledger, omemo, directory, outbox, inbox } = parts;
    const { account, clock, rng } = checked;
    const emit = (event: ClientEvent): void => { this.#events.emit(event); };
    const onError = (error: unknown): void => { emit({ kind: "error", error: asSottoError(error) }); };
    const newId = (): string => randomId(rng);
    this.#feed = new MessageFeed(() => { this.#offerWaiting(); });
    this.#sender = new Sender({ account, ledger, omemo, outbox, clock, newId, onError });
    this.#followUps = new FollowUps({ ledger, omemo, newId, onError });
    this.#receiver = new Receiver({
      account, ledger, omemo, inbox, clock, emit, sender: this.#sender,
      deliver: (message, seq) => { this.#deliver(message, seq); },
      followUp: (followUp) => { this.#followUps.add(followUp); },
    });
    const setup = new StreamSetup({
      account, ledger, omemo, directory, receive: (stanza) => { this.#receiver.accept(stanza); }, onError,
      onUnconfirmedNode: ({ content }) => { emit({ kind: "not-readable-by-others", content }); },
    });
    this.#link = new Link(checked, {
      onStream: (connection) => { setup.attach(connection); this.#followUps.attach(connection); },
      prepare: (connection) => setup.prepare(connection),
      onOnline: (connection) => { this.#sender.attach(connection); },
      onGone: () => { this.#sender.detach(); this.#followUps.detach(); directory.detach(); },
    });
    this.status = this.#link.status;
    omemo.events.subscribe((event) => {
      if (event.kind !== "key-seen" && event.kind !== "key-changed") return;
      emit({ kind: "new-identity", jid: event.device.jid, deviceId: event.device.deviceId, fingerprint: event.fingerprint, changed: event.kind === "key-changed" });
    });
  }

  get #options(): CheckedOptions {
    return this.#parts.checked;
  }

  /** This device. */
  get device(): OwnDevice {
    const { address, fingerprint } = this.#parts.omemo.self;
    return { jid: address.jid, deviceId: address.deviceId, fingerprint };
  }

  /** Connects, at once also when the next attempt would come later or the last failure was permanent. */
  connect(): void {
    this.#assertOpen();
    this.#link.start();
  }

  /** Closes the stream; the client goes on offline until {@link connect}. */
  async disconnect(): Promise<void> {
    this.#assertOpen();
    await this.#link.stop("offline");
  }

  /**
   * Resolves when the client is online.
   * @throws the TransportError of a permanent failure, such as a wrong password; UsageError `ERR_ABORTED`, `ERR_CLOSED`.
   */
  ready(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const check = (): boolean => {
        const status = this.status.getSnapshot();
        if (status.kind === "online") resolve();
        else if (status.kind === "stopped") reject(status.error);
        else if (status.kind === "closed") reject(closed());
        else if (signal?.aborted === true) reject(new UsageError("ERR_ABORTED", "waiting for the connection was aborted"));
        else return false;
        return true;
      };
      if (check()) return;
      const settle = (): void => {
        if (!check()) return;
        unsubscribe();
        signal?.removeEventListener("abort", settle);
      };
      const unsubscribe = this.status.subscribe(settle);
      signal?.addEventListener("abort", settle);
    });
  }

  /** Goes on with another password after `stopped`. */
  setCredentials(credentials: { readonly password: PasswordSource }): void {
    this.#assertOpen();
    this.#link.setPassword(credentials.password);
  }

  /** @throws UsageError `ERR_INVALID_JID` if `jid` is not a bare address. */
  conversation(jid: string): Conversation {
    this.#assertOpen();
    return new Conversation(bareJid(jid), { sender: this.#sender, omemo: this.#parts.omemo, assertOpen: () => { this.#assertOpen(); } });
  }

  /**
   * Every message from now on, in order of arrival, for each reader. The first reader also gets what arrived before it.
   * Ends when `signal` aborts or the client closes.
   */
  messages(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<IncomingMessage> {
    this.#assertOpen();
    return this.#feed.read(options.signal);
  }

  /** Calls `listener` for everything that happens. A listener that throws harms nobody. */
  onEvent(listener: (event: ClientEvent) => void): Unsubscribe {
    const unsubscribe = this.#events.subscribe(listener);
    if (this.#events.size === 1) this.#offerWaiting();
    return unsubscribe;
  }

  /** The known devices of a contact, or of this account. */
  devices(jid: string): Promise<readonly KnownDevice[]> {
    this.#assertOpen();
    return this.#parts.omemo.devices(bareJid(jid));
  }

  /**
   * Records the user's decision about exactly the key that was shown (threats T08).
   * @throws SessionError `ERR_DEVICE_UNKNOWN` if that key was never seen under `jid`.
   */
  setTrust(jid: string, identityKey: Uint8Array, decision: "authenticated" | "distrusted"): Promise<void> {
    this.#assertOpen();
    return this.#parts.omemo.setTrust(bareJid(jid), identityKey, decision);
  }

  /** Ends the stream, the readers and the ownership of the store. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For `await using`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#link.stop("closed");
    await this.#receiver.settled();
    await this.#followUps.settled();
    this.#feed.close();
    await this.#parts.ledger.run(() => undefined); // everything that was queued is committed
    await this.#options.store.close();
  }

  #deliver(message: IncomingMessage, seq: number): void {
    const entry = { seq, message };
    if (this.#feed.readers === 0 && this.#events.size === 0) {
      this.#parts.inbox.hold(entry);
      return;
    }
    this.#hand([entry]);
  }

  #offerWaiting(): void {
    const entries = this.#parts.inbox.takeWaiting();
    // A turn later: the reader that has just come must be able to hold what it gets.
    if (entries.length > 0) queueMicrotask(() => { this.#hand(entries); });
  }

  #hand(entries: readonly { readonly seq: number; readonly message: IncomingMessage }[]): void {
    for (const { message } of entries) {
      this.#feed.publish(message);
      this.#events.emit({ kind: "message", message });
    }
    this.#parts.inbox.release(entries, this.#parts.ledger).catch((error: unknown) => {
      this.#events.emit({ kind: "error", error: asSottoError(error) });
    });
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }
}

const closed = (): UsageError => new UsageError("ERR_CLOSED", "the client is closed");
