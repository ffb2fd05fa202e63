/**
 * The announcer that a policy puts in charge of presence: it keeps what the policy says in force, on one server session after the other.
 * Fails closed: without a readable policy, without privacy lists (unless the application takes the degraded mode), or while the server refuses a
 * step, nobody is shown more than the rules allow, and if that cannot be had, nothing.
 * Spec: docs/decisions/0009-presence-policy.md. Threats V01, V02.
 * Not here: what the policy says (policy-now.ts), one session (session.ts), who is told (standing.ts), what applications call (presence-policy.ts).
 * @module
 */
import { type Jid, toBare } from "../../base/jid.js";
import { policyFarewellMs } from "../../base/limits.js";
import type { PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "../presence/announcer.js";
import type { ApplicationLists } from "../presence/policy-door.js";
import { ListNames, readLists } from "./account-lists.js";
import type { Ruling } from "./circumstances.js";
import { seesUs } from "./compile.js";
import { limited } from "./effective.js";
import { type Visible, visibleSelf } from "./levels.js";
import { giveBack, loosen } from "./loosening.js";
import { type Opening, presenceFound, readAccount, refuse } from "./opening.js";
import { sameTarget, type Target } from "./plan.js";
import type { PolicyDeps } from "./policy-deps.js";
import type { PolicyNow } from "./policy-now.js";
import { PolicySession } from "./session.js";
import type { PolicyStanding } from "./standing.js";
import { TakingAway } from "./taking-away.js";

/** Made by {@link PresencePolicy}. */
export class PolicyAnnouncer implements PresenceAnnouncer {
  readonly #d: PolicyDeps;
  readonly #now: PolicyNow;
  readonly #standing: PolicyStanding;
  readonly #names: ListNames;
  readonly #overdue: () => void;
  /** The lists that the application puts in force itself. */
  lists: ApplicationLists | undefined;
  readonly repeat = (): void => { this.#now.circumstances.repeat(); };
  #connection: Connection | undefined;
  #session: PolicySession | undefined;
  readonly #leaving = new TakingAway();
  #installing = false;
  /** The stream whose first presence was asked for; before that nothing may be said on it. */
  #asked: Connection | undefined;
  #opening: Promise<void> | undefined;

  /** `overdue` is called with a connection behind a {@link clear} that had none. */
  constructor(deps: PolicyDeps, now: PolicyNow, standing: PolicyStanding, overdue: () => void) {
    this.#d = deps;
    this.#now = now;
    this.#standing = standing;
    this.#overdue = overdue;
    this.#names = new ListNames(deps.listPrefix);
    if (now.stored !== undefined) standing.tell({ kind: "waiting" });
    deps.roster.onChange(({ jid, before, after }) => {
      this.refresh();
      if (seesUs(after) && !seesUs(before)) this.#session?.regained(jid, [...deps.online()].some(([each]) => each === jid));
    });
  }

  /** The session that the policy runs on, also between two connections of it. */
  get session(): PolicySession | undefined {
    return this.#session;
  }

  /** This announcer replaces another one while a stream may be up. */
  async takeOver(use: () => Promise<void>): Promise<void> {
    this.#installing = true;
    await use().finally(() => { this.#installing = false; });
    const connection = this.#connection;
    if (connection === undefined) this.#standing.tell({ kind: "waiting" });
    else if (connection.continued && this.#asked !== connection) await this.#begin(connection); // the session went on meanwhile
  }

  /** The policy has changed. */
  async apply(): Promise<void> {
    this.refresh();
    const connection = this.#connection;
    if (connection === undefined || this.#session !== undefined || this.#asked !== connection) return;
    // One at a time; the one under way takes the new rules.
    if (this.#opening === undefined) await this.#begin(connection);
    else await this.#opening.catch(() => undefined); // whoever asked for it is told
  }

  /** What should be may have changed; `same-people`: only by time or context, so what somebody sees is another only if another choice counts. */
  refresh(what: "anything" | "same-people" = "anything"): void {
    const { stored = this.#leaving.former } = this.#now;
    if (stored === undefined || this.#leaving.underWay !== undefined) return;
    this.#d.reviewDirected();
    const isOther = this.#now.look(stored);
    this.#standing.current.touch(what === "anything" || isOther);
    const session = this.#session;
    if (session === undefined) return;
    const next = this.#compiled(stored);
    if (!sameTarget(next, session.target)) session.want(next);
  }

  /** Tries again what failed. */
  retry(): void {
    if (this.#session !== undefined) this.#session.retry();
    else if (this.#connection !== undefined) this.#begin(this.#connection).catch(this.#d.onError);
  }

  /** Resolves when the session has come to rest, or the stream is gone. */
  settled(): Promise<void> {
    if (this.#connection === undefined || this.#session?.state !== "running") return Promise.resolve();
    return this.#standing.change();
  }

  /**
   * Puts the policy out of force, and lets it be forgotten. If either fails it stays, and holds.
   * @returns false if it is forgotten and still in force, for there is no connection, and the session may go on: to be called again with the next one
   * @throws ClientError `ERR_POLICY_FAILED`, TransportError, what `forget` throws
   */
  async clear(forget: () => Promise<void>): Promise<boolean> {
    const [connection, session] = [this.#connection, this.#session];
    if (connection === undefined || session === undefined) {
      if (connection !== undefined) await giveBack(connection, this.lists?.wanted, this.#d.onError);
      this.#leaving.former = this.#now.stored ?? this.#leaving.former;
      await forget();
      return this.#session === undefined; // one may have begun, or gone on, meanwhile
    }
    const { circumstances } = this.#now;
    let isLoose = false;
    await this.#leaving.run(async () => {
      await loosen({ session, connection, circumstances, compiled: (ruling) => this.#compiled(ruling), settled: () => this.settled(), onError: this.#d.onError }, this.lists?.wanted);
      isLoose = true;
      await forget();
    }, () => (isLoose ? this.#reinstate() : this.refresh())); // what is tried again is no longer the loosening
    return true;
  }

  /** The account's default list may have changed, and perhaps nobody else has said so. */
  standardChanged(): void {
    const { circumstances } = this.#now;
    if (this.#connection === undefined || this.#session === undefined || !circumstances.lists) return;
    readLists(this.#connection, this.#d.listPrefix).then((found) => {
      circumstances.standard = found?.standard ?? circumstances.standard;
      this.refresh();
    }).catch(this.#d.onError);
  }

  /** The session is over. */
  drop(): void {
    this.#session?.detach();
    this.#session = undefined;
    this.#leaving.former = undefined;
    this.#standing.sessionOver();
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    if (this.#now.stored === undefined) this.#overdue();
    if (connection.continued && this.#session !== undefined) {
      this.#now.circumstances.own = this.#d.own(); // before it goes on with what the user said when the connection went
      this.refresh("same-people");
      this.#session.resume(connection);
      return;
    }
    this.drop();
    if (connection.continued && !this.#installing) this.#begin(connection).catch(this.#d.onError); // it had not come that far
  }

  detach(): void {
    this.#connection = undefined;
    this.#session?.detach();
    this.#standing.cancelRetry();
    if (this.#now.stored !== undefined) this.#standing.tell({ kind: "waiting" });
    this.#standing.wake();
  }

  async begin(connection: Connection, availability: Availability): Promise<void> {
    this.#now.circumstances.own = availability;
    this.#connection = connection;
    await this.#begin(connection);
  }

  async changed(availability: Availability): Promise<void> {
    while (this.#leaving.underWay !== undefined) await this.#leaving.underWay; // it ends with what was said before
    this.foresee(availability);
    await this.settled();
  }

  foresee(availability: Availability): void {
    if (this.#leaving.underWay !== undefined) return;
    this.#now.circumstances.own = availability;
    this.refresh();
  }

  async farewell(): Promise<void> {
    if (this.#session === undefined) return;
    this.#session.farewell();
    await Promise.race([this.settled(), new Promise<void>((resolve) => { this.#d.clock.schedule(policyFarewellMs, resolve); })]);
    this.drop();
  }

  /** What of `content` may be shown to `to` directly: contacts as the rules say, others only if the rules name their address. */
  limit(to: Jid, content: PresenceContent): PresenceContent | undefined {
    const jid = toBare(to);
    const { stored, circumstances } = this.#now;
    return stored === undefined ? content : limited(circumstances.of(stored), jid, this.#d.roster.confirmed(jid), content);
  }

  /** `shown`: to everybody, where another announcer is replaced. */
  async #begin(connection: Connection, shown: Visible | undefined = visibleSelf(this.#now.circumstances.own)): Promise<void> {
    const isRepeated = this.#asked === connection;
    this.#asked = connection;
    this.#standing.cancelRetry();
    const opening = this.#open(connection, shown, isRepeated);
    this.#opening = opening;
    await opening.finally(() => { if (this.#opening === opening) this.#opening = undefined; });
    await this.settled();
  }

  async #open(connection: Connection, shown: Visible | undefined, isRepeated: boolean): Promise<void> {
    const opening = (): Opening => ({ connection, isTakeOver: this.#installing, isRepeated });
    const account = await readAccount(opening(), this.#d, this.#standing);
    const { stored, circumstances } = this.#now;
    if (account === undefined || this.#connection !== connection || stored === undefined) return;
    circumstances.lists = account.lists !== undefined;
    if (account.lists === undefined && stored.withoutPrivacyLists === "refuse") return refuse(opening(), this.#d, this.#standing);
    const { standard, ours: lists } = account.lists ?? { standard: [], ours: [] };
    circumstances.standard = standard;
    this.#names.skip(lists);
    const session = this.#sessionTo(this.#compiled(stored), account.lists !== undefined);
    this.#session = session;
    const steps = session.begin(connection, { presence: presenceFound(opening(), shown, this.#d), ghosts: new Set(stored.ghosts), lists });
    this.#standing.tell({ kind: "applying" });
    session.perform(steps);
    this.#now.schedule();
  }

  #sessionTo(target: Target, lists: boolean): PolicySession {
    const { account, extras, roster } = this.#d;
    return new PolicySession({
      account, lists, extras, roster, priority: () => this.#now.circumstances.priority,
      listName: () => this.#names.next(), remember: (ghosts) => this.#now.remember(ghosts),
      moved: (error) => { if (this.#session !== undefined) this.#standing.moved(this.#session, error); },
      standardChanged: () => { this.standardChanged(); }, silenced: () => { this.#d.reviewDirected(true); }, listsMoved: () => { this.lists?.follow(); },
    }, target);
  }

  /** The policy is kept after all, and everybody has been shown everything. As if another announcer had been in charge. */
  async #reinstate(): Promise<void> {
    const [connection, shown] = [this.#connection, this.#session?.target.broadcast];
    this.drop();
    if (connection !== undefined) await this.takeOver(() => this.#begin(connection, shown)).catch(this.#d.onError);
  }

  #compiled(ruling: Ruling): Target {
    return this.#now.circumstances.compiled(ruling, [this.#session?.rules, this.#session?.target.rules]);
  }
}
