/**
 * The account's privacy lists for applications: what there is and is in force, followed through pushes; safe changes.
 * Spec: XEP-0016. Threats F09, V02. Not here: single requests (transport/features/privacy-lists.ts), what lists do (evaluator.ts).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { ObservableValue, type Observable, type Unsubscribe } from "../../base/events.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import { PrivacyListsService } from "../../transport/features/privacy-lists.js";
import { TransportError } from "../../transport/errors.js";
import { privacyNamespace } from "../../transport/xep/namespaces.js";
import { decodePrivacyPush, type PrivacyListContent, type PrivacyRule } from "../../transport/xep/xep0016.js";
import type { Connection } from "../link.js";
import type { StreamPart } from "../stream-part.js";
import { checkedName, checkedRules } from "./checked-rules.js";
import { privacyEvaluator, type PrivacyEvaluator } from "./evaluator.js";
import type { PrivacyCall, PrivacyListsDeps } from "./ports.js";
import { onPush } from "./pushes.js";
import { readInForce } from "./read.js";
import { putVerified, replaceList, type ReplacedList, type RuleChange } from "./replace.js";
import { nothingKnown, type PrivacySnapshot } from "./snapshot.js";
import { WantedList } from "./wanted-list.js";

export type { PrivacyCall } from "./ports.js";

/** Refreshes that a flood of pushes can cause one after the other before the last answer is taken as it is. */
const readsMax = 4;

/**
 * Privacy lists (XEP-0016). One list is in force for a connection: the active one, else the account's default list; a list that is active
 * replaces the default list, nothing is added up. Applying, declining or editing a list sends nothing to anybody on either server: who saw us
 * goes on seeing what he saw. For presence use `client.presence.policy`, which takes care of that, and which owns the active list while it is set.
 *
 * Relation to blocking (XEP-0191), measured: on ejabberd 23.01 blocks are `deny` rules at the head of the default list, so an active list
 * switches them off unless it repeats them, and another default list brings other blocks. On Prosody 0.12 the two know nothing of each other:
 * who is blocked stays blocked under any list. Rules for both: repeat the blocks at the head of a list that is going to be active.
 *
 * All methods that ask the server throw ClientError `ERR_OFFLINE` without a stream, TransportError `ERR_PRIVACY_LISTS_UNSUPPORTED`, and what
 * requests throw.
 */
export class AccountPrivacyLists implements StreamPart, Observable<PrivacySnapshot> {
  /** What the list in force, or `rules`, does to a stanza, by the specification or as measured on a server: see {@link PrivacyEvaluator}. */
  readonly evaluate: PrivacyEvaluator;
  readonly #d: PrivacyListsDeps;
  readonly #snapshot: ObservableValue<PrivacySnapshot>;
  readonly #turns = new KeyedMutex<"change">();
  #service: PrivacyListsService | undefined;
  #stopListening: Unsubscribe | undefined;
  readonly #wanted = new WantedList();
  #pushes = 0;
  #reading: Promise<void> | undefined;

  constructor(deps: PrivacyListsDeps) {
    this.#d = deps;
    this.#snapshot = new ObservableValue<PrivacySnapshot>(nothingKnown, deps.onError);
    this.evaluate = privacyEvaluator({ getSnapshot: this.getSnapshot, roster: deps.roster, account: () => deps.account });
  }

  /** What is known of the lists; the same object until something changes. */
  getSnapshot = (): PrivacySnapshot => this.#snapshot.getSnapshot();
  /** Calls `listener` after each change of the snapshot. */
  subscribe = (listener: () => void): Unsubscribe => this.#snapshot.subscribe(listener);

  /** @internal */
  attach(connection: Connection): void {
    const service = new PrivacyListsService({ iq: connection.iq });
    this.#service = service;
    this.#reading = undefined;
    this.#stopListening?.();
    this.#stopListening = onPush(connection.iq, this.#d.account, privacyNamespace, (payload) => {
      if (decodePrivacyPush(payload) === undefined) return;
      this.#pushes++;
      this.#reread();
    }, this.#d.onError);
    this.#wanted.begin(service, connection.signal, !connection.continued && !this.#d.isOwned(), (error) => { this.#tell(error); });
    this.#reread();
  }

  /** @internal */
  detach(): void {
    this.#service = undefined;
    this.#stopListening?.();
    const snapshot = this.getSnapshot();
    if (snapshot.state !== "unknown") this.#snapshot.set({ ...snapshot, state: "unknown" });
  }

  /** @internal The list that is to be active while no presence policy owns that. */
  get wanted(): string | undefined {
    return this.#wanted.name;
  }

  /** @internal Whether it is, as far as it was to be with this stream: our first presence waits for that. @throws what requests throw, refusals apart */
  isKept(): Promise<boolean> {
    return this.#wanted.isKept;
  }

  /** @internal Something has changed that no push tells of: the presence policy has put another list in force. */
  follow(): void {
    this.#pushes++;
    this.#reread();
  }

  /** @internal The list that is to be active from the next session on, as {@link activate} has been told in an earlier run. */
  want(name: string): void {
    this.#wanted.name = name;
  }

  /** Asks the server for everything that {@link getSnapshot} shows. */
  async refresh(call: PrivacyCall = {}): Promise<PrivacySnapshot> {
    await this.#read(this.#online(), call.signal);
    return this.getSnapshot();
  }

  /** The rules of a list. Items that cannot be understood are left out; each is told as an event. @throws TransportError `ERR_PRIVACY_LIST_UNKNOWN` */
  async get(name: string, call: PrivacyCall = {}): Promise<PrivacyListContent> {
    checkedName(name);
    const content = await this.#online().get(name, call.signal);
    this.#malformed(content);
    return content;
  }

  /**
   * Creates a list, or overwrites one that is not in force here, and reads it back.
   * @throws UsageError `ERR_INVALID_ARGUMENT` for a list that is in force ({@link replace} does that), for no rules, and for what is no rule,
   *   `ERR_INVALID_JID`; TransportError `ERR_PRIVACY_LIST_NOT_KEPT`
   */
  async put(name: string, rules: readonly PrivacyRule[], call: PrivacyCall = {}): Promise<void> {
    const checked = checkedRules(rules);
    checkedName(name);
    await this.#change(async (service) => {
      const { active, default: standard } = await service.lists(call.signal);
      if (name === active || name === standard) throw new UsageError("ERR_INVALID_ARGUMENT", "a privacy list that is in force is replaced, not overwritten");
      await putVerified(service, name, checked, call.signal);
    });
  }

  /**
   * Changes a list safely, in force or not: a new list is built, takes the old one's place, and the old one is removed. At every moment the
   * old rules or the new ones hold. The result names the new list. On ejabberd 23.01 an old list that is active for another connection is
   * removed all the same; what holds there then is the default list.
   * @throws TransportError `ERR_PRIVACY_LIST_UNKNOWN`, `ERR_PRIVACY_LIST_CONFLICT`, `ERR_PRIVACY_LIST_CHANGED`, `ERR_PRIVACY_LIST_NOT_KEPT`;
   *   UsageError as {@link put}; what `change` throws
   */
  async replace(name: string, change: RuleChange, call: PrivacyCall = {}): Promise<ReplacedList> {
    const checked: RuleChange = typeof change === "function" ? (rules) => checkedRules(change(rules)) : checkedRules(change);
    checkedName(name);
    return this.#change(async (service) => {
      if (this.#d.isOwned() && name === (await service.lists(call.signal)).active) throw owned();
      const replaced = await replaceList(service, {
        name, change: checked, suffix: this.#d.newSuffix(), signal: call.signal, read: (_, content) => { this.#malformed(content); },
      });
      if (this.#wanted.name === name) this.#wanted.name = replaced.name;
      return replaced;
    });
  }

  /**
   * Removes a list.
   * @throws TransportError `ERR_PRIVACY_LIST_CONFLICT` if it is in force here (Prosody would remove it, and with it all protection) or, on
   *   Prosody, for another connection; `ERR_PRIVACY_LIST_UNKNOWN`
   */
  async remove(name: string, call: PrivacyCall = {}): Promise<void> {
    checkedName(name);
    await this.#change(async (service) => {
      const { names, active, default: standard } = await service.lists(call.signal);
      if (name === active || name === standard) throw new TransportError("ERR_PRIVACY_LIST_CONFLICT", "the privacy list is in force");
      if (!names.includes(name)) throw new TransportError("ERR_PRIVACY_LIST_UNKNOWN", "there is no privacy list of that name");
      await service.remove(name, call.signal);
    });
  }

  /**
   * Puts a list in force for this client instead of the default list, or none; also for its later connections while it runs. If it is gone when one of
   * these begins, because another client has removed it, nobody is shown anything: `client.presence.own` is `unavailable` then, and an `error` event says
   * why. A presence policy puts its own in the place of this list, and gives that back when it is taken away.
   * @throws TransportError `ERR_PRIVACY_LIST_UNKNOWN`; `ERR_PRIVACY_LIST_CONFLICT` while there is a presence policy, which would be gone with its list
   */
  activate(name: string | undefined, call: PrivacyCall = {}): Promise<void> {
    return this.#change(async (service) => {
      if (this.#d.isOwned()) throw owned();
      await service.activate(name, call.signal);
      this.#wanted.name = name;
    });
  }

  /** Makes a list the account's default, or declines one. @throws TransportError `ERR_PRIVACY_LIST_UNKNOWN`, `ERR_PRIVACY_LIST_CONFLICT` (Prosody: another connection has no active list) */
  setDefault(name: string | undefined, call: PrivacyCall = {}): Promise<void> {
    return this.#change((service) => service.setDefault(name, call.signal));
  }

  #online(): PrivacyListsService {
    if (this.#service === undefined) throw this.#d.offline();
    return this.#service;
  }

  /** Changes follow one another; what the server made of each is read back, also after a failure. */
  #change<T>(change: (service: PrivacyListsService) => Promise<T>): Promise<T> {
    return this.#turns.run("change", async () => {
      const service = this.#online();
      try {
        return await change(service);
      } finally {
        this.#pushes++; // activating and declining cause no push
        this.#d.changed?.();
        await this.#read(service).catch((error: unknown) => { this.#tell(error); });
      }
    });
  }

  #reread(): void {
    const service = this.#service;
    if (service === undefined || this.#reading !== undefined) return;
    const reading = this.#read(service).catch((error: unknown) => { this.#tell(error); })
      .finally(() => { if (this.#reading === reading) this.#reading = undefined; });
    this.#reading = reading;
  }

  /** Until nothing has changed while we asked. */
  async #read(service: PrivacyListsService, signal?: AbortSignal): Promise<void> {
    for (let turn = 0; turn < readsMax; turn++) {
      const pushes = this.#pushes;
      const found = await readInForce(service, (content) => { this.#malformed(content); }, signal);
      if (service !== this.#service) return;
      this.#snapshot.set(found);
      if (pushes === this.#pushes) return;
    }
  }

  #malformed({ dropped }: PrivacyListContent): void {
    for (let i = 0; i < dropped; i++) this.#d.emit({ kind: "malformed", what: "privacy-item" });
  }

  /** What fails because the stream is over is told by its end. */
  #tell(error: unknown): void {
    if (this.#service !== undefined) this.#d.onError(error);
  }
}

const owned = (): TransportError => new TransportError("ERR_PRIVACY_LIST_CONFLICT", "the active privacy list belongs to the presence policy");
