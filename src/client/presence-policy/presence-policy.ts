/**
 * `client.presence.policy`: the rules of a presence policy, set, cleared and asked about. Here the parts of a policy are put together.
 * Spec: docs/decisions/0009-presence-policy.md. Threats V01, V02, H04.
 * Not here: what they say at a moment (policy-now.ts), keeping them in force (policy-announcer.ts), how that stands (standing.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import type { Observable } from "../../base/events.js";
import { bareJid } from "../../base/jid.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import { policyVisibleMax } from "../../base/limits.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { isDamaged } from "../damaged.js";
import type { ApplicationLists, PolicyContext } from "../presence/policy-door.js";
import { ClientError } from "../errors.js";
import { isUnsupported } from "./account-lists.js";
import { compile } from "./compile.js";
import { describePolicy, emptyGroups, lossesOf, onTheWay, outsideOfAny } from "./current-policy.js";
import { effective } from "./effective.js";
import { levels } from "./levels.js";
import { PolicyAnnouncer } from "./policy-announcer.js";
import { failed, type PolicyDeps, unsupported } from "./policy-deps.js";
import { policyKey } from "./policy-key.js";
import { PolicyNow } from "./policy-now.js";
import { closedPolicy, decodePolicy, type Override, type StoredPolicy } from "./policy-row.js";
import { keptRules, type PolicyRules, unknownLevel } from "./rules.js";
import { PolicyStanding } from "./standing.js";
import type { CurrentPolicy, Effective, PolicyOptions, PolicyResult, PolicyState } from "./types.js";

/** Who may see what of us, by contact, group, and time. */
export class PresencePolicy {
  readonly #d: PolicyDeps;
  readonly #now: PolicyNow;
  readonly #standing: PolicyStanding;
  readonly #announcer: PolicyAnnouncer;
  /** Callers do not wait for each other: the last one's rules are to hold. */
  readonly #turns = new KeyedMutex<"change">();
  /** The announcer is, also behind the end of the policy as long as that is not in force. */
  #isInCharge = false;

  private constructor(deps: PolicyDeps, stored: StoredPolicy | undefined) {
    const { clock, emit, onError } = deps;
    this.#d = deps;
    this.#standing = new PolicyStanding({ clock, emit, onError, read: () => this.#read(), again: () => { this.#announcer.retry(); }, rested: () => { deps.reviewDirected(); } });
    this.#now = new PolicyNow(deps, stored, {
      kept: () => { this.#standing.current.touch(); },
      due: () => { this.#announcer.refresh("same-people"); },
    });
    this.#announcer = new PolicyAnnouncer(deps, this.#now, this.#standing, () => { this.#turns.run("change", () => this.#clearLate()).catch(onError); });
  }

  /**
   * Reads what an earlier run left; a policy that is there is put in charge at once, to hold from the first presence on. `toReplace`: one that cannot be
   * read is told, and nobody sees anything until there is another one (threats D13).
   * @throws ClientError `ERR_RECORD_INVALID`, StorageError; then no presence may be sent
   */
  static async open(deps: PolicyDeps, toReplace: boolean = false): Promise<PresencePolicy> {
    const read = deps.ledger.read((tx) => tx.get(policyKey)).then((row) => (row === undefined ? undefined : decodePolicy(row)));
    const stored = await read.catch((error: unknown) => {
      if (!toReplace || !isDamaged(error)) throw error;
      deps.onError(error);
      return closedPolicy();
    });
    const policy = new PresencePolicy(deps, stored);
    if (stored !== undefined) await policy.#takeOver();
    return policy;
  }

  /** The policy as it is, to be read back and watched. */
  get current(): Observable<CurrentPolicy | undefined> {
    return this.#standing.current;
  }

  /** How the policy stands; also told by events of the kind `presence-policy`. */
  get state(): Observable<PolicyState> {
    return this.#standing.state;
  }

  /**
   * Sets the rules; `undefined` takes the policy away. Stored when it resolves; with a stream also in force.
   * @throws UsageError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_JID`; ClientError `ERR_POLICY_UNSUPPORTED`, `ERR_POLICY_TOO_LARGE`: nothing has changed then;
   *   `ERR_POLICY_FAILED` (retryable): it is stored, the server refused a step, and nobody is shown more than the rules allow
   */
  async set(rules: PolicyRules | undefined, options: PolicyOptions = {}): Promise<PolicyResult> {
    const announcer = this.#announcer;
    const given = rules === undefined ? undefined : keptRules(rules);
    const cleared = await this.#turns.run("change", async () => {
      const before = this.#now.stored;
      if (given === undefined) return before === undefined ? undefined : this.#clear();
      const next: StoredPolicy = { ...given, withoutPrivacyLists: options.withoutPrivacyLists ?? "refuse", ghosts: [] };
      await this.#check(next);
      const { ghosts = [], override } = this.#now.stored ?? {};
      await this.#now.keep({ ...next, ghosts, ...(override === undefined ? {} : { override }) });
      if (this.#isInCharge) await announcer.apply();
      else await announcer.takeOver(() => this.#takeOver());
      return undefined;
    });
    return cleared ?? this.#result();
  }

  /**
   * Until a time, nobody sees more than `level`; `undefined` ends that. Survives a restart.
   * @throws UsageError `ERR_INVALID_ARGUMENT`, also for a time that is over; ClientError as {@link set}
   */
  async override(override: Override | undefined): Promise<PolicyResult> {
    if (override !== undefined) checkOverride(override, this.#d.clock.now());
    await this.#turns.run("change", async () => {
      const { stored } = this.#now;
      if (stored === undefined) throw new UsageError("ERR_INVALID_ARGUMENT", "there is no presence policy");
      const { rules, book, withoutPrivacyLists, ghosts } = stored;
      await this.#now.keep({ rules, book, withoutPrivacyLists, ghosts, ...(override === undefined ? {} : { override: { level: override.level, until: override.until } }) });
      await this.#announcer.apply();
    });
    return this.#result();
  }

  /** What the conditions of the rules are about. Fields that are absent stay as they are; `idleSince: undefined`: the user is back. */
  setContext(context: PolicyContext): void {
    this.#now.circumstances.note(context);
    this.#announcer.refresh("same-people");
  }

  /** What `jid` may see, why, and whether it is known to see just that. `undefined` without a policy. @throws UsageError `ERR_INVALID_JID` */
  effective(jid: string): Effective | undefined {
    const bare = bareJid(jid);
    const { stored, circumstances } = this.#now;
    return stored === undefined ? undefined : effective(circumstances.of(stored), bare, this.#d.roster.confirmed(bare), this.#announcer.session);
  }

  /** From now on the policy hears of the lists that the application puts in force itself, and they of its own. */
  useLists(lists: ApplicationLists): void {
    this.#announcer.lists = lists;
  }

  /** The application has changed the account's lists. */
  listsChanged(): void {
    this.#announcer.standardChanged();
  }

  /** The client is closed: nothing happens by itself any more. */
  end(): void {
    this.#now.end();
    this.#standing.end();
  }

  #read(): CurrentPolicy | undefined {
    const { stored } = this.#now;
    if (stored === undefined) return undefined;
    const online = this.#d.connection() !== undefined;
    const state = onTheWay(this.#standing.state.getSnapshot(), { online, running: this.#announcer.session?.state === "running" });
    return describePolicy(stored, state, this.#d.roster.confirmedContacts(), this.#d.clock.now());
  }

  /** How far it got. @throws ClientError `ERR_POLICY_UNSUPPORTED`, `ERR_POLICY_FAILED` */
  async #result(): Promise<PolicyResult> {
    await this.#announcer.settled();
    const state = this.#standing.state.getSnapshot();
    if (state.kind === "refused") throw state.error;
    if (state.kind === "failed") throw failed(state.error);
    const { session } = this.#announcer;
    const { stored } = this.#now;
    return {
      ...(session?.isAttached === true ? { reached: "in-force", losses: lossesOf(session.hasLists, session.target) } : { reached: "stored", losses: [] }),
      outside: stored === undefined ? [] : outsideOfAny,
      emptyGroups: stored === undefined ? [] : emptyGroups(stored.book, this.#d.roster.confirmedContacts()),
    };
  }

  /** Everything that can be wrong before anything is changed. */
  async #check(next: StoredPolicy): Promise<void> {
    const visible = compile({ ...this.#now.circumstances.of(next), own: { kind: "available", show: "chat" }, standard: [] }).visible.size;
    if (visible > policyVisibleMax) throw new ClientError("ERR_POLICY_TOO_LARGE", "the policy lets more contacts see us than one privacy list can name", { details: { visible } });
    const connection = this.#d.connection();
    if (connection === undefined || next.withoutPrivacyLists === "degrade") return;
    try {
      await new PrivacyListsService({ iq: connection.iq }).lists(connection.signal);
    } catch (error) {
      throw isUnsupported(error) ? unsupported() : error;
    }
  }

  /** In the order of a loosening: everybody may see what we say of ourselves; then no list of ours is in force; then there is no policy. */
  async #clear(): Promise<PolicyResult> {
    let isOut = await this.#announcer.clear(async () => {
      await this.#d.ledger.run((tx) => { tx.delete(policyKey); });
      this.#now.forget();
    });
    if (isOut) await this.#leave();
    else if (this.#d.connection() !== undefined) isOut = await this.#clearLate();
    return { reached: isOut ? "in-force" : "stored", losses: [], outside: [], emptyGroups: [] };
  }

  /**
   * A session that goes on goes on under the policy that was taken away while it had no connection; in another one nothing of that is left.
   * @returns false if it has to wait for the next connection again
   */
  async #clearLate(): Promise<boolean> {
    if (!this.#isInCharge || this.#now.stored !== undefined) return true;
    const isOut = this.#announcer.session === undefined || await this.#announcer.clear(() => Promise.resolve()).catch((error: unknown) => {
      const isRefused = this.#d.connection()?.stream.isOpen === true;
      if (isRefused) this.#d.onError(error); // and would be again: the list stays in force, which shows nobody more
      return isRefused;
    });
    if (isOut) await this.#leave();
    return isOut;
  }

  #takeOver(): Promise<void> {
    this.#isInCharge = true;
    return this.#d.use(this.#announcer);
  }

  async #leave(): Promise<void> {
    this.#isInCharge = false;
    this.#announcer.drop();
    this.#standing.tell({ kind: "none" });
    await this.#d.use(undefined);
  }
}

/** Whoever writes no TypeScript may pass anything. */
const asOverride = (value: unknown): Partial<Override> => (typeof value === "object" && value !== null ? value : {});

function checkOverride(override: Override, now: number): void {
  const refuse = (what: string): never => {
    throw new UsageError("ERR_INVALID_ARGUMENT", `an override with ${what}`);
  };
  const { level, until } = asOverride(override);
  if (level === undefined || !levels.includes(level)) refuse(unknownLevel(level));
  if (until === undefined || !Number.isFinite(until)) return refuse("an end that is no time: until is milliseconds since the epoch");
  // Somebody means to be hidden now. Seconds for milliseconds, or a length for a time, would hide nobody, without a word.
  if (until <= now) refuse("an end that is over: until is milliseconds since the epoch, Date.now() and how long");
}
