/**
 * The roster of the account: what the server says, what this device has asked for and waits to be confirmed, and the requests to answer.
 * Spec: RFC 6121 sections 2 and 3. Threats V05, F07, F20-F22.
 * Not here: the server's truth (mirror.ts, synchronizer.ts), what others ask for (incoming.ts), presence (client/presence/).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import type { Observable, Unsubscribe } from "../../base/events.js";
import { bareJid, parseBareJid, type BareJid } from "../../base/jid.js";
import { isXmlText } from "../../base/xml.js";
import { TransportError } from "../../transport/errors.js";
import type { RosterService } from "../../transport/features/roster.js";
import { ClientError, loaded } from "../errors.js";
import type { Connection } from "../link.js";
import type { StreamPart } from "../stream-part.js";
import { blankContact, type Contact, type RosterChange, type RosterSnapshot } from "./contact.js";
import { RosterCore, type RosterCall, type RosterDeps } from "./core.js";
import type { ImportReport, RosterExport } from "./exchange.js";
import { seeOurs, seesTheirs } from "./subscription.js";
import { checkedValues, type ContactValues } from "./values.js";

export type { RosterCall, RosterDeps } from "./core.js";

/**
 * Contacts and who sees whose presence. Changes are shown at once, `unconfirmed`, and taken back if the server refuses them, does not answer,
 * or the stream ends. Calls resolve when the server has dealt with them. All of them may be rejected with
 * - ClientError `ERR_OFFLINE` (retryable, unless the client has stopped) while the roster is not {@link RosterSnapshot.freshness | synchronized};
 * - TransportError `ERR_STANZA_ERROR` (`details.condition`) if the server refuses, `ERR_IQ_TIMEOUT`, `ERR_STREAM_CLOSED`;
 * - UsageError `ERR_INVALID_JID`, `ERR_INVALID_ARGUMENT`, `ERR_INVALID_TEXT`, `ERR_ABORTED`.
 */
export class Roster implements Observable<RosterSnapshot>, StreamPart {
  readonly #core: RosterCore;

  private constructor(core: RosterCore) {
    this.#core = core;
  }

  /** Reads what an earlier run left; what cannot be read is told with the first stream, and fetched anew. @throws StorageError */
  static async load(deps: RosterDeps): Promise<Roster> {
    const core = new RosterCore(deps);
    await core.load();
    return new Roster(core);
  }

  /** @internal */
  attach(connection: Connection): void {
    this.#core.attach(connection);
  }

  /** @internal */
  detach(): void {
    this.#core.detach();
  }

  /** @internal Brings the roster up to date; to be called before the first presence of a stream. What has changed is told when it resolves. @throws TransportError, StorageError */
  prepare(connection: Connection): Promise<void> {
    return this.#core.prepare(connection);
  }

  /** The contacts and requests; the same object until something changes. */
  getSnapshot = (): RosterSnapshot => this.#core.getSnapshot();

  /** Calls `listener` after each change of the snapshot. */
  subscribe = (listener: () => void): Unsubscribe => this.#core.observers.subscribe(listener);

  /** Confirmed changes, each when it is durable. */
  onChange(listener: (change: RosterChange) => void): Unsubscribe {
    return this.#core.changes.subscribe(listener);
  }

  /** The contact as the snapshot shows it; `undefined` if the roster has none with this address. */
  get(jid: string): Contact | undefined {
    return this.getSnapshot().contacts.get(prepared(jid));
  }

  /** The contact as the server has it, a request that waits included. */
  confirmed(jid: string): Contact | undefined {
    return this.#core.confirmed(prepared(jid));
  }

  /** All contacts as the server has them. */
  confirmedContacts(): readonly Contact[] {
    return Array.from(this.#core.mirror.contacts.keys(), (jid) => this.#core.confirmed(jid)).filter((contact) => contact !== undefined);
  }

  /** Adds a contact, or changes its name and groups. Asks nobody for anything: see {@link Roster.subscribeTo}. */
  async set(jid: string, values: ContactValues, call: RosterCall = {}): Promise<void> {
    const checked = checkedValues(values);
    const peer = this.#peer(jid);
    await this.#core.change(peer, (contact) => withValues(contact ?? blankContact(peer), checked), call.signal, ({ service }, after) => service.set(after ?? blankContact(peer), call.signal));
  }

  /** Gives a contact another name; an empty one takes the name away. @throws ClientError `ERR_NOT_A_CONTACT` */
  async rename(jid: string, name: string, call: RosterCall = {}): Promise<void> {
    await this.set(this.#known(jid), { name }, call);
  }

  /** Puts a contact into exactly these groups. @throws ClientError `ERR_NOT_A_CONTACT` */
  async setGroups(jid: string, groups: readonly string[], call: RosterCall = {}): Promise<void> {
    await this.set(this.#known(jid), { groups }, call);
  }

  /** Takes a contact out; neither sees the other's presence any more. Nothing happens if there is none. */
  async remove(jid: string, call: RosterCall = {}): Promise<void> {
    const peer = this.#peer(jid);
    await this.#core.change(peer, () => undefined, call.signal, ({ service }) => service.remove(peer, call.signal).catch((error: unknown) => {
      if (!(error instanceof TransportError) || error.details["condition"] !== "item-not-found") throw error;
    }));
  }

  /** Asks to see somebody's presence. `text` is shown to them where their client does that. */
  async subscribeTo(jid: string, call: RosterCall & { readonly text?: string | undefined } = {}): Promise<void> {
    checkedText(call.text);
    await this.#core.present(this.#peer(jid), "subscribe", call);
  }

  /** Does not want to see somebody's presence any more, or takes the request back. */
  async cancel(jid: string, call: RosterCall = {}): Promise<void> {
    await this.#core.present(this.#peer(jid), "unsubscribe", call);
  }

  /**
   * Grants a request.
   * @throws ClientError `ERR_NO_REQUEST`: what nobody asks for any more is not granted for the future (see {@link Roster.preApprove}); `ERR_SUBSCRIPTION_IGNORED`
   *   if they do not see our presence by it, and the request waits on: a privacy list that keeps presence from them keeps this back as well, on Prosody
   */
  async approve(jid: string, call: RosterCall = {}): Promise<void> {
    const peer = this.#peer(jid);
    if (this.#showsUs(peer)) return;
    await this.#answer(peer, "subscribed", call);
  }

  /** Refuses a request. @throws ClientError `ERR_NO_REQUEST` */
  async deny(jid: string, call: RosterCall = {}): Promise<void> {
    await this.#answer(this.#peer(jid), "unsubscribed", call);
  }

  /**
   * Shows somebody our presence no longer; also takes back what was approved in advance, and refuses a request.
   * @throws ClientError `ERR_SUBSCRIPTION_IGNORED` if they still see it: under a privacy list that hides us from them Prosody keeps this back as well;
   *   {@link Roster.remove} works in any case
   */
  async revoke(jid: string, call: RosterCall = {}): Promise<void> {
    const peer = this.#peer(jid);
    const { service } = this.#core.ready();
    // A stranger need not learn of us by this. Not every server shows what it has approved in advance: any contact may be one.
    if (this.confirmed(peer) === undefined && !this.#core.mirror.requests.has(peer)) return;
    await this.#core.present(peer, "unsubscribed", call);
    await this.#proven(peer, false, service, call);
  }

  /** Lets the server grant the next request of somebody (RFC 6121 section 3.4), or grants the one that waits. @throws ClientError `ERR_NOT_SUPPORTED`; as {@link Roster.approve} */
  async preApprove(jid: string, call: RosterCall = {}): Promise<void> {
    const peer = this.#peer(jid);
    const { service } = this.#core.ready();
    if (this.#showsUs(peer)) return;
    if (this.#core.mirror.requests.has(peer)) return this.#answer(peer, "subscribed", call);
    if (!service.hasPreApproval) throw new ClientError("ERR_NOT_SUPPORTED", "the server takes no approval ahead of the request");
    await this.#core.present(peer, "subscribed", call);
  }

  /** Addresses, names and groups as plain JSON. */
  export(): RosterExport {
    return { version: 1, contacts: Array.from(this.#core.mirror.contacts.values(), ({ jid, name, groups }) => ({ jid, ...(name === undefined ? {} : { name }), groups: [...groups] })) };
  }

  /**
   * Adds what {@link Roster.export} gave, of this account or another one; removes nothing. `subscribe`: also asks to see the presence of those
   * whom nobody has asked yet. Who sees our presence is never taken from an import.
   */
  async import(data: unknown, call: RosterCall & { readonly subscribe?: boolean | undefined } = {}): Promise<ImportReport> {
    this.#core.ready();
    const { importContacts } = await loaded(import("./exchange.js"));
    return importContacts(data, {
      account: this.#core.account,
      known: (jid) => this.get(jid),
      set: (jid, values) => this.set(jid, values, call),
      ask: async (jid) => {
        const contact = this.get(jid);
        if (call.subscribe === true && contact?.pendingOut !== true && !seesTheirs(contact?.subscription)) await this.subscribeTo(jid, { signal: call.signal });
      },
    });
  }

  async #answer(peer: BareJid, type: "subscribed" | "unsubscribed", call: RosterCall): Promise<void> {
    const { service } = this.#core.ready();
    if (!this.#core.mirror.requests.has(peer)) throw new ClientError("ERR_NO_REQUEST", "nobody with this address waits for an answer");
    await this.#core.present(peer, type, call);
    if (type === "subscribed") await this.#proven(peer, true, service, call);
  }

  /** Presence has no answer: what the server made of it is in its push. */
  async #proven(peer: BareJid, isShown: boolean, service: RosterService, call: RosterCall): Promise<void> {
    if (this.#showsUs(peer) !== isShown) await service.barrier(call.signal); // the push may come by another way
    if (this.#showsUs(peer) !== isShown) throw new ClientError("ERR_SUBSCRIPTION_IGNORED", "the server has changed nothing about who sees our presence");
  }

  #showsUs(peer: BareJid): boolean {
    return seeOurs(this.#core.mirror.contacts.get(peer)?.subscription);
  }

  #known(jid: string): BareJid {
    const peer = this.#peer(jid);
    if (this.get(peer) === undefined) throw new ClientError("ERR_NOT_A_CONTACT", "the roster has no such address");
    return peer;
  }

  /** @throws UsageError `ERR_INVALID_JID`, and `ERR_INVALID_ARGUMENT` for the account itself */
  #peer(jid: string): BareJid {
    const peer = bareJid(jid);
    if (peer === this.#core.account) throw new UsageError("ERR_INVALID_ARGUMENT", "an account is no contact of itself");
    return peer;
  }
}

/** @throws UsageError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_TEXT` */
function checkedText(text: unknown): void {
  if (text === undefined) return;
  if (typeof text !== "string") throw new UsageError("ERR_INVALID_ARGUMENT", "the text of a request must be a text");
  if (!isXmlText(text)) throw new UsageError("ERR_INVALID_TEXT", "the text of a request holds characters that XML does not allow");
}

/** What is malformed is nobody's address. */
const prepared = (jid: string): BareJid => parseBareJid(jid) ?? ("" as BareJid);

function withValues({ name: former = "", rawName, ...contact }: Contact, { name = former, groups = contact.groups }: ContactValues): Contact {
  const kept = name === former ? rawName : undefined; // other clients show what cleaning has taken from it here
  return { ...contact, ...(name === "" ? {} : { name }), ...(kept === undefined ? {} : { rawName: kept }), groups };
}
