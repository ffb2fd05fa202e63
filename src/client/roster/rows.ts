/**
 * Where the roster and the requests are kept: entries share a few rows, so that 5,000 contacts cost neither 5,000 rows nor one row that is
 * written anew for each change. A head names the state and counts the entries: what does not fit together is not read (threats V05, D13).
 * Spec: RFC 6121 section 2.6 (a version names a complete state). Threats F20. Not here: what the entries mean (mirror.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { storeKey, type Store, type StoreKey } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { looksConfusable } from "../../transport/xep/clean-text.js";
import { asObject, choiceField, decodeJson, encodeJson, givenField, invalidRecord, jidField, numberField, stringField, type Json } from "../json-record.js";
import type { Contact, SubscriptionRequest } from "./contact.js";

/** What is kept. */
export interface RosterState {
  readonly contacts: ReadonlyMap<BareJid, Contact>;
  readonly requests: ReadonlyMap<BareJid, SubscriptionRequest>;
  /** The server's name for exactly these contacts. */
  readonly version: string | undefined;
}

const headKey: StoreKey = storeKey("client/roster/head");

/** Entries over a fixed number of rows; an entry's row follows from its address. */
class Shelf<T extends { readonly jid: BareJid }> {
  readonly #prefix: string;
  readonly #rows: number;
  readonly #encode: (entry: T) => Json;
  readonly #decode: (entry: Json) => T;
  readonly #dirty = new Set<number>();
  /** Rows that this version does not write. */
  readonly #strays: StoreKey[] = [];

  constructor(prefix: string, rows: number, encode: (entry: T) => Json, decode: (entry: Json) => T) {
    this.#prefix = prefix;
    this.#rows = rows;
    this.#encode = encode;
    this.#decode = decode;
  }

  async load(store: Store): Promise<Map<BareJid, T>> {
    const entries = new Map<BareJid, T>();
    const rows = await store.list({ prefix: this.#prefix });
    for (const { key } of rows) if (!(Number(key.slice(this.#prefix.length)) < this.#rows)) this.#strays.push(key);
    for (const { key, value } of rows) {
      for (const entry of listField(decodeJson(value), "entries")) {
        const decoded = this.#decode(asObject(entry));
        if (key !== this.#key(this.#rowOf(decoded.jid))) throw invalidRecord(); // a change would be written beside it
        entries.set(decoded.jid, decoded);
      }
    }
    return entries;
  }

  /** The entry of `jid` has changed; without an address: everything may have. */
  mark(jid?: BareJid): void {
    if (jid !== undefined) this.#dirty.add(this.#rowOf(jid));
    else for (let row = 0; row < this.#rows; row++) this.#dirty.add(row);
  }

  write(tx: Transaction, entries: ReadonlyMap<BareJid, T>): void {
    const rows = new Map<number, T[]>();
    for (const row of this.#dirty) rows.set(row, []);
    if (rows.size > 0) for (const entry of entries.values()) rows.get(this.#rowOf(entry.jid))?.push(entry);
    this.#dirty.clear();
    for (const key of this.#strays.splice(0)) tx.delete(key);
    for (const [row, held] of rows) {
      if (held.length === 0) tx.delete(this.#key(row));
      else tx.put(this.#key(row), encodeJson({ entries: held.map(this.#encode) }));
    }
  }

  #key(row: number): StoreKey {
    return storeKey(this.#prefix + String(row));
  }

  // FNV-1a: spreads well enough, and whoever aims at one row gains nothing, for there is a bound on all entries.
  #rowOf(jid: string): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < jid.length; i++) hash = Math.imul(hash ^ jid.charCodeAt(i), 0x01000193);
    return (hash >>> 0) % this.#rows;
  }
}

/** The rows of one roster. */
export class RosterRows {
  readonly #contacts = new Shelf<Contact>("client/roster/contacts/", 64, encodeContact, decodeContact);
  readonly #requests = new Shelf<SubscriptionRequest>("client/requests/", 16, encodeRequest, decodeRequest);

  /** `undefined`: nothing was ever stored. @throws ClientError `ERR_RECORD_INVALID` if the rows do not make one state; StorageError */
  async load(store: Store): Promise<RosterState | undefined> {
    const head = await store.get(headKey);
    const contacts = await this.#contacts.load(store);
    const requests = await this.#requests.load(store);
    if (head === undefined && contacts.size + requests.size === 0) return undefined;
    const record = head === undefined ? {} : decodeJson(head);
    if (numberField(record, "contacts") !== contacts.size || numberField(record, "requests") !== requests.size) throw invalidRecord();
    const { version } = givenField(record, "version", stringField);
    return { contacts, requests, version };
  }

  markContact(jid: BareJid): void { this.#contacts.mark(jid); }
  markRequest(jid: BareJid): void { this.#requests.mark(jid); }
  markAll(): void {
    this.#contacts.mark();
    this.#requests.mark();
  }

  /** Everything that is marked, and the head: after the commit the rows are `state`. */
  write(tx: Transaction, { contacts, requests, version }: RosterState): void {
    this.#contacts.write(tx, contacts);
    this.#requests.write(tx, requests);
    tx.put(headKey, encodeJson({ contacts: contacts.size, requests: requests.size, ...(version === undefined ? {} : { version }) }));
  }
}

function listField(record: Json, field: string): readonly unknown[] {
  const value = record[field];
  if (!Array.isArray(value)) throw invalidRecord();
  return value as readonly unknown[];
}

/** Marks that are not set are left out. */
function flag(record: Json, field: string): boolean {
  if (record[field] !== undefined && record[field] !== true) throw invalidRecord();
  return record[field] === true;
}

const encodeContact = ({ jid, name, rawName, groups, subscription, pendingOut, approved }: Contact): Json => ({
  jid, name, rawName, groups, subscription, pendingOut: pendingOut || undefined, approved: approved || undefined,
});

function decodeContact(record: Json): Contact {
  const groups = listField(record, "groups");
  if (!groups.every((group) => typeof group === "string")) throw invalidRecord();
  return {
    jid: jidField(record, "jid"), ...givenField(record, "name", stringField), ...givenField(record, "rawName", stringField), groups,
    subscription: choiceField(record, "subscription", ["none", "to", "from", "both"]),
    pendingOut: flag(record, "pendingOut"), pendingIn: false, approved: flag(record, "approved"), unconfirmed: false,
  };
}

/** Whether a name is confusable follows from it: told by what is known today, not by what was known when it came. */
const encodeRequest = ({ jid, name, text, receivedAt }: SubscriptionRequest): Json => ({ jid, name, text, receivedAt });

function decodeRequest(record: Json): SubscriptionRequest {
  const { name } = givenField(record, "name", stringField);
  return {
    jid: jidField(record, "jid"), ...(name === undefined ? {} : { name }), confusable: looksConfusable(name ?? ""), ...givenField(record, "text", stringField),
    receivedAt: numberField(record, "receivedAt"),
  };
}
