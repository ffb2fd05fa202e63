/**
 * The announcer that a policy puts in charge of presence: it keeps what the policy says in force, on one server session after the other.
 * Fails closed: without a readable policy, without privacy lists (unless the application takes the degraded mode), or while the server refuses a
 * step, nobody is shown more than the rules allow, and if that cannot be had, nothing.
 * Spec: design section 9. Threats V01, V02. Not here: what the policy says (policy-now.ts), one session (session.ts), who is told (standing.ts), what
 * applications call (presence-policy.ts).
 * @module
 */
import { type Jid, toBare } from "../../base/jid.js";
import { policyFarewellMs } from "../../base/limits.js";
import { TransportError } from "../../transport/errors.js";
import { encodeUnavailable, type PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import { asSottoError } from "../errors.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "../presence/announcer.js";
import { type AccountLists, ListNames, readLists } from "./account-lists.js";
import type { Ruling } from "./circumstances.js";
import { seesUs } from "./compile.js";
import { limited } from "./effective.js";
import { visibleSelf } from "./levels.js";
import { sameTarget, type Target } from "./plan.js";
import { failed, type PolicyDeps, unsupported } from "./policy-deps.js";
import type { PolicyNow } from "./policy-now.js";
import { readRules } from "./rules.js";
import { type Found, PolicySession } from "./session.js";
import type { PolicyStanding } from "./standing.js";

/** Made by {@link PresencePolicy}. */
export class PolicyAnnouncer implements PresenceAnnouncer {
  readonly #d: PolicyDeps;
  readonly #now: PolicyNow;
  readonly #standing: PolicyStanding;
  readonly #names: ListNames;
  #connection: Connection | undefined;
  #session: PolicySession | undefined;
  #clearing = false;
  #installing = false;
  /** The stream whose first presence was asked for; before that nothing may be said on it. */
  #asked: Connection | undefined;
  #opening: Promise<void> | undefined;

  constructor(deps: PolicyDeps, now: PolicyNow, standing: PolicyStanding) {
    this.#d = deps;
    this.#now = now;
    this.#standing = standing;
    this.#names = new ListNames(deps.listPrefix);
    if (now.stored !== undefined) standing.tell({ kind: "waiting" });
    deps.roster.onChange(({ jid, before, after }) => {
      this.refresh();
      if (seesUs(after) && !seesUs(before)) this.#session?.regained(jid);
    });
  }

  /** The session that the policy runs on, also between two connections of it. */
  get session(): PolicySession | undefined {
    return this.#session;
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
    this.refresh();
    const connection = this.#connection;
    if (connection === undefined || this.#session !== undefined || this.#asked !== connection) return;
    // One at a time; the one under way takes the new rules.
    if (this.#opening === undefined) await this.#begin(connection);
    else await this.#opening.catch(() => undefined); // whoever asked for it is told
  }

  /** What should be may have changed; `same-people`: only by time or context, so what somebody sees is another only if another choice counts. */
  refresh(what: "anything" | "same-people" = "anything"): void {
    const { stored } = this.#now;
    if (stored === undefined || this.#clearing) return;
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

  /** Shows everybody what we say of ourselves and puts the lists out of force. @throws ClientError `ERR_POLICY_FAILED`, TransportError */
  async loosen(): Promise<void> {
    const connection = this.#connection;
    const session = this.#session;
    if (connection === undefined || session === undefined) return;
    this.#clearing = true;
    try {
      session.want(this.#compiled({ book: readRules({ others: "chat" }) }));
      await this.settled();
      if (session.state !== "settled") throw failed();
      await session.removeLists(connection, this.#d.onError);
      this.#clearing = false;
    } catch (error) {
      this.#clearing = false;
      this.refresh(); // the policy stays, and what is tried again is no longer the loosening
      throw error;
    }
  }

  /** The session is over. */
  drop(): void {
    this.#session?.detach();
    this.#session = undefined;
    this.#standing.sessionOver();
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    if (connection.continued && this.#session !== undefined) {
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
    this.#now.circumstances.own = availability;
    this.refresh();
    await this.settled();
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
    await this.settled();
  }

  async #open(connection: Connection): Promise<void> {
    let account: AccountLists | undefined;
    try {
      await this.#d.roster.prepare(connection); // groups of yesterday would let somebody see what he no longer may
      account = await readLists(connection, this.#d.listPrefix);
    } catch (error) {
      await this.#silence(connection);
      this.#standing.failed(asSottoError(error));
      if (error instanceof TransportError && error.code === "ERR_STANZA_ERROR") return; // nobody is shown anything; tried again
      throw error;
    }
    const { stored, circumstances } = this.#now;
    if (this.#connection !== connection || stored === undefined) return;
    circumstances.lists = account !== undefined;
    if (account === undefined && stored.withoutPrivacyLists === "refuse") {
      await this.#silence(connection);
      this.#standing.tell({ kind: "refused", error: unsupported() });
      return;
    }
    const { standard, ours: lists } = account ?? { standard: [], ours: [] };
    circumstances.standard = standard;
    this.#names.skip(lists);
    const session = this.#sessionTo(this.#compiled(stored), account !== undefined);
    this.#session = session;
    const steps = session.begin(connection, { presence: this.#presenceFound(connection), ghosts: new Set(stored.ghosts), lists });
    this.#standing.tell({ kind: "applying" });
    session.perform(steps);
    this.#now.schedule();
  }

  #sessionTo(target: Target, lists: boolean): PolicySession {
    const { account, extras, roster } = this.#d;
    return new PolicySession({
      account, lists, extras, priority: () => this.#now.circumstances.priority,
      listName: () => this.#names.next(), contacts: () => roster.confirmedContacts(), remember: (ghosts) => this.#now.remember(ghosts),
      moved: (error) => { if (this.#session !== undefined) this.#standing.moved(this.#session, error); },
      standardChanged: () => { this.#readStandard().catch(this.#d.onError); },
    }, target);
  }

  #presenceFound({ stream }: Connection): Found["presence"] {
    if (this.#installing) return { kind: "shown", broadcast: visibleSelf(this.#now.circumstances.own), online: [...this.#d.online()] };
    return { kind: stream.start.kind === "resumed" ? "unknown" : "none" };
  }

  /** What another announcer has shown is taken back: a policy that cannot begin shows nobody anything. */
  async #silence({ stream }: Connection): Promise<void> {
    if (this.#installing) await stream.send(encodeUnavailable()).catch(this.#d.onError);
  }

  async #readStandard(): Promise<void> {
    const connection = this.#connection;
    const { circumstances } = this.#now;
    if (connection === undefined || this.#session === undefined || !circumstances.lists) return;
    circumstances.standard = (await readLists(connection, this.#d.listPrefix))?.standard ?? circumstances.standard;
    this.refresh();
  }

  #compiled(ruling: Ruling): Target {
    return this.#now.circumstances.compiled(ruling, [this.#session?.rules, this.#session?.target.rules]);
  }
}
