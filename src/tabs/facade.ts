/**
 * A client whose work is done elsewhere: what an application of a tab holds. States are mirrored, calls and messages travel, and nothing of it
 * needs keys, a stream or a store in this thread.
 * Spec: docs/decisions/0013-tabs-and-workers.md. Not here: how frames travel (link.ts), what travels how (surface-table.ts).
 * @module
 */
import type { Clock } from "../base/clock.js";
import { Emitter, ObservableValue, type Observable, type Unsubscribe } from "../base/events.js";
import { type BareJid, bareJid } from "../base/jid.js";
import type { OwnDevice } from "../client/client.js";
import { type AnySottoError, asSottoError, ClientError } from "../client/errors.js";
import type { ClientEvent } from "../client/events.js";
import { beyondOf } from "../client/gateways/from-data.js";
import type { Inbox } from "../client/inbox/types.js";
import type { Message } from "../client/message.js";
import { checkPassword, type PasswordSource } from "../client/login-options.js";
import type { ClientStatus } from "../client/status.js";
import type { StorageReport } from "../client/storage-report.js";
import type {
  Client, ClientBlocking, ClientContactPolicy, ClientConversation, ClientConversations, ClientGateways, ClientPersonalEvents, ClientPresence,
  ClientPrivacyLists, ClientRoster, ClientStrangers,
} from "../client/surface.js";
import { closed, settledOrAborted, untilOnline } from "../client/until-online.js";
import { Calls } from "./calls.js";
import { remoteConversation } from "./facade-conversation.js";
import { RemoteInbox } from "./facade-inbox.js";
import { RemoteParts } from "./facade-parts.js";
import { RemotePassword } from "./facade-password.js";
import { remotePresence, remoteRoster } from "./facade-people.js";
import type { Carry, Greeting } from "./frames.js";
import type { LeaderLink } from "./link.js";
import { LossNews } from "./loss-news.js";
import type { Mirror } from "./mirror.js";
import { remoteReader } from "./reader.js";
import { mirrored, remote, remoteEvents } from "./remote.js";
import { Sends } from "./sends.js";
import type { Remote } from "./surface-table.js";

/**
 * A client over `link`; resolves when the first leader has answered. If that one runs another build, the client's status is `stopped` with
 * `ERR_TAB_VERSION` until another one leads.
 * @throws the reason if no leader will ever answer
 */
export async function createFacade(link: LeaderLink, clock?: Clock): Promise<Client> {
  const facade = new Facade(link, clock);
  await facade.begun;
  if (facade.failure !== undefined) throw facade.failure;
  return facade;
}

interface Own {
  readonly device: OwnDevice;
  readonly storage: StorageReport;
  readonly waiting: number;
  /** The gateways that are known, with their types. */
  readonly gateways: ReadonlyMap<BareJid, string>;
}

class Facade implements Client {
  readonly status: Observable<ClientStatus>;
  readonly roster: ClientRoster;
  readonly presence: ClientPresence;
  readonly onEvent: (listener: (event: ClientEvent) => void) => Unsubscribe;
  /** Resolves when there is something to show, or is nothing to be had. */
  readonly begun: Promise<void>;
  readonly #calls: Calls;
  readonly #sends: Sends;
  readonly #parts: RemoteParts;
  readonly #password: RemotePassword;
  readonly #status = new ObservableValue<ClientStatus>({ kind: "offline" }, (error) => { this.#calls.listenerFailed(error); });
  readonly #told: Mirror<ClientStatus>;
  /** `undefined` until a leader has told what there is. */
  readonly #own: Mirror<Own | undefined>;
  readonly #carry: Mirror<Carry | undefined>;
  readonly #methods: Remote<"client">;
  #active: boolean | undefined;
  #closing: Promise<void> | undefined;
  /** The last of the calls that promise nothing; resolves when it was answered. */
  #asked: Promise<unknown> = Promise.resolve();

  constructor(link: LeaderLink, clock?: Clock) {
    let settle: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => { settle = resolve; });
    const events = new Emitter<ClientEvent>(); // what a listener of theirs throws would be told to itself, without end
    const calls = new Calls({
      link, clock, greeting: () => this.#greeting,
      onState: (state) => {
        if (state.kind === "waiting") this.#password.drop();
        else settle();
        if (state.kind === "open") this.#showAgain();
        if (state.kind === "refused" || state.kind === "ended") this.#status.set({ kind: "stopped", error: state.error });
      },
      listenerFailed: (error) => { events.emit({ kind: "error", error: asSottoError(error) }); },
    });
    this.#calls = calls;
    this.status = this.#status;
    const told = mirrored<ClientStatus>(calls, "status", ([status]) => status as ClientStatus);
    this.#told = told.mirror;
    this.#told.subscribe(() => { this.#show(); });
    const own = mirrored<Own | undefined>(calls, "client", ([device, storage, waiting, gateways]) => (
      device === undefined ? undefined : { device, storage, waiting, gateways } as Own
    ));
    this.#own = own.mirror;
    const carry = mirrored<Carry | undefined>(calls, "carry", ([value]) => value as Carry | undefined);
    this.#carry = carry.mirror;
    const { roster, ready: rosterReady } = remoteRoster(calls);
    const { presence, ready: presenceReady } = remotePresence(calls);
    this.roster = roster;
    this.presence = presence;
    this.onEvent = remoteEvents(calls, "events", events, new LossNews(this.status).isNews);
    this.#methods = remote(calls, { part: "client" });
    this.#sends = new Sends(calls);
    this.#parts = new RemoteParts({ calls, roster, account: () => this.device.jid });
    this.#password = new RemotePassword(calls, (credentials) => { this.#tell("setCredentials", [credentials]); });
    const all = Promise.all([told.ready, own.ready, carry.ready, rosterReady, presenceReady]).then(() => undefined, () => undefined); // refused: the status says so
    this.begun = answered.then(() => all);
  }

  /** Why there never was a leader. */
  get failure(): AnySottoError | undefined {
    return this.#own.getSnapshot() === undefined ? this.#calls.end : undefined;
  }

  get device(): OwnDevice {
    return this.#mirrored.device;
  }

  get storage(): StorageReport {
    return this.#mirrored.storage;
  }

  get waiting(): number {
    return this.#mirrored.waiting;
  }

  connect(): void {
    this.#calls.assertOpen();
    this.#tell("connect", []);
  }

  disconnect(): Promise<void> {
    return this.#methods.disconnect();
  }

  async ready({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    // What connect() or setCredentials() has asked for shows in the status once the leader has answered, and not at once as in its own tab.
    if (this.status.getSnapshot().kind === "stopped") await settledOrAborted(this.#asked, signal);
    await untilOnline(this.status, signal);
  }

  setCredentials(credentials: { readonly password: PasswordSource }): void {
    this.#calls.assertOpen();
    this.#password.set(checkPassword(credentials));
  }

  conversation(jid: string): ClientConversation {
    this.#calls.assertOpen();
    const calls = this.#calls;
    return remoteConversation({ calls, sends: this.#sends, beyond: (address) => beyondOf(this.#own.getSnapshot()?.gateways ?? new Map(), address) }, bareJid(jid));
  }

  messages(options: { readonly after?: number | undefined; readonly signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<Message> {
    this.#calls.assertOpen();
    const { after, signal } = options;
    let behind: number | undefined;
    let log: string | undefined;
    return remoteReader<Message>(this.#calls, {
      from: () => ({ of: "messages", log, ...(after === undefined ? { resume: behind } : { after: behind ?? after }) }),
      started: (start, of) => { [behind, log] = [start, of]; },
      handed: ({ position }) => { behind = position; },
      signal,
    });
  }

  async inbox(): Promise<Inbox> {
    this.#calls.assertOpen();
    return RemoteInbox.open(this.#calls, this.#sends);
  }

  conversations = (): Promise<ClientConversations> => this.#parts.conversations();
  blocking = (): Promise<ClientBlocking> => this.#parts.blocking();
  privacyLists = (): Promise<ClientPrivacyLists> => this.#parts.privacyLists();
  contactPolicy = (): Promise<ClientContactPolicy> => this.#parts.contactPolicy();
  strangers = (): Promise<ClientStrangers> => this.#parts.strangers();
  personalEvents = (): Promise<ClientPersonalEvents> => this.#parts.personalEvents();
  gateways = (): Promise<ClientGateways> => this.#parts.gateways();

  history: Client["history"] = (...args) => this.#methods.history(...args);
  deleteHistory: Client["deleteHistory"] = (...args) => this.#methods.deleteHistory(...args);
  devices: Client["devices"] = (...args) => this.#methods.devices(...args);
  resetSession: Client["resetSession"] = (...args) => this.#methods.resetSession(...args);
  setTrust: Client["setTrust"] = (...args) => this.#methods.setTrust(...args);

  setActive(active: boolean): void {
    this.#calls.assertOpen();
    this.#active = active;
    this.#tell("setActive", [active]);
  }

  close(): Promise<void> {
    this.#closing ??= this.#calls.close(closed()).finally(() => { this.#status.set({ kind: "closed" }); });
    this.#status.set({ kind: "closed" });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A leader does not know what this tab has said of itself. */
  get #greeting(): Greeting {
    const carry = this.#carry.getSnapshot();
    return { ...(carry === undefined ? {} : { carry }), ...(this.#active === undefined ? {} : { active: this.#active }) };
  }

  get #mirrored(): Own {
    const own = this.#own.getSnapshot();
    if (own === undefined) throw this.#calls.refusal ?? new ClientError("ERR_LEADER_LOST", "no leader has answered yet", { retryable: true });
    return own;
  }

  #show(): void {
    if (this.#closing === undefined) this.#status.set(this.#told.getSnapshot());
  }

  /** Another leader may tell the same status as the one before: what was shown in between goes. */
  #showAgain(): void {
    if (this.#status.getSnapshot().kind === "stopped" && this.#own.getSnapshot() !== undefined) this.#show();
  }

  /** For calls that promise nothing: what goes wrong with them is told by the status. */
  #tell(method: "connect" | "setActive" | "setCredentials", args: readonly unknown[]): void {
    this.#asked = this.#calls.ask({ part: "client" }, method, args).catch(() => undefined);
  }
}
