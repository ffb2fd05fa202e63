/**
 * Presence under a policy: who may see what, kept in force on one server session after the other.
 * Fails closed: without a readable policy, without privacy lists (unless the application takes the degraded mode), or while the server refuses a
 * step, nobody is shown more than the rules allow, and if that cannot be had, nothing.
 * Spec: design section 9. Threats V01, V02. Not here: the order of steps (plan.ts), stanzas (session.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { type Observable, ObservableValue, type Unsubscribe } from "../../base/events.js";
import { type BareJid, bareJid, type Jid, toBare } from "../../base/jid.js";
import { policyFarewellMs, policyRetryMs, policyRetryMsMax } from "../../base/limits.js";
import { serializeXml, type XmlElement } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import type { PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import type { PrivacyRule } from "../../transport/xep/xep0016.js";
import { type AnySottoError, asSottoError, ClientError } from "../errors.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "../presence/announcer.js";
import type { Contact } from "../roster/contact.js";
import { type AccountLists, readLists } from "./account-lists.js";
import { type Circumstances, compile } from "./compile.js";
import { effective, limited } from "./effective.js";
import { visibleSelf } from "./levels.js";
import { emptyMemory, PolicyMachine } from "./machine.js";
import { type Moment, nextChange } from "./moment.js";
import { plan, planWithoutLists, type Step, type Target } from "./plan.js";
import { policyKey } from "./policy-key.js";
import { encodePolicy, type StoredPolicy } from "./policy-row.js";
import { readRules } from "./rules.js";
import { PolicySession } from "./session.js";
import type { Effective, PolicyLoss, PolicyResult, PolicyState } from "./types.js";

/** What the policy needs of the rest of the client. */
export interface PolicyDeps {
  readonly account: BareJid;
  readonly clock: Clock;
  readonly ledger: Ledger;
  /** Begins the names of this device's lists, so that devices leave each other's alone. */
  readonly listPrefix: string;
  readonly roster: {
    confirmed(jid: string): Contact | undefined;
    confirmedContacts(): readonly Contact[];
    onChange(listener: (change: { readonly jid: BareJid; readonly before?: Contact; readonly after?: Contact }) => void): Unsubscribe;
  };
  /** The stream that is up, also while another announcer is in charge. */
  readonly connection: () => Connection | undefined;
  /** The resources of contacts that are known to be there: the policy may begin in the middle of a session. */
  readonly online: () => Iterable<readonly [jid: BareJid, resource: string]>;
  /** What the user says of himself. */
  readonly own: () => Availability;
  readonly extras: () => readonly XmlElement[];
  readonly emit: (event: { readonly kind: "presence-policy"; readonly state: PolicyState }) => void;
  readonly onError: (error: unknown) => void;
}

/** Keeps what is stored in force. Made by {@link PresencePolicy}. */
export class PolicyAnnouncer implements PresenceAnnouncer {
  readonly #d: PolicyDeps;
  readonly #state = new ObservableValue<PolicyState>({ kind: "none" });
  #stored: StoredPolicy | undefined;
  #inCall = false;
  #idleSince: number | undefined;
  #own: Availability;
  #connection: Connection | undefined;
  #session: PolicySession | undefined;
  #machine: PolicyMachine | undefined;
  #lists = true;
  #standard: readonly PrivacyRule[] = [];
  #target: Target = nobody;
  #edition = 0;
  #extras = "";
  #clearing = false;
  #installing = false;
  #cancelTimer: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #retries = 0;
  #names = 0;
  #failure: AnySottoError | undefined;
  readonly #waiters: (() => void)[] = [];

  constructor(deps: PolicyDeps, stored: StoredPolicy | undefined) {
    this.#d = deps;
    this.#stored = stored;
    this.#own = deps.own();
    if (stored !== undefined) this.#tell({ kind: "waiting" });
    deps.roster.onChange(({ jid, before, after }) => { this.#rosterChanged(jid, seesUs(after) && !seesUs(before)); });
  }

  /** How the policy stands. */
  get state(): Observable<PolicyState> {
    return this.#state;
  }

  /** The policy as it is kept. */
  get stored(): StoredPolicy | undefined {
    return this.#stored;
  }

  /** Durable when it resolves. */
  async keep(stored: StoredPolicy): Promise<void> {
    this.#stored = stored;
    await this.#d.ledger.run((tx) => { tx.put(policyKey, encodePolicy(stored)); });
  }

  /** This announcer replaces another one while a stream may be up. */
  async takeOver(use: () => Promise<void>): Promise<void> {
    this.#installing = true;
    try {
      await use();
    } finally {
      this.#installing = false;
    }
    if (this.#connection === undefined) this.#tell({ kind: "waiting" });
  }

  /** The policy has changed. */
  async apply(): Promise<void> {
    if (this.#connection !== undefined && this.#machine === undefined) await this.#begin(this.#connection);
    else this.#recompute();
  }

  /** Shows everybody what we say of ourselves and puts the lists out of force. @throws ClientError `ERR_POLICY_FAILED`, TransportError */
  async loosen({ withoutPrivacyLists }: StoredPolicy): Promise<void> {
    const connection = this.#connection;
    const machine = this.#machine;
    if (connection === undefined || machine === undefined) return;
    this.#clearing = true;
    try {
      this.#target = this.#compiled({ book: readRules({ others: "chat" }), withoutPrivacyLists, ghosts: [] });
      this.#session?.perform(machine.want(this.#target));
      await this.#settled();
      if (machine.state !== "settled") throw failed();
      if (!this.#lists) return;
      const service = new PrivacyListsService({ iq: connection.iq });
      await service.activate(undefined, connection.signal);
      for (const list of machine.situation.lists) await service.remove(list, connection.signal).catch(this.#d.onError);
    } finally {
      this.#clearing = false;
    }
  }

  /** There is no policy any more. */
  forget(): void {
    this.#stored = undefined;
    this.#drop();
    this.#cancelTimer?.();
    this.#tell({ kind: "none" });
  }

  /** How far it got. @throws ClientError `ERR_POLICY_UNSUPPORTED`, `ERR_POLICY_FAILED` */
  async result(): Promise<PolicyResult> {
    await this.#settled();
    const state = this.#state.getSnapshot();
    if (state.kind === "refused") throw state.error;
    if (state.kind === "failed") throw failed(state.error);
    const stored = this.#machine === undefined || this.#connection === undefined;
    return { state: stored ? "stored" : "in-force", losses: stored ? [] : this.#losses(), outside: this.#stored === undefined ? [] : ["other-clients"] };
  }

  /** What the conditions of the rules are about. Fields that are absent stay as they are. */
  setContext(context: { readonly inCall?: boolean; readonly idleSince?: number | undefined }): void {
    if (context.inCall !== undefined) this.#inCall = context.inCall;
    if ("idleSince" in context) this.#idleSince = context.idleSince;
    this.#recompute();
  }

  /** What `jid` may see, why, and whether it is known to see just that. `undefined` without a policy. */
  effective(jid: string): Effective | undefined {
    const bare = bareJid(jid);
    return this.#stored === undefined ? undefined : effective(this.circumstances(this.#stored), bare, this.#target, this.#machine);
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    if (!connection.continued || this.#session === undefined) {
      this.#drop();
      return;
    }
    this.#session.attach(connection);
    this.#session.resumed();
  }

  detach(): void {
    this.#connection = undefined;
    this.#session?.detach();
    this.#cancelRetry?.();
    if (this.#stored !== undefined) this.#tell({ kind: "waiting" });
    this.#wake();
  }

  async begin(connection: Connection, availability: Availability): Promise<void> {
    this.#own = availability;
    this.#connection = connection;
    await this.#begin(connection);
  }

  async changed(availability: Availability): Promise<void> {
    this.#own = availability;
    this.#recompute();
    await this.#settled();
  }

  async farewell(): Promise<void> {
    const machine = this.#machine;
    if (machine === undefined) return;
    this.#cancelTimer?.();
    this.#session?.perform(machine.want({ ...nobody, rules: this.#target.rules, blind: this.#target.blind }));
    await Promise.race([this.#settled(), new Promise<void>((resolve) => { this.#d.clock.schedule(policyFarewellMs, resolve); })]);
    this.#drop();
  }

  /** What of `content` may be shown to `to` directly: contacts as the rules say, others only if the rules name their address. */
  limit(to: Jid, content: PresenceContent): PresenceContent | undefined {
    return this.#stored === undefined ? content : limited(this.circumstances(this.#stored), toBare(to), content);
  }

  async #begin(connection: Connection): Promise<void> {
    const { stream, signal } = connection;
    const service = new PrivacyListsService({ iq: connection.iq });
    const stored = this.#stored;
    if (stored === undefined) return;
    let account: AccountLists | undefined;
    try {
      account = await readLists(service, this.#d.listPrefix, signal);
    } catch (error) {
      this.#failed(asSottoError(error));
      throw error;
    }
    this.#lists = account !== undefined;
    if (account === undefined && stored.withoutPrivacyLists === "refuse") {
      this.#tell({ kind: "refused", error: unsupported() });
      return;
    }
    this.#standard = account?.standard ?? [];
    const leftovers = account?.ours ?? [];
    this.#target = this.#compiled(stored);
    this.#names = leftovers.reduce((most, name) => Math.max(most, (Number.parseInt(name.slice(this.#d.listPrefix.length), 36) || 0) + 1), this.#names);
    const memory = emptyMemory(this.#target);
    const machine = new PolicyMachine(memory, () => `${this.#d.listPrefix}${(this.#names++).toString(36)}`, this.#lists ? plan : planWithoutLists);
    this.#machine = machine;
    this.#session = new PolicySession({
      account: this.#d.account, machine, lists: this.#lists, extras: this.#d.extras, remember: (ghosts) => this.#remember(ghosts),
      priority: () => (this.#own.kind === "available" ? this.#own.priority : undefined),
      moved: (error) => { this.#moved(error); }, standardChanged: () => { void this.#readStandard().catch(this.#d.onError); },
    });
    this.#session.attach(connection);
    const ghosts = new Set(stored.ghosts);
    const reach = new Set(this.#d.roster.confirmedContacts().filter(seesUs).map(({ jid }) => jid));
    let steps: readonly Step[];
    if (this.#installing) {
      const online = [...this.#d.online()];
      this.#session.seed(online);
      steps = machine.takeOver(this.#target, { reach, broadcast: visibleSelf(this.#own), ghosts, lists: leftovers }, online.map(([jid]) => jid));
    } else if (stream.start.kind === "resumed") steps = machine.takeOver(this.#target, { reach, broadcast: undefined, ghosts, lists: leftovers }, []);
    else steps = machine.begin(this.#target, ghosts, leftovers);
    if (!this.#installing) this.#session.probe(hiddenFrom(this.#d.roster.confirmedContacts(), this.#target));
    this.#tell({ kind: "applying" });
    this.#session.perform(steps);
    this.#schedule();
    await this.#settled();
  }

  #rosterChanged(jid: BareJid, regained: boolean): void {
    if (this.#stored === undefined) return;
    this.#recompute();
    if (regained && this.#machine !== undefined) this.#session?.perform(this.#machine.regained(jid));
  }

  async #readStandard(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || this.#machine === undefined || !this.#lists) return;
    const service = new PrivacyListsService({ iq: connection.iq });
    this.#standard = (await readLists(service, this.#d.listPrefix, connection.signal))?.standard ?? this.#standard;
    this.#recompute();
  }

  #recompute(): void {
    const { extras } = this.#d;
    const written = extras().map((element) => serializeXml(element)).join("");
    if (written !== this.#extras) {
      this.#extras = written;
      this.#edition++;
    }
    if (this.#stored === undefined || this.#clearing || this.#machine === undefined) return;
    const next = this.#compiled(this.#stored);
    this.#schedule();
    if (sameTarget(next, this.#target)) return;
    this.#target = next;
    this.#session?.perform(this.#machine.want(next));
  }

  #compiled(stored: StoredPolicy): Target {
    const target = compile(this.circumstances(stored));
    // The same list stays in force.
    const written = JSON.stringify(target.rules);
    const same = [this.#machine?.situation.rules, this.#target.rules].find((rules) => JSON.stringify(rules) === written);
    return same === undefined ? target : { ...target, rules: same };
  }

  /** Everything that follows from `stored` now. */
  circumstances(stored: StoredPolicy): Circumstances {
    const moment = this.#moment();
    const override = stored.override !== undefined && stored.override.until > moment.now ? stored.override.level : undefined;
    return {
      account: this.#d.account, book: stored.book, moment, override, own: this.#own, contacts: this.#d.roster.confirmedContacts(),
      standard: this.#standard, lists: this.#lists, edition: this.#edition,
    };
  }

  #moment(): Moment {
    const own = this.#own.kind === "available" ? this.#own.idleSince : undefined;
    return { now: this.#d.clock.now(), inCall: this.#inCall, idleSince: this.#idleSince ?? own };
  }

  #schedule(): void {
    this.#cancelTimer?.();
    if (this.#stored === undefined) return;
    const moment = this.#moment();
    const { override } = this.#stored;
    const expiry = override !== undefined && override.until > moment.now ? override.until - moment.now : Infinity;
    const next = Math.min(nextChange(this.#stored.book, moment) ?? Infinity, expiry);
    // The wall clock may jump: it is looked at again at the latest a minute later.
    if (next !== Infinity) this.#cancelTimer = this.#d.clock.schedule(Math.min(60_000, next) + 1, () => { this.#recompute(); });
  }

  /** The machine did something. */
  #moved(error?: unknown): void {
    if (this.#machine === undefined) return;
    const { state } = this.#machine;
    if (error !== undefined) this.#failure = asSottoError(error);
    if (state === "failed") this.#failed(this.#failure ?? unsupported());
    if (state !== "settled") return;
    this.#retries = 0;
    this.#failure = undefined;
    this.#tell({ kind: "in-force", losses: this.#losses() });
    this.#wake();
  }

  #failed(error: AnySottoError): void {
    const delay = Math.min(policyRetryMsMax, policyRetryMs * 2 ** this.#retries);
    this.#tell({ kind: "failed", error });
    this.#cancelRetry?.();
    this.#cancelRetry = this.#d.clock.schedule(delay, () => {
      this.#retries++;
      if (this.#machine !== undefined) this.#session?.perform(this.#machine.retry());
    });
    this.#wake();
  }

  #losses(): readonly PolicyLoss[] {
    if (this.#lists) return [];
    return this.#target.broadcast === undefined ? ["live-messages", "logins-unseen", "crash-leaves-presence"] : ["new-contacts-see-broadcast"];
  }

  async #remember(ghosts: readonly BareJid[]): Promise<void> {
    if (this.#stored === undefined) return;
    if (ghosts.length + this.#stored.ghosts.length > 0) await this.keep({ ...this.#stored, ghosts });
  }

  /** The session is over. */
  #drop(): void {
    this.#session?.detach();
    this.#session = undefined;
    this.#machine = undefined;
    this.#cancelRetry?.();
  }

  /** Resolves when the machine has come to rest, or the stream is gone. */
  #settled(): Promise<void> {
    if (this.#connection === undefined || this.#machine?.state !== "running") return Promise.resolve();
    return new Promise((resolve) => { this.#waiters.push(resolve); });
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #tell(state: PolicyState): void {
    const before = this.#state.getSnapshot();
    if (before.kind === state.kind && state.kind !== "failed") return;
    this.#state.set(state);
    this.#d.emit({ kind: "presence-policy", state });
  }
}

const nobody: Target = { broadcast: undefined, visible: new Map(), rules: [], blind: new Set() };

const seesUs = (contact: Contact | undefined): boolean => contact?.subscription === "from" || contact?.subscription === "both";

/** Why a policy is refused. */
export const unsupported = (): ClientError => new ClientError("ERR_POLICY_UNSUPPORTED", "the server has no privacy lists, or does not keep them");

/** Whose presence we see, and who sees nothing of ours. */
const hiddenFrom = (contacts: readonly Contact[], { visible }: Target): readonly BareJid[] =>
  contacts.filter(({ jid, subscription }) => subscription === "both" && !visible.has(jid)).map(({ jid }) => jid);

const failed = (cause?: unknown): ClientError =>
  new ClientError("ERR_POLICY_FAILED", "the server refused a step of the presence policy", { retryable: true, ...(cause === undefined ? {} : { cause }) });

const sameTarget = (a: Target, b: Target): boolean => a.rules === b.rules && plainTarget(a) === plainTarget(b);
const plainTarget = ({ broadcast, visible, blind }: Target): string => JSON.stringify([broadcast ?? null, [...visible], [...blind]]);
