/**
 * The parts of one client and how they are wired: the only place where transport, storage and session meet. What an application sees
 * of it is client.ts.
 * @module
 */
import { equalBytes } from "../base/bytes.js";
import { Emitter } from "../base/events.js";
import { randomId } from "../base/rng.js";
import { Ledger } from "../session/ledger.js";
import { Omemo } from "../session/omemo.js";
import { setClientActive } from "../transport/features/csi.js";
import type { OmemoEvent } from "../session/outcome.js";
import { sceEnvelopeCodec } from "../transport/xep/xep0420.js";
import { asSottoError, ClientError } from "./errors.js";
import type { ClientEvent } from "./events.js";
import { FollowUps } from "./follow-ups.js";
import { type Connection, type Connector, Link, type LinkHandlers } from "./link.js";
import { LoginMemory } from "./login-memory.js";
import { History } from "./log/history.js";
import { MessageFeed } from "./message-feed.js";
import { MessageLog } from "./log/message-log.js";
import type { CheckedOptions } from "./options.js";
import { OnlineDirectory } from "./online-directory.js";
import { Sender } from "./outbox/sender.js";
import { ArchiveCursor } from "./receive/archive-cursor.js";
import { CatchUp } from "./receive/catch-up.js";
import { ReadState } from "./receive/read-state.js";
import type { Notify } from "./receive/receipts.js";
import { Receiver } from "./receive/receiver.js";
import { accountKey, encodeAccount } from "./account-record.js";
import { Rollback } from "./rollback/rollback.js";
import { StoreHistory } from "./rollback/store-history.js";
import { Witness } from "./rollback/witness.js";
import { StreamSetup } from "./stream-setup.js";
import { StreamState } from "./stream-state.js";

/** Ids that this device sealed longer ago than this are forgotten once the archive is caught up, in milliseconds. */
const ownIdsAgeMs = 7 * 24 * 60 * 60 * 1000;

/** Everything that lives as long as the client. */
export interface Core {
  readonly options: CheckedOptions;
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly log: MessageLog;
  readonly sender: Sender;
  readonly feed: MessageFeed;
  readonly history: History;
  readonly readState: ReadState;
  readonly link: Link;
  readonly events: Emitter<ClientEvent>;
  /** Tells of a failure outside any call of the application. */
  readonly onError: (error: unknown) => void;
  /** The stream, while it is set up. */
  readonly connection: () => Connection | undefined;
  /** Whether somebody looks at this client; told to the server on each stream (XEP-0352). */
  readonly setActive: (active: boolean) => void;
  /** Resolves when nothing is under way any more; to be called once the link has stopped. */
  readonly settled: () => Promise<void>;
}

/**
 * Takes the store over and loads what an earlier run left.
 * @throws ClientError `ERR_STORE_FOREIGN_ACCOUNT`, StorageError; then the store is closed again
 */
export async function openCore(options: CheckedOptions, connector?: Connector): Promise<Core> {
  const { store } = options;
  try {
    // Before it is taken over: whoever runs on it now must not suffer from somebody else's mistake (threats N14).
    const owner = await store.get(accountKey);
    if (owner !== undefined && !equalBytes(owner, encodeAccount(options.account))) {
      throw new ClientError("ERR_STORE_FOREIGN_ACCOUNT", "this store belongs to another account");
    }
    const ledger = new Ledger(store, await store.acquire());
    if (owner === undefined) await ledger.run((tx) => { tx.put(accountKey, encodeAccount(options.account)); });
    return await wire(options, ledger, connector);
  } catch (error) {
    await store.close().catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}

async function wire(options: CheckedOptions, ledger: Ledger, connector: Connector | undefined): Promise<Core> {
  const { account, store, clock, rng, provider, logger, trust } = options;
  const events = new Emitter<ClientEvent>((error) => { logger("client.listener-failed", { known: error instanceof Error }); });
  const emit = (event: ClientEvent): void => { events.emit(event); };
  const onError = (error: unknown): void => { emit({ kind: "error", error: asSottoError(error) }); };
  const directory = new OnlineDirectory();
  const omemo = await Omemo.open({ account, ledger, directory, codec: sceEnvelopeCodec, provider, rng, clock, trust, logger });
  const log = await MessageLog.load(store, provider.symmetric, onError);
  const cursor = await ArchiveCursor.load(store);
  const sender = await Sender.load(store, {
    account, ledger, omemo, clock, rng, newId: () => randomId(rng), log, onError, archiveStamp: () => Promise.resolve(cursor.place?.stamp),
  });
  const feed = await MessageFeed.load({ store, ledger, log, onError });
  const offline = { options, ledger, omemo, log, sender, feed, events, onError };
  omemo.events.subscribe((event) => {
    sender.forgetPlans();
    tellOf(event, emit);
  });
  log.onChange(({ kind, message }) => {
    if (kind === "changed" && message.delivery?.state === "failed") emit({ kind: "send-failed", message });
  });
  return { ...offline, ...(await wireStreams({ ...offline, emit, cursor, directory, connector })) };
}

/** What {@link wireStreams} builds on: everything that is there without a connection. */
interface Offline extends Pick<Core, "options" | "ledger" | "omemo" | "log" | "sender" | "onError"> {
  readonly emit: (event: ClientEvent) => void;
  readonly cursor: ArchiveCursor;
  readonly directory: OnlineDirectory;
  readonly connector: Connector | undefined;
}

/** The way in, and one stream after the other. */
async function wireStreams(d: Offline): Promise<Pick<Core, "history" | "readState" | "link" | "connection" | "setActive" | "settled">> {
  const { options: { account, store, clock, rng }, ledger, omemo, log, sender, emit, onError } = d;
  const state = await StreamState.load(store, rng);
  const logins = await LoginMemory.load(store, ledger);
  const isContact = (): boolean => false; // there is no roster yet: whom we have written to counts
  const notify: Notify = async (tx, to, content, how) => { await sender.acceptIn(tx, to, content, how); };
  const followUps = new FollowUps({ ledger, omemo, newId: () => randomId(rng), onError, noteOwn: (tx, id) => { sender.noteOwn(tx, id); } });
  const receiver = new Receiver({
    account, ledger, omemo, log, clock, emit, isContact, notify, sent: sender,
    followUp: (followUp) => { followUps.add(followUp); },
    noteInbound: (tx, delivery, connection) => { state.noteInbound(tx, delivery.number, connection.epoch); },
  });
  const readState = new ReadState({ ledger, log, notify, emit, onError, isContact });
  const setup = await wireSetup(d, receiver, readState);
  let present: Connection | undefined;
  let active = true;
  const tellActive = (): void => { if (present !== undefined) setClientActive(present.stream, active).catch(() => undefined); }; // its end tells the same
  const handlers: LinkHandlers = {
    onStream: (connection) => { setup.attach(connection); sender.begin(connection); },
    prepare: (connection) => setup.prepare(connection),
    onOnline: (connection) => {
      present = connection;
      sender.attach(connection);
      followUps.attach(connection);
      if (!active) tellActive(); // every stream begins active
      setup.complete(connection).catch((error: unknown) => { if (!connection.signal.aborted) onError(error); });
    },
    onGone: () => {
      present = undefined;
      for (const part of [sender, followUps, d.directory, readState]) part.detach();
    },
    mayBlame: (error) => sender.mayBlame(error),
    onError,
  };
  const connection = (): Connection | undefined => present;
  return {
    connection, readState,
    history: new History({ ledger, log, receiver, connection }),
    link: new Link({ options: d.options, ledger, state, logins, handlers, ...(d.connector === undefined ? {} : { connector: d.connector }) }),
    setActive: (next) => { active = next; tellActive(); },
    settled: async () => {
      for (const part of [receiver, followUps, sender]) await part.settled();
      await ledger.run(() => undefined); // everything that was queued is committed
    },
  };
}

/** What happens on a fresh stream before it is online. */
async function wireSetup({ options, ledger, omemo, sender, emit, onError, cursor, directory }: Offline, receiver: Receiver, readState: ReadState): Promise<StreamSetup> {
  const { account, store, clock, rng, onRollback } = options;
  const witness = new Witness({ account, ledger, rng, deviceId: () => omemo.self.address.deviceId });
  const history = await StoreHistory.load(store, ledger);
  const rollback = new Rollback({ ledger, omemo, witness, history, emit, suspectOutbox: () => sender.suspect(), onRollback });
  const catchUp = new CatchUp({ ledger, omemo, receiver, cursor, clock, emit, onRollback: () => rollback.detected() });
  return new StreamSetup({
    account, clock, omemo, directory, witness, rollback, readState, onError,
    receive: (stanza, delivery, connection) => { receiver.accept(stanza, delivery, connection); },
    catchUp: async (connection) => {
      await catchUp.run(connection);
      await sender.pruneOwn(clock.now() - ownIdsAgeMs);
    },
    onUnconfirmedNode: ({ content }) => { emit({ kind: "not-readable-by-others", content }); },
  });
}

function tellOf(event: OmemoEvent, emit: (event: ClientEvent) => void): void {
  if (event.kind === "device-list-contested" || event.kind === "device-list-full") emit({ kind: "not-listed", reason: event.kind === "device-list-full" ? "full" : "contested" });
  if (event.kind !== "key-seen" && event.kind !== "key-changed" && event.kind !== "key-shared") return;
  const { device: { jid, deviceId }, fingerprint } = event;
  if (event.kind === "key-shared") emit({ kind: "identity-shared", jid, deviceId, fingerprint, holder: event.holder });
  else emit({ kind: "new-identity", jid, deviceId, fingerprint, changed: event.kind === "key-changed" });
}
