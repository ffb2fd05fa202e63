/**
 * Presence under a policy: who may see what, kept in force on one server session after the other.
 * Fails closed: without a readable policy, without privacy lists (unless the application takes the degraded mode), or while the server refuses a
 * step, nobody is shown more than the rules allow, and if that cannot be had, nothing.
 * Spec: design section 9. Threats V01, V02. Not here: the order of steps (plan.ts), stanzas (session.ts).
 * @module
 */
import { type Observable, ObservableValue, type Unsubscribe } from "../../base/events.js";
import { type BareJid, bareJid, type Jid, toBare } from "../../base/jid.js";
import { policyFarewellMs, policyRetryMs, policyRetryMsMax } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import { TransportError } from "../../transport/errors.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { encodeUnavailable, type PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import { type AnySottoError, asSottoError, ClientError } from "../errors.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "../presence/announcer.js";
import type { PolicyContext } from "../presence/policy-door.js";
import type { Contact } from "../roster/contact.js";
import { type AccountLists, readLists } from "./account-lists.js";
import { type CircumstancesDeps, PolicyCircumstances } from "./circumstances.js";
import { type Circumstances, seesUs, unasked } from "./compile.js";
import { effective, limited } from "./effective.js";
import { visibleSelf } from "./levels.js";
import { emptyMemory, PolicyMachine } from "./machine.js";
import { nobody, plan, planWithoutLists, sameTarget, type Step, type Target } from "./plan.js";
import { policyKey } from "./policy-key.js";
import { encodePolicy, type StoredPolicy } from "./policy-row.js";
import { readRules } from "./rules.js";
import { PolicySession } from "./session.js";
import type { Effective, PolicyLoss, PolicyResult, PolicyState } from "./types.js";

/** What the policy needs of the rest of the client. */
export interface PolicyDeps extends CircumstancesDeps {
  readonly ledger: Ledger;
  /** Begins the names of this device's lists, so that devices leave each other's alone. */
  readonly listPrefix: string;
  readonly roster: {
    /** Brings it up to date on this stream, if it is not. */
    prepare(connection: Connection): Promise<void>;
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
  /** What the application directs to single addresses has to be looked at again. */
  readonly reviewDirected: () => void;
  readonly emit: (event: { readonly kind: "presence-policy"; readonly state: PolicyState }) => void;
  readonly onError: (error: unknown) => void;
}

/** Keeps what is stored in force. Made by {@link PresencePolicy}. */
export class PolicyAnnouncer implements PresenceAnnouncer {
  readonly #d: PolicyDeps;
  readonly #state = new ObservableValue<PolicyState>({ kind: "none" });
  #stored: StoredPolicy | undefined;
  readonly #now: PolicyCircumstances;
  #connection: Connection | undefined;
  #session: PolicySession | undefined;
  #machine: PolicyMachine | undefined;
  #target: Target = nobody;
  #clearing = false;
  #installing = false;
  /** The stream whose first presence was asked for; before that nothing may be said on it. */
  #asked: Connection | undefined;
  #opening: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #cancelRetry: (() => void) | undefined;
  #retries = 0;
  #names = 0;
  #failure: AnySottoError | undefined;
  readonly #waiters: (() => void)[] = [];

  constructor(deps: PolicyDeps, stored: StoredPolicy | undefined) {
    this.#d = deps;
    this.#stored = stored;
    this.#now = new PolicyCircumstances(deps, deps.own());
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
    this.#recompute();
    const connection = this.#connection;
    if (connection === undefined || this.#machine !== undefined || this.#asked !== connection) return;
    // One at a time; the one under way takes the new rules.
    if (this.#opening === undefined) await this.#begin(connection);
    else await this.#opening.catch(() => undefined); // whoever asked for it is told
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
      if (this.#now.lists) {
        const service = new PrivacyListsService({ iq: connection.iq });
        await service.activate(undefined, connection.signal);
        for (const list of machine.situation.lists) await service.remove(list, connection.signal).catch(this.#d.onError);
      }
      this.#clearing = false;
    } catch (error) {
      this.#clearing = false;
      this.#recompute(); // the policy stays, and what is tried again is no longer the loosening
      throw error;
    }
  }

  /** There is no policy any more. */
  forget(): void {
    this.#stored = undefined;
    this.#drop();
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
  setContext(context: PolicyContext): void {
    this.#now.note(context);
    this.#recompute();
  }

  /** What `jid` may see, why, and whether it is known to see just that. `undefined` without a policy. */
  effective(jid: string): Effective | undefined {
    const bare = bareJid(jid);
    return this.#stored === undefined ? undefined : effective(this.circumstances(this.#stored), bare, this.#d.roster.confirmed(bare), this.#target, this.#machine);
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    if (!connection.continued || this.#session === undefined) {
      this.#drop();
      if (connection.continued && !this.#installing) this.#begin(connection).catch(this.#d.onError); // it had not come that far
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
    this.#now.own = availability;
    this.#connection = connection;
    await this.#begin(connection);
  }

  async changed(availability: Availability): Promise<void> {
    this.#now.own = availability;
    this.#recompute();
    await this.#settled();
  }

  async farewell(): Promise<void> {
    const machine = this.#machine;
    if (machine === undefined) return;
    this.#session?.perform(machine.want({ ...nobody, rules: this.#target.rules, blind: this.#target.blind }));
    await Promise.race([this.#settled(), new Promise<void>((resolve) => { this.#d.clock.schedule(policyFarewellMs, resolve); })]);
    this.#drop();
  }

  /** What of `content` may be shown to `to` directly: contacts as the rules say, others only if the rules name their address. */
  limit(to: Jid, content: PresenceContent): PresenceContent | undefined {
    const jid = toBare(to);
    return this.#stored === undefined ? content : limited(this.circumstances(this.#stored), jid, this.#d.roster.confirmed(jid), content);
  }

  async #begin(connection: Connection): Promise<void> {
    this.#asked = connection;
    this.#cancelRetry?.();
    const opening = this.#open(connection);
    this.#opening = opening;
    try {
      await opening;
    } finally {
      if (this.#opening === opening) this.#opening = undefined;
    }
    await this.#settled();
  }

  async #open(connection: Connection): Promise<void> {
    const { stream, signal } = connection;
    const service = new PrivacyListsService({ iq: connection.iq });
    let account: AccountLists | undefined;
    try {
      await this.#d.roster.prepare(connection); // groups of yesterday would let somebody see what he no longer may
      account = await readLists(service, this.#d.listPrefix, signal);
    } catch (error) {
      await this.#silence(connection);
      this.#failed(asSottoError(error));
      if (error instanceof TransportError && error.code === "ERR_STANZA_ERROR") return; // nobody is shown anything; tried again
      throw error;
    }
    const stored = this.#stored;
    if (this.#connection !== connection || stored === undefined) return;
    this.#now.lists = account !== undefined;
    if (account === undefined && stored.withoutPrivacyLists === "refuse") {
      await this.#silence(connection);
      this.#tell({ kind: "refused", error: unsupported() });
      return;
    }
    this.#now.standard = account?.standard ?? [];
    const leftovers = account?.ours ?? [];
    this.#target = this.#compiled(stored);
    this.#names = leftovers.reduce((most, name) => Math.max(most, (Number.parseInt(name.slice(this.#d.listPrefix.length), 36) || 0) + 1), this.#names);
    const machine = new PolicyMachine(emptyMemory(this.#target), () => `${this.#d.listPrefix}${(this.#names++).toString(36)}`, this.#now.lists ? plan : planWithoutLists);
    this.#machine = machine;
    this.#session = new PolicySession({
      account: this.#d.account, machine, lists: this.#now.lists, extras: this.#d.extras, remember: (ghosts) => this.#remember(ghosts),
      priority: () => this.#now.priority,
      moved: (error) => { this.#moved(error); }, standardChanged: () => { void this.#readStandard().catch(this.#d.onError); },
    });
    this.#session.attach(connection);
    const ghosts = new Set(stored.ghosts);
    const reach = new Set(this.#d.roster.confirmedContacts().filter(seesUs).map(({ jid }) => jid));
    let steps: readonly Step[];
    if (this.#installing) {
      const online = [...this.#d.online()];
      this.#session.seed(online);
      steps = machine.takeOver(this.#target, { reach, broadcast: visibleSelf(this.#now.own), ghosts, lists: leftovers }, online.map(([jid]) => jid));
    } else if (stream.start.kind === "resumed") steps = machine.takeOver(this.#target, { reach, broadcast: undefined, ghosts, lists: leftovers }, []);
    else steps = machine.begin(this.#target, ghosts, leftovers);
    if (!this.#installing || !this.#now.lists) this.#session.probe(unasked(this.#d.roster.confirmedContacts(), this.#target));
    this.#tell({ kind: "applying" });
    this.#session.perform(steps);
    this.#schedule();
  }

  /** What another announcer has shown is taken back: a policy that cannot begin shows nobody anything. */
  async #silence({ stream }: Connection): Promise<void> {
    if (this.#installing) await stream.send(encodeUnavailable()).catch(this.#d.onError);
  }

  #rosterChanged(jid: BareJid, regained: boolean): void {
    if (this.#stored === undefined) return;
    this.#recompute();
    if (regained && this.#machine !== undefined) this.#session?.perform(this.#machine.regained(jid));
  }

  async #readStandard(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || this.#machine === undefined || !this.#now.lists) return;
    const service = new PrivacyListsService({ iq: connection.iq });
    this.#now.standard = (await readLists(service, this.#d.listPrefix, connection.signal))?.standard ?? this.#now.standard;
    this.#recompute();
  }

  #recompute(): void {
    if (this.#stored === undefined || this.#clearing) return;
    this.#d.reviewDirected();
    if (this.#machine === undefined) return;
    const next = this.#compiled(this.#stored);
    this.#schedule();
    if (sameTarget(next, this.#target)) return;
    this.#target = next;
    this.#session?.perform(this.#machine.want(next));
  }

  #compiled(stored: StoredPolicy): Target {
    return this.#now.compiled(stored, [this.#machine?.situation.rules, this.#target.rules]);
  }

  /** Everything that follows from `stored` now. */
  circumstances(stored: StoredPolicy): Circumstances {
    return this.#now.of(stored);
  }

  #schedule(): void {
    this.#cancelTimer?.();
    const delayMs = this.#stored === undefined ? undefined : this.#now.dueInMs(this.#stored);
    if (delayMs !== undefined) this.#cancelTimer = this.#d.clock.schedule(delayMs, () => { this.#recompute(); });
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
      else if (this.#connection !== undefined) this.#begin(this.#connection).catch(this.#d.onError);
    });
    this.#wake();
  }

  #losses(): readonly PolicyLoss[] {
    if (this.#now.lists) return [];
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
    this.#cancelTimer?.();
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

/** Why a policy is refused. */
export const unsupported = (): ClientError => new ClientError("ERR_POLICY_UNSUPPORTED", "the server has no privacy lists, or does not keep them");

const failed = (cause?: unknown): ClientError =>
  new ClientError("ERR_POLICY_FAILED", "the server refused a step of the presence policy", { retryable: true, ...(cause === undefined ? {} : { cause }) });
