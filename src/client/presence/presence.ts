/**
 * Presence: what the user says of himself, and what is known of the contacts. A client keeps one from its start to its end.
 * Spec: RFC 6121 sections 4.2-4.7, XEP-0115. Threats F22-F24, V06.
 * Not here: requests to see somebody's presence (roster/), rules about who sees what (presence-policy/), personal events (personal-events.ts).
 * @module
 */
import type { Observable, Unsubscribe } from "../../base/events.js";
import { type BareJid, bareJid, type Jid, toBare } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import type { PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import type { DiscoInfo } from "../../transport/xep/xep0030.js";
import type { Connection } from "../link.js";
import type { Override } from "../presence-policy/policy-row.js";
import type { PolicyRules } from "../presence-policy/rules.js";
import type { CurrentPolicy, Effective, PolicyOptions, PolicyResult } from "../presence-policy/types.js";
import type { StreamPart } from "../stream-part.js";
import type { Availability, PresenceAnnouncer } from "./announcer.js";
import { isAudience } from "./audience.js";
import { address, type AvailabilityChange, changedAvailability, checkedContent, contentOf } from "./availability.js";
import { ContactCapabilities } from "./contact-capabilities.js";
import type { ContactPresence, ResourcePresence } from "./contact-presence.js";
import { type AvailableEvent, ContactWatch } from "./contact-watch.js";
import { DirectedPresence } from "./directed.js";
import { OwnPresence } from "./own-presence.js";
import { PlainAnnouncer } from "./plain-announcer.js";
import { type ApplicationLists, type PolicyContext, PolicyDoor } from "./policy-door.js";
import type { PresenceDeps } from "./presence-deps.js";

/** `client.presence`. */
export class Presence implements StreamPart, Observable<ReadonlyMap<BareJid, ContactPresence>> {
  /** What the user says of himself; `available` until told otherwise. Not stored. */
  readonly own: Observable<Availability>;
  /**
   * The policy that is kept, also of an earlier run: its rules, the override and its end, and how it stands; `undefined` without one. Changes with each of
   * these, and whenever what somebody sees under it may have changed - by time, context, groups, or because he came: read {@link effective} again then.
   */
  readonly currentPolicy: Observable<CurrentPolicy | undefined>;
  readonly #d: PresenceDeps;
  readonly #own: OwnPresence;
  readonly #directed: DirectedPresence;
  readonly #watch: ContactWatch;
  readonly #door: PolicyDoor;
  readonly #caps: ContactCapabilities;

  /** @internal Made by the client. */
  constructor(deps: PresenceDeps) {
    this.#d = deps;
    const { account, clock, contacts, emit, onError, offline } = deps;
    this.#own = new OwnPresence(new PlainAnnouncer(() => this.extras(), () => { this.#watch.clear(); }), onError);
    this.own = this.#own.availability;
    this.#directed = new DirectedPresence({
      own: () => contentOf(this.own.getSnapshot()), extras: () => this.extras(), limit: (to, content) => this.#own.limit(to, content), onError, offline,
    });
    this.#door = new PolicyDoor(deps.loadPolicy, () => { this.reviewDirected().catch(onError); }, onError);
    this.currentPolicy = this.#door.current;
    this.#watch = new ContactWatch({ account, clock, contacts, emit, onListenerError: onError, directedTo: (jid) => this.#directed.concerns(jid) });
    this.#caps = new ContactCapabilities(account, this.#watch);
    deps.capabilities.onChange(() => { this.#changed().catch(onError); });
  }

  /**
   * The presence of contacts, and of those we directed presence to, by bare address. Those of whom nothing is known are absent. A lost stream leaves
   * it as it was, for the stream may go on; a fresh one begins with nothing.
   */
  getSnapshot = (): ReadonlyMap<BareJid, ContactPresence> => this.#watch.contacts.snapshot();

  /** Calls `listener` after changes of the snapshot or of {@link ownResources}, at most once per turn. */
  subscribe = (listener: () => void): Unsubscribe => this.#watch.changes.subscribe(listener);

  /** The presence of one contact; `undefined` if nothing is known. */
  contact(jid: string): ContactPresence | undefined {
    return this.#watch.contacts.get(bareJid(jid));
  }

  /** The other resources of this account, best first (threats F22: only our own server can say so). */
  ownResources(): readonly ResourcePresence[] {
    return this.#watch.own.get(this.#d.account)?.resources ?? [];
  }

  /**
   * Changes what the user says of himself: given fields replace, fields that are `undefined` are taken back, others stay. `"unavailable"` sends no presence
   * any more. Resolves when the stream has it; offline at once, and the next stream begins with it.
   * @throws UsageError if a field is impossible
   */
  async set(change: AvailabilityChange): Promise<void> {
    this.#own.availability.set(changedAvailability(this.own.getSnapshot(), change));
    if (change === "unavailable") await this.#directed.farewell();
    await this.#changed();
  }

  /**
   * Shows `to` something on its own, whether it may see us otherwise or not; remembered until the stream ends, withdrawn before. Under a policy nobody
   * is shown more than it allows.
   * @throws ClientError `ERR_OFFLINE`; `ERR_PRESENCE_NOT_ALLOWED` if the policy shows `to` nothing
   */
  async direct(to: string, content: PresenceContent): Promise<void> {
    await this.#directed.send(address(to), checkedContent(content));
  }

  /** Takes directed presence back; offline as soon as the session goes on, should it. Does nothing if there was none. */
  async undirect(to: string): Promise<void> {
    const jid = address(to);
    const withdrawn = this.#directed.withdraw(jid);
    this.#watch.reconsider(toBare(jid));
    await withdrawn;
  }

  /** @internal Directs to `to` what the user says of himself, now and whenever that changes. */
  async directOwn(to: string): Promise<void> {
    await this.#directed.send(address(to), undefined);
  }

  /** @internal Everybody whom presence was directed to. */
  get directedTo(): readonly Jid[] {
    return this.#directed.addresses;
  }

  /** Somebody whose presence counts said that he is there, also again. */
  onAvailable(listener: (event: AvailableEvent) => void): Unsubscribe {
    return this.#watch.available.subscribe(listener);
  }

  /** He left; a bare address: with all resources. */
  onUnavailable(listener: (event: { readonly from: Jid }) => void): Unsubscribe {
    return this.#watch.unavailable.subscribe(listener);
  }

  /**
   * What the software at a full address can do. Asked for at most once for all addresses that show the same hash, if the answer proves it (threats F23).
   * Asking tells the address that this client is there.
   * @returns `undefined` if it does not say
   * @throws ClientError `ERR_OFFLINE` if it is not known yet; TransportError as requests do
   */
  async capabilities(jid: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<DiscoInfo | undefined> {
    return this.#caps.of(jid, () => this.#directed.online(), options);
  }

  /**
   * Says who may see what, at most; `undefined` takes the rules away. Stored, also over some that cannot be read; they hold from the first presence on. Read back: {@link currentPolicy}.
   * @throws UsageError for rules that make no sense, naming what is wrong; ClientError `ERR_POLICY_UNSUPPORTED` where the server has no privacy lists and the options do not ask
   *   for the degraded mode, `ERR_POLICY_TOO_LARGE`: nothing has changed then; `ERR_POLICY_FAILED` (retryable): nobody is shown too much
   */
  async policy(rules: PolicyRules | undefined, options?: PolicyOptions): Promise<PolicyResult> {
    return (await this.#door.open(true)).set(rules, options);
  }

  /** Until a time, which must be to come, nobody sees more than a level, whatever the rules say; `undefined` ends that. As {@link policy}, which must have been set. */
  async override(override: Override | undefined): Promise<PolicyResult> {
    return (await this.#door.open()).override(override);
  }

  /** Tells what the conditions of the rules are about. Not stored. Without `idleSince` here, that of {@link set} counts. @throws UsageError `ERR_INVALID_ARGUMENT` */
  async setContext(context: PolicyContext): Promise<void> {
    (await this.#door.open()).setContext(context);
  }

  /** What a contact can see of us under the policy, and why; `undefined` without one. {@link currentPolicy} tells when to read it again. */
  effective(jid: string): Effective | undefined {
    return this.#door.loaded?.effective(jid);
  }

  /** @internal Before the first stream, if the store holds a policy: nothing may be shown without it. */
  async openPolicy(): Promise<void> {
    await this.#door.open();
  }

  /** @internal The application works with the account's privacy lists itself. */
  useLists(lists: ApplicationLists): void {
    this.#door.useLists(lists);
  }

  /** @internal It has changed them. */
  listsChanged(): void {
    this.#door.loaded?.listsChanged();
  }

  /** @internal Whether a policy decides who sees what. */
  get hasPolicy(): boolean {
    return this.currentPolicy.getSnapshot() !== undefined;
  }

  /** @internal What goes with every presence of ours: our capabilities. */
  extras(): readonly XmlElement[] {
    return [this.#d.capabilities.element()];
  }

  /** @internal Whether `jid` is to see nothing of us at present: then nothing automatic may tell him that we are here either (threats V01, V03). */
  hides(jid: BareJid): boolean {
    return this.own.getSnapshot().kind === "unavailable" || this.#own.limit(jid, { show: "available" }) === undefined;
  }

  /**
   * @internal Whether `from` may learn that this client is there: our own account and servers that see our presence anyway, contacts that see it, and those we directed
   * presence to - all of them only as far as a policy shows them anything. Everybody else's questions are declined as if nobody was here (threats F24).
   */
  audience = (from: Jid | undefined): boolean => isAudience({
    account: this.#d.account, contacts: this.#d.contacts, isTold: (jid) => this.#directed.includes(jid),
    isShown: () => this.own.getSnapshot().kind === "available", isAllowed: (jid) => this.#own.limit(jid, { show: "available" }) !== undefined,
  }, from);

  /** @internal Lets `announcer` decide who sees what from now on; `undefined`: everybody who may see us sees the same. */
  async use(announcer: PresenceAnnouncer | undefined): Promise<void> {
    await this.#own.use(announcer);
    await this.reviewDirected();
  }

  /** @internal Directed presence follows the rules: said again where they allow less or more, withdrawn where they allow nothing. `isLost`: see {@link DirectedPresence.lose}. */
  async reviewDirected(isLost: boolean = false): Promise<void> {
    if (isLost) this.#directed.lose();
    else await this.#directed.renew();
  }

  /** @internal Says our presence once more, though nothing has changed; behind it what was directed, for who was told that may hear the other, too. */
  async renew(): Promise<void> {
    this.#own.repeat();
    await this.#own.changed();
    this.#directed.lose();
    await this.reviewDirected();
  }

  /** @internal The first presence of a fresh stream; the roster is there. */
  prepare(connection: Connection): Promise<void> {
    return this.#own.begin(connection, this.#door.lists?.isKept());
  }

  /** @internal Before a clean end of the stream. Never throws. */
  async farewell(connection: Connection): Promise<void> {
    await this.#directed.farewell();
    await this.#own.farewell(connection);
    this.#watch.clear();
  }

  /** @internal */
  attach(connection: Connection): void {
    if (!connection.continued) this.#watch.clear();
    this.#directed.attach(connection);
    connection.stream.onStanza((stanza) => { this.#watch.take(stanza, connection.stream.jid); });
    this.#own.attach(connection);
  }

  /** @internal */
  detach(): void {
    this.#directed.detach();
    this.#own.detach();
  }

  /** @internal The client is closed. */
  end(): void {
    this.#door.loaded?.end();
  }

  /** Shows our presence again to whom it may concern: what the user says, or capabilities have changed. */
  async #changed(): Promise<void> {
    await this.#own.changed();
    await this.reviewDirected();
  }
}
