/**
 * Presence under a policy: who may see what, kept in force on one server session after the other.
 * Fails closed: without a readable policy, without privacy lists (unless the application takes the degraded mode), or while the server refuses a
 * step, nobody is shown more than the rules allow, and if that cannot be had, nothing.
 * Spec: design section 9. Threats V01, V02. Not here: the order of steps (plan.ts), stanzas (session.ts).
 * @module
 */
import type { Observable } from "../../base/events.js";
import { type BareJid, bareJid, type Jid, toBare } from "../../base/jid.js";
import { policyFarewellMs } from "../../base/limits.js";
import { TransportError } from "../../transport/errors.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { encodeUnavailable, type PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import { type AnySottoError, asSottoError } from "../errors.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "../presence/announcer.js";
import type { PolicyContext } from "../presence/policy-door.js";
import { type AccountLists, readLists } from "./account-lists.js";
import { PolicyCircumstances, type Ruling } from "./circumstances.js";
import { type Circumstances, seesUs, unasked } from "./compile.js";
import { CurrentPolicyView, describePolicy, emptyGroups, lossesOf, onTheWay } from "./current-policy.js";
import { effective, limited } from "./effective.js";
import { KeptPolicy } from "./kept-policy.js";
import { visibleSelf } from "./levels.js";
import { type MachineState, PolicyMachine } from "./machine.js";
import { emptyMemory } from "./memory.js";
import { nobody, plan, planWithoutLists, sameTarget, type Step, type Target } from "./plan.js";
import { failed, type PolicyDeps, unsupported } from "./policy-deps.js";
import type { StoredPolicy } from "./policy-row.js";
import { readRules } from "./rules.js";
import { PolicySession } from "./session.js";
import { PolicyStanding } from "./standing.js";
import type { CurrentPolicy, Effective, PolicyResult, PolicyState } from "./types.js";

/** Keeps what is stored in force. Made by {@link PresencePolicy}. */
export class PolicyAnnouncer implements PresenceAnnouncer {
  readonly #d: PolicyDeps;
  readonly #standing: PolicyStanding;
  readonly #current: CurrentPolicyView;
  readonly #kept: KeptPolicy;
  readonly #now: PolicyCircumstances;
  #connection: Connection | undefined;
  #session: PolicySession | undefined;
  #machine: PolicyMachine | undefined;
  #target: Target = nobody;
  /** Which choices of the rules counted when it was looked last. */
  #chosen = "";
  /** How the machine stood when it moved last. */
  #moment: MachineState | undefined;
  #ended = false;
  #clearing = false;
  #installing = false;
  /** The stream whose first presence was asked for; before that nothing may be said on it. */
  #asked: Connection | undefined;
  #opening: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #names = 0;
  #failure: AnySottoError | undefined;

  constructor(deps: PolicyDeps, stored: StoredPolicy | undefined) {
    this.#d = deps;
    this.#standing = new PolicyStanding(deps);
    this.#kept = new KeptPolicy(deps.ledger, stored, () => { this.#current.touch(); });
    this.#now = new PolicyCircumstances(deps, deps.own());
    this.#current = new CurrentPolicyView({ clock: deps.clock, read: () => this.#read(), onListenerError: deps.onError });
    this.#standing.state.subscribe(() => { this.#current.touch(); });
    if (stored !== undefined) this.#chosen = this.#now.chosen(stored);
    this.#schedule();
    if (stored !== undefined) this.#standing.tell({ kind: "waiting" });
    deps.roster.onChange(({ jid, before, after }) => { this.#rosterChanged(jid, seesUs(after) && !seesUs(before)); });
  }

  /** How the policy stands. */
  get state(): Observable<PolicyState> {
    return this.#standing.state;
  }

  /** The policy as an application watches it. */
  get current(): Observable<CurrentPolicy | undefined> {
    return this.#current;
  }

  /** The policy as it is kept. */
  get stored(): StoredPolicy | undefined {
    return this.#kept.stored;
  }

  /** Durable when it resolves. */
  async keep(stored: StoredPolicy): Promise<void> {
    const before = this.stored?.book;
    await this.#kept.keep(stored);
    if (stored.book !== before) this.#chosen = this.#now.chosen(stored);
    this.#schedule(); // its time passes also while there is no stream
  }

  /** This announcer replaces another one while a stream may be up. */
  async takeOver(use: () => Promise<void>): Promise<void> {
    this.#installing = true;
    try {
      await use();
    } finally {
      this.#installing = false;
    }
    if (this.#connection === undefined) this.#standing.tell({ kind: "waiting" });
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
  async loosen(): Promise<void> {
    const connection = this.#connection;
    const machine = this.#machine;
    if (connection === undefined || machine === undefined) return;
    this.#clearing = true;
    try {
      this.#target = this.#compiled({ book: readRules({ others: "chat" }) });
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
    this.#kept.forget();
    this.#drop();
    this.#schedule();
    this.#standing.tell({ kind: "none" });
  }

  /** Nothing happens by itself any more. */
  end(): void {
    this.#ended = true;
    this.#cancelTimer?.();
    this.#standing.cancelRetry();
    this.#current.end();
  }

  /** How far it got. @throws ClientError `ERR_POLICY_UNSUPPORTED`, `ERR_POLICY_FAILED` */
  async result(): Promise<PolicyResult> {
    await this.#settled();
    const state = this.#standing.state.getSnapshot();
    if (state.kind === "refused") throw state.error;
    if (state.kind === "failed") throw failed(state.error);
    const stored = this.#machine === undefined || this.#connection === undefined;
    return {
      state: stored ? "stored" : "in-force", losses: stored ? [] : lossesOf(this.#now.lists, this.#target), outside: this.stored === undefined ? [] : ["other-clients"],
      emptyGroups: this.stored === undefined ? [] : emptyGroups(this.stored.book, this.#d.roster.confirmedContacts()),
    };
  }

  /** What the conditions of the rules are about. Fields that are absent stay as they are. */
  setContext(context: PolicyContext): void {
    this.#now.note(context);
    this.#recompute("same-people");
  }

  /** What `jid` may see, why, and whether it is known to see just that. `undefined` without a policy. */
  effective(jid: string): Effective | undefined {
    const bare = bareJid(jid);
    return this.stored === undefined ? undefined : effective(this.circumstances(this.stored), bare, this.#d.roster.confirmed(bare), this.#target, this.#machine);
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
    this.#standing.cancelRetry();
    if (this.stored !== undefined) this.#standing.tell({ kind: "waiting" });
    this.#standing.wake();
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
    this.#session?.perform(machine.want({ ...nobody, rules: this.#target.rules, blind: this.#target.blind, hidden: this.#target.hidden }));
    await Promise.race([this.#settled(), new Promise<void>((resolve) => { this.#d.clock.schedule(policyFarewellMs, resolve); })]);
    this.#drop();
  }

  /** What of `content` may be shown to `to` directly: contacts as the rules say, others only if the rules name their address. */
  limit(to: Jid, content: PresenceContent): PresenceContent | undefined {
    const jid = toBare(to);
    return this.stored === undefined ? content : limited(this.circumstances(this.stored), jid, this.#d.roster.confirmed(jid), content);
  }

  async #begin(connection: Connection): Promise<void> {
    this.#asked = connection;
    this.#standing.cancelRetry();
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
    const stored = this.stored;
    if (this.#connection !== connection || stored === undefined) return;
    this.#now.lists = account !== undefined;
    if (account === undefined && stored.withoutPrivacyLists === "refuse") {
      await this.#silence(connection);
      this.#standing.tell({ kind: "refused", error: unsupported() });
      return;
    }
    this.#now.standard = account?.standard ?? [];
    const leftovers = account?.ours ?? [];
    this.#target = this.#compiled(stored);
    this.#names = leftovers.reduce((most, name) => Math.max(most, (Number.parseInt(name.slice(this.#d.listPrefix.length), 36) || 0) + 1), this.#names);
    const machine = new PolicyMachine(emptyMemory(this.#target), () => `${this.#d.listPrefix}${(this.#names++).toString(36)}`, this.#now.lists ? plan : planWithoutLists);
    this.#machine = machine;
    this.#session = new PolicySession({
      account: this.#d.account, machine, lists: this.#now.lists, extras: this.#d.extras,
      contacts: () => this.#d.roster.confirmedContacts().map(({ jid }) => jid), remember: (ghosts) => this.#kept.remember(ghosts),
      priority: () => this.#now.priority,
      moved: (error) => { this.#moved(error); }, standardChanged: () => { void this.#readStandard().catch(this.#d.onError); },
    });
    this.#session.attach(connection);
    this.#session.watchBlocks();
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
    this.#standing.tell({ kind: "applying" });
    this.#session.perform(steps);
    this.#schedule();
  }

  /** What another announcer has shown is taken back: a policy that cannot begin shows nobody anything. */
  async #silence({ stream }: Connection): Promise<void> {
    if (this.#installing) await stream.send(encodeUnavailable()).catch(this.#d.onError);
  }

  #rosterChanged(jid: BareJid, regained: boolean): void {
    if (this.stored === undefined) return;
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

  /** `same-people`: only time or context may have moved, and what somebody sees has changed only if another choice counts. */
  #recompute(what: "anything" | "same-people" = "anything"): void {
    if (this.stored === undefined || this.#clearing) return;
    this.#d.reviewDirected();
    const before = this.#chosen;
    this.#chosen = this.#now.chosen(this.stored);
    this.#current.touch(what === "anything" || this.#chosen !== before);
    this.#schedule();
    if (this.#machine === undefined) return;
    const next = this.#compiled(this.stored);
    if (sameTarget(next, this.#target)) return;
    this.#target = next;
    this.#session?.perform(this.#machine.want(next));
  }

  #compiled(stored: Ruling): Target {
    return this.#now.compiled(stored, [this.#machine?.situation.rules, this.#target.rules]);
  }

  /** Everything that follows from `stored` now. */
  circumstances(stored: StoredPolicy): Circumstances {
    return this.#now.of(stored);
  }

  #schedule(): void {
    this.#cancelTimer?.();
    const delayMs = this.stored === undefined || this.#ended ? undefined : this.#now.dueInMs(this.stored);
    if (delayMs !== undefined) this.#cancelTimer = this.#d.clock.schedule(delayMs, () => { this.#recompute("same-people"); });
  }

  /** The machine did something. */
  #moved(error?: unknown): void {
    if (this.#machine === undefined) return;
    const { state } = this.#machine;
    if (state !== this.#moment) this.#current.touch();
    else if (state !== "running") this.#current.soon(); // at rest, it moves only for somebody who comes
    this.#moment = state;
    if (error !== undefined) this.#failure = asSottoError(error);
    if (state === "failed") this.#failed(this.#failure ?? unsupported());
    if (state !== "settled") return;
    this.#failure = undefined;
    this.#standing.settled(lossesOf(this.#now.lists, this.#target));
  }

  #failed(error: AnySottoError): void {
    this.#standing.failed(error, () => {
      if (this.#machine !== undefined) this.#session?.perform(this.#machine.retry());
      else if (this.#connection !== undefined) this.#begin(this.#connection).catch(this.#d.onError);
    });
  }

  /** The session is over. */
  #drop(): void {
    this.#session?.detach();
    this.#session = undefined;
    this.#machine = undefined;
    this.#moment = undefined;
    this.#standing.cancelRetry();
  }

  #read(): CurrentPolicy | undefined {
    if (this.stored === undefined) return undefined;
    const state = onTheWay(this.#standing.state.getSnapshot(), { online: this.#d.connection() !== undefined, running: this.#machine?.state === "running" });
    return describePolicy(this.stored, state, this.#d.roster.confirmedContacts(), this.#d.clock.now());
  }

  /** Resolves when the machine has come to rest, or the stream is gone. */
  #settled(): Promise<void> {
    if (this.#connection === undefined || this.#machine?.state !== "running") return Promise.resolve();
    return this.#standing.change();
  }
}
