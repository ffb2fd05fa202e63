/**
 * The inside of a roster: one stream after the other, changes under way, and what can be seen of both.
 * Spec: RFC 6121 sections 2 and 3. Threats V05, F07.
 * Not here: what applications call (roster.ts), the server's truth (mirror.ts, synchronizer.ts), what others ask for (incoming.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { Emitter } from "../../base/events.js";
import type { BareJid, Jid } from "../../base/jid.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import { xml } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import type { Store } from "../../session/ports.js";
import { abortError } from "../../transport/connection/abort.js";
import { readRosterPush, RosterService } from "../../transport/features/roster.js";
import { clientNamespace, rosterNamespace } from "../../transport/xep/namespaces.js";
import type { ClientEvent } from "../events.js";
import type { Connection } from "../link.js";
import { blankContact, type Contact, type RosterChange, type RosterSnapshot } from "./contact.js";
import { Edits, type Amend, type Edit } from "./edits.js";
import { Incoming } from "./incoming.js";
import { RosterMirror } from "./mirror.js";
import { transition, type SubscriptionStanza } from "./subscription.js";
import { Synchronizer } from "./synchronizer.js";

export interface RosterDeps {
  readonly account: BareJid;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Ids for stanzas. */
  readonly newId: () => string;
  /** Whether a question of `from` may be answered; nobody else learns from us that we are there (threats V01, F24). */
  readonly mayAsk: (from: Jid | undefined) => boolean;
  readonly emit: (event: ClientEvent) => void;
  readonly onError: (error: unknown) => void;
  /** Why there is no stream, for whoever needs one. */
  readonly offline: () => Error;
}

/** What every call takes that goes to the server. */
export interface RosterCall {
  readonly signal?: AbortSignal | undefined;
}

/** A stream and how to ask on it. */
export interface RosterStream {
  readonly connection: Connection;
  readonly service: RosterService;
}

/** Everything about the roster that is not a call of the application. */
export class RosterCore {
  readonly changes: Emitter<RosterChange>;
  readonly observers: Emitter<undefined>;
  readonly mirror: RosterMirror;
  readonly #d: RosterDeps;
  readonly #edits = new Edits();
  readonly #sync: Synchronizer;
  readonly #incoming: Incoming;
  readonly #turns = new KeyedMutex<BareJid>();
  #damage: unknown;
  #stream: RosterStream | undefined;
  #asking: { readonly stream: RosterStream; readonly done: Promise<void> } | undefined;
  #snapshot: RosterSnapshot | undefined;
  #wasFollowing = false;

  constructor(deps: RosterDeps) {
    this.#d = deps;
    const mirror = new RosterMirror(deps.ledger, (changes, isFirst) => { this.#tell(changes, isFirst); }, deps.onError);
    this.mirror = mirror;
    this.changes = new Emitter(deps.onError);
    this.observers = new Emitter(deps.onError);
    this.#sync = new Synchronizer({
      mirror, edits: this.#edits,
      onDropped: (count) => { for (let i = 0; i < count; i++) deps.emit({ kind: "malformed", what: "roster-item" }); },
    });
    this.#incoming = new Incoming({ ...deps, mirror, edits: this.#edits, changed: () => { this.#changed(); }, refused: (jid) => { this.#refused(jid); } });
  }

  /** Once, before anything else: see {@link RosterMirror.load}. @throws StorageError */
  async load(): Promise<void> {
    this.#damage = await this.mirror.load(this.#d.store);
  }

  get account(): BareJid {
    return this.#d.account;
  }

  attach(connection: Connection): void {
    const { account, onError } = this.#d;
    const { iq, stream } = connection;
    const service = new RosterService({ iq, features: stream.features });
    this.#stream = { connection, service };
    this.#sync.begin(connection.continued && this.#wasFollowing);
    iq.handle(rosterNamespace, (request) => {
      const push = readRosterPush(request, account);
      if (push === undefined) return undefined;
      this.#sync.push(push);
      this.#changed();
      return null;
    });
    this.#incoming.attach(connection, service);
    if (this.#damage !== undefined) onError(this.#damage);
    this.#damage = undefined;
    this.#changed();
  }

  detach(): void {
    this.#wasFollowing = this.#sync.isFollowing;
    this.#sync.begin(false);
    this.#stream = undefined;
    this.#changed();
  }

  /** The roster is what the server says, or `connection` is over. Two who wait for it at once get the same answer. @throws TransportError, StorageError */
  async prepare(connection: Connection): Promise<void> {
    const stream = this.#stream;
    if (stream?.connection !== connection) return;
    if (this.#asking?.stream !== stream) {
      if (this.#sync.isFollowing) return;
      const done = this.#sync.ask(stream.service, connection.signal).finally(() => {
        if (this.#asking?.done === done) this.#asking = undefined;
        this.#changed();
      });
      this.#asking = { stream, done };
    }
    await this.#asking.done;
  }

  /** @throws ClientError `ERR_OFFLINE`: a change could be made of a state that is not known */
  ready(): RosterStream {
    if (this.#stream === undefined || !this.#sync.isFollowing) throw this.#d.offline();
    return this.#stream;
  }

  getSnapshot(): RosterSnapshot {
    this.#snapshot ??= this.#render();
    return this.#snapshot;
  }

  /** As the server has it, a request that waits included. */
  confirmed(jid: BareJid): Contact | undefined {
    const contact = this.mirror.contacts.get(jid);
    return contact !== undefined && this.mirror.requests.has(jid) ? { ...contact, pendingIn: true } : contact;
  }

  /** Shows the change at once and keeps it if `send`, which gets the contact as it is to be, resolves. Changes of one contact go one after the other. */
  async change(
    jid: BareJid, amend: Amend, signal: AbortSignal | undefined, send: (stream: RosterStream, after: Contact | undefined) => Promise<void>,
  ): Promise<void> {
    await this.#run({ jid, amend, answers: false }, signal, async (stream, edit) => {
      await send(stream, amend(this.mirror.contacts.get(jid)));
      // Servers may write an address in another way than we do (threats F21): then the push, which has come when they answer again, is about that one.
      if (!edit.overtaken && !this.#isOneSpelling(jid)) return stream.service.barrier(signal);
      // The push may come behind the answer; one that came before it, or overtook it, says more.
      if (!edit.overtaken && this.#sync.isFollowing) this.mirror.confirm(jid, amend(this.mirror.contacts.get(jid)), "here");
    });
  }

  /** Sends presence that changes a subscription, and waits until the server has dealt with it. What it made of it, its pushes say. */
  async present(jid: BareJid, type: SubscriptionStanza, { signal, text }: RosterCall & { readonly text?: string | undefined }): Promise<void> {
    const id = this.#d.newId();
    const answers = (type === "subscribed" || type === "unsubscribed") && this.mirror.requests.has(jid);
    const amend: Amend = (contact) => {
      const before = contact ?? blankContact(jid);
      const { subscription, pendingOut, approved } = transition({ ...before, pendingIn: answers }, "out", type).state;
      const known = contact !== undefined || subscription !== "none" || pendingOut || approved;
      return known ? { ...before, subscription, pendingOut, approved } : undefined;
    };
    const status = text === undefined ? undefined : xml(clientNamespace, "status", {}, text);
    const stanza = xml(clientNamespace, "presence", { to: jid, type, id }, status);
    await this.#run({ jid, amend, answers, id }, signal, async ({ connection, service }, edit) => {
      await connection.stream.send(stanza);
      await service.barrier(signal);
      if (edit.failure !== undefined) throw edit.failure;
      if (answers && type === "unsubscribed") this.mirror.removeRequest(jid); // of one that was granted the push tells
    });
  }

  async #run(
    parts: Pick<Edit, "jid" | "amend" | "answers" | "id">, signal: AbortSignal | undefined, send: (stream: RosterStream, edit: Edit) => Promise<void>,
  ): Promise<void> {
    const stream = this.ready();
    refuseAborted(signal);
    const edit = this.#edits.begin(parts);
    this.#changed();
    try {
      await this.#turns.run(edit.jid, () => {
        refuseAborted(signal); // it may have waited
        edit.sent = true;
        return send(stream, edit);
      });
    } finally {
      this.#edits.end(edit);
      this.#changed();
    }
  }

  /** The server has the address as we write it: it has said so, or there is no other way. */
  #isOneSpelling(jid: BareJid): boolean {
    return this.mirror.contacts.has(jid) || /^[!-~]*$/.test(jid);
  }

  /** A contact shows us their presence no longer, or will not. ejabberd sends no push if it leaves nothing but a request of theirs. */
  #refused(jid: BareJid): void {
    const contact = this.mirror.contacts.get(jid);
    if (contact === undefined || !this.#sync.isFollowing) return;
    const { subscription, pendingOut } = transition(contact, "in", "unsubscribed").state;
    this.mirror.confirm(jid, { ...contact, subscription, pendingOut }, "server");
    this.#changed();
  }

  #changed(): void {
    this.#snapshot = undefined;
    this.observers.emit(undefined);
  }

  #tell(changes: readonly RosterChange[], isFirst: boolean): void {
    for (const change of changes) {
      const { jid, before, after, by } = change;
      const [was, is] = [before?.subscription ?? "none", after?.subscription ?? "none"];
      const refused = before?.pendingOut === true && after?.pendingOut !== true;
      if (!isFirst && by === "server" && (was !== is || refused)) this.#d.emit({ kind: "subscription-changed", jid, subscription: is });
      this.changes.emit(change);
    }
  }

  #render(): RosterSnapshot {
    const contacts = new Map(this.mirror.contacts);
    for (const jid of this.#edits.addresses) {
      const contact = this.#edits.over(jid, contacts.get(jid));
      if (contact === undefined) contacts.delete(jid);
      else contacts.set(jid, contact);
    }
    const { answered } = this.#edits;
    const requests = [...this.mirror.requests.values()].filter(({ jid }) => !answered.has(jid));
    for (const { jid } of requests) {
      const contact = contacts.get(jid);
      if (contact !== undefined) contacts.set(jid, { ...contact, pendingIn: true });
    }
    return { contacts, requests, freshness: this.#sync.isFollowing ? "synchronized" : "cached" };
  }
}

/** What was taken back before it left never leaves: presence that grants something has no answer that could be waited for. @throws UsageError `ERR_ABORTED` */
function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal);
}
