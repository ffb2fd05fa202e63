/**
 * What the server has said about the roster, in memory and in the store, and the requests that wait for an answer. Memory goes ahead; each
 * commit writes memory as it is at that moment, so that what is stored is always one state under its own version.
 * Spec: RFC 6121 sections 2.1.6, 2.6, 3.1.3. Threats V05, D01.
 * Not here: asking the server (synchronizer.ts), changes that it has not confirmed (edits.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { rosterContactsMax, subscriptionRequestsMax } from "../../base/limits.js";
import type { Ledger } from "../../session/ledger.js";
import type { Store } from "../../session/ports.js";
import type { RosterList, RosterPush } from "../../transport/xep/rfc6121-roster.js";
import { isDamaged } from "../damaged.js";
import { contactOf, sameContact, type Contact, type RosterChange, type SubscriptionRequest } from "./contact.js";
import { RosterRows } from "./rows.js";
import { seeOurs } from "./subscription.js";

/** Confirmed changes, when they are durable. `isFirst`: they are the beginning, not changes since. */
export type TellChanges = (changes: readonly RosterChange[], isFirst: boolean) => void;

/** The server's truth as far as it is known here. */
export class RosterMirror {
  #contacts = new Map<BareJid, Contact>();
  readonly #requests = new Map<BareJid, SubscriptionRequest>();
  #version: string | undefined;
  /** False once something was left out: then no later version names what is held here, until the whole roster comes again. */
  #complete = true;
  /** A whole roster was read once: what comes later is a change and not the beginning. */
  #begun = false;
  readonly #rows = new RosterRows();
  readonly #ledger: Ledger;
  readonly #tell: TellChanges;
  readonly #onError: (error: unknown) => void;
  #flush: Promise<void> | undefined;
  #told: (() => void)[] = [];
  /** Somebody waits for what is to be saved, and tells if that fails. */
  #isAwaited = false;

  constructor(ledger: Ledger, tell: TellChanges, onError: (error: unknown) => void) {
    this.#ledger = ledger;
    this.#tell = tell;
    this.#onError = onError;
  }

  /** What an earlier run left. Rows that cannot be read are given up, which is returned, and everything is fetched anew. @throws StorageError */
  async load(store: Store): Promise<unknown> {
    try {
      const state = await this.#rows.load(store);
      if (state === undefined) return undefined;
      this.#begun = true;
      this.#version = state.version;
      this.#contacts = new Map(state.contacts);
      for (const request of [...state.requests.values()].sort((a, b) => a.receivedAt - b.receivedAt)) this.#requests.set(request.jid, request);
      return undefined;
    } catch (error) {
      if (!isDamaged(error)) throw error;
      this.#rows.markAll();
      return error;
    }
  }

  get contacts(): ReadonlyMap<BareJid, Contact> { return this.#contacts; }
  get requests(): ReadonlyMap<BareJid, SubscriptionRequest> { return this.#requests; }
  /** The server's name for exactly these contacts. */
  get version(): string | undefined { return this.#version; }

  /** The whole roster; `certain`: nothing contradicts it. A list of which something was left out is not what its version names. Resolves when it is durable. */
  replace({ items, version, dropped }: RosterList, certain: boolean): Promise<void> {
    const before = this.#contacts;
    const isFirst = !this.#begun;
    const changes: RosterChange[] = [];
    this.#contacts = new Map();
    for (const item of items) {
      const known = before.get(item.jid);
      const contact = contactOf(item);
      const same = sameContact(known, contact);
      this.#contacts.set(item.jid, same && known !== undefined ? known : contact);
      if (!same) this.#note(changes, item.jid, known, contact, "server");
    }
    for (const [jid, contact] of before) if (!this.#contacts.has(jid)) this.#note(changes, jid, contact, undefined, "server");
    this.#complete = certain && dropped === 0;
    this.#version = this.#complete ? version : undefined;
    this.#begun = true;
    this.#isAwaited = true;
    return this.#save(changes, isFirst);
  }

  /** One push. What could not be understood leaves a state without a name. */
  push({ change, version }: RosterPush, by: RosterChange["by"]): void {
    const fits = change?.item === undefined || this.#contacts.has(change.jid) || this.#contacts.size < rosterContactsMax;
    const changes: RosterChange[] = [];
    if (change !== undefined && fits) this.#put(changes, change.jid, change.item === undefined ? undefined : contactOf(change.item), by);
    else this.#complete = false;
    this.#version = this.#complete ? version : undefined;
    void this.#save(changes);
  }

  /** What holds although no push has told it yet: from here until the next push the state has no name. */
  confirm(jid: BareJid, contact: Contact | undefined, by: RosterChange["by"]): void {
    const changes: RosterChange[] = [];
    this.#put(changes, jid, contact, by);
    if (changes.length === 0) return;
    this.#version = undefined;
    void this.#save(changes);
  }

  /** Resolves when it is durable; true if nobody with this address was waiting. */
  async addRequest(request: SubscriptionRequest): Promise<boolean> {
    const known = this.#requests.get(request.jid);
    if (known === undefined && this.#requests.size >= subscriptionRequestsMax) {
      const [oldest] = this.#requests.keys();
      if (oldest !== undefined) this.#dropRequest(oldest);
    }
    this.#requests.set(request.jid, known === undefined ? request : { ...request, receivedAt: known.receivedAt });
    this.#rows.markRequest(request.jid);
    await this.#save();
    return known === undefined;
  }

  /** False if there was none. */
  removeRequest(jid: BareJid): boolean {
    const found = this.#dropRequest(jid);
    if (found) void this.#save();
    return found;
  }

  #dropRequest(jid: BareJid): boolean {
    this.#rows.markRequest(jid);
    return this.#requests.delete(jid);
  }

  #put(changes: RosterChange[], jid: BareJid, after: Contact | undefined, by: RosterChange["by"]): void {
    const before = this.#contacts.get(jid);
    if (after === undefined) this.#contacts.delete(jid);
    else this.#contacts.set(jid, after);
    if (!sameContact(before, after)) this.#note(changes, jid, before, after, by);
  }

  #note(changes: RosterChange[], jid: BareJid, before: Contact | undefined, after: Contact | undefined, by: RosterChange["by"]): void {
    this.#rows.markContact(jid);
    if (after !== undefined && seeOurs(after.subscription)) this.#dropRequest(jid); // it was granted
    changes.push({ jid, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }), by });
  }

  /** `changes` are told when the state is durable, or cannot be: the truth does not wait for the disk to work again. */
  #save(changes: readonly RosterChange[] = [], isFirst: boolean = false): Promise<void> {
    this.#told.push(() => { this.#tell(changes, isFirst); });
    if (this.#flush !== undefined) return this.#flush;
    let [tell, isAwaited]: [(() => void)[], boolean] = [[], false];
    const flush = this.#ledger.run((tx) => {
      this.#flush = undefined;
      [tell, this.#told, isAwaited, this.#isAwaited] = [this.#told, tell, this.#isAwaited, isAwaited];
      this.#rows.write(tx, { contacts: this.#contacts, requests: this.#requests, version: this.#version });
      tx.onUndone(() => { this.#rows.markAll(); });
    });
    this.#flush = flush;
    const done = (): void => { for (const each of tell) each(); };
    flush.then(done, (error: unknown) => {
      if (!isAwaited) this.#onError(error);
      done();
    });
    return flush;
  }
}
