/**
 * The parts of one client and how they are wired: the only place where transport, storage and session meet. What an application sees
 * of it is client.ts.
 * @module
 */
import type { BareJid } from "../base/jid.js";
import { Emitter } from "../base/events.js";
import { randomId } from "../base/rng.js";
import { Ledger } from "../session/ledger.js";
import { OmemoDevice } from "../session/omemo-device.js";
import { omemo2Profile } from "../session/omemo2/profile.js";
import type { OmemoEvent } from "../session/outcome.js";
import { decodeOwnBundle, decodeOwnDevice, decodePreKey, encodeOwnBundle } from "../session/records/own-records.js";
import { StoreKeys } from "../session/records/store-keys.js";
import { TransportError } from "../transport/errors.js";
import { accountKey, encodeAccount, storedAccount } from "./account-record.js";
import { isDamaged, passingBy, unlessDamaged } from "./damaged.js";
import { asSottoError, ClientError, loaded } from "./errors.js";
import { textContent } from "./draft.js";
import type { ClientEvent } from "./events.js";
import { InboxDoor } from "./inbox-door.js";
import { type Connection, type Connector, Link } from "./link.js";
import { localPage } from "./log/backfill.js";
import type { History } from "./log/history.js";
import type { Message } from "./message.js";
import { MessageFeed } from "./message-feed.js";
import { MessageLog } from "./log/message-log.js";
import type { loadMemories, Offline, Online, openOnline } from "./online.js";
import { OnDemand } from "./on-demand.js";
import type { CheckedOptions } from "./options.js";
import { Sender } from "./outbox/sender.js";
import { loadPeople, type People } from "./people.js";
import { ArchiveCursor } from "./receive/archive-cursor.js";
import { ReadState } from "./receive/read-state.js";
import type { Notify } from "./receive/receipts.js";
import { StorageWatch } from "./storage-report.js";
import { offline } from "./until-online.js";

/** Where the half of a client comes from that needs a network. */
export type OnlineSource = () => Promise<{ readonly openOnline: typeof openOnline; readonly loadMemories: typeof loadMemories }>;

/** A bundler makes one file of it, which is fetched with the first call. */
export const onlineSource: OnlineSource = () => loaded(import("./online.js"));

/** What tests put in the place of the network. */
export interface Replacements {
  readonly connector?: Connector | undefined;
  readonly onlineSource?: OnlineSource;
}

const earlyEventsMax = 100;

/** Everything that lives as long as the client. */
export interface Core extends People {
  readonly options: CheckedOptions;
  readonly ledger: Ledger;
  readonly omemo: OmemoDevice;
  readonly log: MessageLog;
  readonly sender: Sender;
  readonly feed: MessageFeed;
  readonly inbox: InboxDoor;
  /** Fetches ahead what sending to `jid` needs, and asks what lies beyond it; nothing without a connection. */
  readonly prepare: (jid: BareJid, signal?: AbortSignal) => Promise<void>;
  /** Sends an empty message, say, once there is a stream; nothing if there never was one. */
  readonly followUp: Online["followUp"];
  /** Goes on in the archive while there is a connection. */
  readonly history: Pick<History, "older" | "page">;
  readonly readState: ReadState;
  readonly onDemand: OnDemand;
  readonly storage: StorageWatch;
  readonly link: Link;
  readonly events: Emitter<ClientEvent>;
  /** Somebody listens: tells in the next turn what nobody could hear of yet. */
  readonly listened: () => void;
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
export async function openCore(options: CheckedOptions, replaced: Replacements = {}): Promise<Core> {
  const { store } = options;
  try {
    // Before it is taken over: whoever runs on it now must not suffer from somebody else's mistake (threats N14).
    const owner = await storedAccount(store, options.provider.symmetric, options.account);
    if (owner !== undefined && owner.account !== options.account) throw new ClientError("ERR_STORE_FOREIGN_ACCOUNT", "this store belongs to another account");
    const ledger = new Ledger(store, await store.acquire());
    if (owner?.isDamaged !== false) await ledger.run((tx) => { tx.put(accountKey, encodeAccount(options.account)); });
    return await wire(options, ledger, replaced);
  } catch (error) {
    await store.close().catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}

async function wire(options: CheckedOptions, ledger: Ledger, replaced: Replacements): Promise<Core> {
  const { account, store, clock, rng, provider, logger, trust } = options;
  const events = new Emitter<ClientEvent>((error) => { logger("client.listener-failed", { known: error instanceof Error }); });
  const early: ClientEvent[] = [];
  let wired = false;
  const emit = (event: ClientEvent): void => {
    if (wired) events.emit(event);
    else if (early.length < earlyEventsMax) early.push(event);
  };
  const onError = (error: unknown): void => { emit({ kind: "error", error: asSottoError(error) }); };
  const log = await MessageLog.load(store, provider.symmetric, onError);
  const people = await loadPeople({
    options, ledger, log, emit, onError, offline: () => offline(link.link.status.getSnapshot()), deviceId: () => omemo.self.address.deviceId,
    isBlocked: (jid) => onDemand.isBlocked(jid), followBlocks: () => { onDemand.blocking().catch(onError); },
  });
  const { gate } = people;
  const openDevice = (): Promise<OmemoDevice> => OmemoDevice.open({ account, ledger, provider, rng, clock, trust, logger });
  const omemo = await openDevice().catch(async (error: unknown) => {
    if (!isDamaged(error)) throw error;
    const { mendOwnKeys } = await loaded(import("./mending/mending.js"));
    await mendOwnKeys({ ledger, rng, clock, keys: new StoreKeys(provider.symmetric, omemo2Profile.namespace), records: { decodeOwnBundle, decodeOwnDevice, decodePreKey, encodeOwnBundle, passingBy, unlessDamaged } });
    onError(error);
    return openDevice();
  });
  const cursor = await ArchiveCursor.load(store, onError);
  const sender = await Sender.load(store, {
    account, ledger, clock, rng, newId: () => randomId(rng), log, onError, archiveStamp: () => Promise.resolve(cursor.place?.stamp), isBlocked: (jid) => gate.isBlocked(jid) || gate.isHidden(jid),
    onFailed: (message) => { emit({ kind: "send-failed", message }); },
    ...(store.hasRoom === undefined ? {} : { hasRoom: store.hasRoom.bind(store) }),
  });
  const feed = await MessageFeed.load({ store, ledger, log, onError });
  const inbox = new InboxDoor({ store, ledger, log, clock, rng, onError, reply: (tx, to, draft) => sender.intake.acceptIn(tx, to, textContent(draft)) });
  omemo.events.subscribe((event) => {
    sender.forgetPlans();
    tellOf(event, emit);
  });
  log.onChange(({ kind, message }) => {
    if (kind !== "removed" && hasLeft(message)) void onDemand.askDomain(message.conversation);
  });
  const notify: Notify = (tx, to, content, how) => sender.intake.notify(tx, to, content, how);
  const readState = new ReadState({ ledger, log, notify, emit, onError, gate });
  const onDemand = new OnDemand({ ...people, options, ledger, log, emit, onError });
  const shared = { ...people, options, ledger, omemo, log, sender, readState, onError };
  const link = wireLink({ ...shared, cursor, emit, notify, onDemand, connector: replaced.connector }, replaced.onlineSource ?? onlineSource);
  const storage = await StorageWatch.load(store); // last: by asking, a loss counts as told
  store.onEnd((error) => {
    storage.ended(error, emit, events.size);
    link.link.end(asSottoError(error));
    inbox.close();
    sender.end(error);
  });
  wired = true;
  const listened = (): void => {
    storage.listened(emit);
    queueMicrotask(() => { for (const event of early.splice(0)) emit(event); });
  };
  return { ...shared, feed, inbox, events, listened, onDemand, storage, ...link };
}

/** The link, and what is behind it once that was loaded. */
function wireLink(
  offline: Omit<Offline, "isActive"> & { readonly onDemand: OnDemand }, source: OnlineSource,
): Pick<Core, "prepare" | "followUp" | "history" | "link" | "connection" | "setActive" | "settled"> {
  const { options, ledger, log, sender, onDemand, onError } = offline;
  let online: Online | undefined;
  let active = true;
  const load = async (): Promise<Online> => {
    if (online !== undefined) return online;
    const half = await source().catch((error: unknown) => {
      throw new TransportError("ERR_CONNECT_FAILED", "what connects could not be loaded", { cause: asSottoError(error), details: { reason: "not-loaded" }, retryable: true });
    });
    const memories = await half.loadMemories(offline);
    online ??= half.openOnline({ ...offline, ...memories, isActive: () => active }); // whoever loads at the same time opens one
    return online;
  };
  return {
    link: new Link({ options, onError, loadRun: async () => (await load()).run }),
    connection: () => online?.connection(),
    prepare: async (jid, signal) => {
      const answer = onDemand.askDomain(jid, signal);
      answer.catch(() => undefined); // waited for below, also if the devices could not be fetched
      try {
        await online?.omemo.prepare([jid], signal);
      } finally {
        await answer;
      }
    },
    followUp: (followUp) => { online?.followUp(followUp); },
    history: {
      page: (range, signal) => (online?.history ?? log).page(range, signal),
      older: (range, signal) => online?.history.older(range, signal) ?? localPage(ledger, log, range),
    },
    setActive: (next) => {
      active = next;
      online?.tellActive();
    },
    settled: async () => {
      await online?.settled();
      await sender.settled();
      await ledger.run(() => undefined); // everything that was queued is committed
    },
  };
}

/** Whether it leaves, or could not because the contact has no OMEMO, as most behind gateways: then their server was asked for devices. It hears of us anyway. */
const hasLeft = ({ delivery }: Message): boolean =>
  delivery !== undefined && delivery.state !== "stored" && (delivery.state !== "failed" || delivery.error?.code === "ERR_NO_OMEMO");

function tellOf(event: OmemoEvent, emit: (event: ClientEvent) => void): void {
  const { kind } = event;
  if (kind === "device-list-contested") emit({ kind: "not-listed", reason: "contested" });
  else if (kind === "device-list-full") emit({ kind: "not-listed", reason: "full" });
  else if (kind === "prekeys-drained" || kind === "bundle-replaced") emit(event);
  else if (kind !== "devices-changed") {
    const { device: { jid, deviceId }, fingerprint } = event;
    if (kind === "key-shared") emit({ kind: "identity-shared", jid, deviceId, fingerprint, holder: event.holder });
    else emit({ kind: "new-identity", jid, deviceId, fingerprint, changed: kind === "key-changed" });
  }
}
