/**
 * A roster over a store in memory, and a stream whose other end is the test: what arrives in one call arrives in one turn, as from one read
 * of a socket.
 * @module
 */
import type { Unsubscribe } from "../../src/base/events.js";
import { bareJid, parseJid, type FullJid, type Jid } from "../../src/base/jid.js";
import { childElements, serializeXml, xml, type XmlElement, type XmlNode } from "../../src/base/xml.js";
import { systemRng } from "../../src/base/rng.js";
import type { ClientEvent } from "../../src/client/events.js";
import type { Connection } from "../../src/client/link.js";
import { isAudience } from "../../src/client/presence/audience.js";
import type { RosterChange } from "../../src/client/roster/contact.js";
import { Roster } from "../../src/client/roster/roster.js";
import { Ledger } from "../../src/session/ledger.js";
import type { Store } from "../../src/session/ports.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import type { Delivery, Stream, StreamEnd } from "../../src/transport/connection/stream.js";
import { TransportError } from "../../src/transport/errors.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { ManualClock } from "./memory-channel.js";
import { offline } from "./no-stream.js";

export const account = bareJid("romeo@montague.example");
export const ownJid = parseJid(`${account}/orchard`) as FullJid;
export const juliet = bareJid("juliet@capulet.example");
export const nurse = bareJid("nurse@capulet.example");
export const rosterNs = "jabber:iq:roster";

/** An item as servers write it. */
export function item(jid: string, attrs: Record<string, string | undefined> = {}, ...groups: string[]): XmlElement {
  return xml(rosterNs, "item", { jid, ...attrs }, ...groups.map((group) => xml(rosterNs, "group", {}, group)));
}

export const query = (version: string | undefined, ...items: XmlElement[]): XmlElement => xml(rosterNs, "query", { ver: version }, ...items);

let pushes = 0;
/** A push; from our own account unless `from` says otherwise. */
export function push(version: string | undefined, one: XmlElement | readonly XmlElement[], from?: string): XmlElement {
  return xml("jabber:client", "iq", { type: "set", id: `push-${String(++pushes)}`, from }, query(version, ...(Array.isArray(one) ? one as XmlElement[] : [one as XmlElement])));
}

export const presence = (type: string | undefined, from: string, ...children: XmlNode[]): XmlElement => xml("jabber:client", "presence", { type, from }, ...children);

/** One stream. */
export class RosterStream {
  readonly sent: XmlElement[] = [];
  /** Numbers of the stanzas that may be acknowledged. */
  readonly released: number[] = [];
  readonly held: number[] = [];
  readonly clock: ManualClock;
  readonly connection: Connection;
  readonly #listeners = new Set<(stanza: XmlElement, delivery: Delivery) => void>();
  readonly #ends: ((end: StreamEnd) => void)[] = [];
  readonly #over = new AbortController();
  isOpen = true;
  #number = 0;

  constructor(clock: ManualClock, options: { readonly continued?: boolean; readonly features?: readonly string[] } = {}) {
    this.clock = clock;
    const children = { ver: xml("urn:xmpp:features:rosterver", "ver"), sub: xml("urn:xmpp:features:pre-approval", "sub") };
    const features = xml("http://etherx.jabber.org/streams", "features", {}, ...(options.features ?? ["ver", "sub"]).map((name) => children[name as "ver"]));
    const stream = {
      jid: ownJid, features,
      get isOpen() { return open(); },
      send: async (stanza: XmlElement) => {
        if (!this.isOpen) throw closed();
        this.sent.push(stanza);
      },
      onStanza: (listener: (stanza: XmlElement, delivery: Delivery) => void): Unsubscribe => {
        this.#listeners.add(listener);
        return () => { this.#listeners.delete(listener); };
      },
      onEnd: (listener: (end: StreamEnd) => void): Unsubscribe => {
        this.#ends.push(listener);
        return () => undefined;
      },
    } as unknown as Stream;
    const open = (): boolean => this.isOpen;
    const iq = new IqClient(stream, { rng: systemRng(), clock });
    this.connection = { stream, iq, archive: undefined as never, signal: this.#over.signal, epoch: 1, continued: options.continued ?? false };
  }

  /** All in one turn. */
  arrive(...stanzas: readonly XmlElement[]): void {
    for (const stanza of stanzas) {
      const number = ++this.#number;
      const delivery: Delivery = { number, hold: () => { this.held.push(number); return () => { this.released.push(number); }; } };
      for (const listener of [...this.#listeners]) listener(stanza, delivery);
    }
  }

  /** What was asked and waits for an answer: the last request with that payload. */
  asked(name = "query"): XmlElement {
    const found = this.sent.findLast((stanza) => stanza.name === "iq" && ["get", "set"].includes(stanza.attrs["type"] ?? "") && childElements(stanza)[0]?.name === name);
    if (found === undefined) throw new RangeError(`nothing asked: ${name}`);
    return found;
  }

  end(): void {
    this.isOpen = false;
    for (const listener of this.#ends) listener({ error: closed() });
    this.#over.abort();
  }
}

const closed = (): TransportError => new TransportError("ERR_STREAM_CLOSED", "scripted", { retryable: true });

/** The answers to a request. */
export const result = (request: XmlElement, payload?: XmlElement): XmlElement =>
  xml("jabber:client", "iq", { type: "result", id: request.attrs["id"] }, payload);
export const refusal = (request: XmlElement, condition: string, type = "cancel"): XmlElement =>
  xml("jabber:client", "iq", { type: "error", id: request.attrs["id"] },
    xml("jabber:client", "error", { type }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", condition)));

/** Lets everything go on that can go on by itself. */
export const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0); });

export interface WorldOptions {
  readonly disk?: MemoryDisk;
  readonly store?: (inner: Store) => Store;
  /** Default: as presence has it while we are available without a policy. */
  readonly mayAsk?: (from: Jid | undefined) => boolean;
}

/** A roster and its surroundings. */
export class RosterWorld {
  readonly clock = new ManualClock();
  readonly events: ClientEvent[] = [];
  readonly errors: unknown[] = [];
  readonly changes: RosterChange[] = [];
  readonly disk: MemoryDisk;
  readonly roster: Roster;
  stream: RosterStream;

  private constructor(disk: MemoryDisk, roster: Roster, lists: Pick<RosterWorld, "events" | "errors" | "clock">) {
    this.disk = disk;
    this.roster = roster;
    this.events = lists.events;
    this.errors = lists.errors;
    this.clock = lists.clock;
    this.stream = new RosterStream(this.clock);
    roster.onChange((change) => { this.changes.push(change); });
  }

  static async open(options: WorldOptions = {}): Promise<RosterWorld> {
    const disk = options.disk ?? memoryDisk();
    const store = options.store?.(memoryStore(disk)) ?? memoryStore(disk);
    const ledger = new Ledger(store, await store.acquire());
    const lists = { events: [] as ClientEvent[], errors: [] as unknown[], clock: new ManualClock() };
    let ids = 0;
    const audience = { isTold: () => false, isShown: () => true, isAllowed: () => true };
    const mayAsk = options.mayAsk ?? ((from: Jid | undefined): boolean => isAudience({ ...audience, account, contacts: roster }, from));
    const roster: Roster = await Roster.load({
      account, store, ledger, clock: lists.clock, newId: () => `p${String(++ids)}`, mayAsk, offline,
      emit: (event) => { lists.events.push(event); }, onError: (error) => { lists.errors.push(error); },
    });
    return new RosterWorld(disk, roster, lists);
  }

  /** A stream is there; nothing was asked yet. */
  attach(options: ConstructorParameters<typeof RosterStream>[1] = {}): RosterStream {
    this.stream = new RosterStream(this.clock, options);
    this.roster.attach(this.stream.connection);
    return this.stream;
  }

  /** A stream on which the server answers with `list`; `undefined`: that nothing has changed. */
  async online(list: XmlElement | undefined, options: ConstructorParameters<typeof RosterStream>[1] = {}): Promise<RosterStream> {
    const stream = this.attach(options);
    const prepared = this.roster.prepare(stream.connection);
    if (options.continued !== true) stream.arrive(result(stream.asked(), list));
    await prepared;
    return stream;
  }

  /** The stream is cut, as the link tells it. */
  async cut(): Promise<void> {
    this.stream.end();
    await settle();
    this.roster.detach();
  }

  /** The contacts in short: `jid name [groups] subscription out in approved ?`. */
  get view(): readonly string[] {
    return [...this.roster.getSnapshot().contacts.values()].map((contact) => [
      contact.jid.split("@")[0], contact.name ?? "-", `[${contact.groups.join()}]`, contact.subscription,
      contact.pendingOut ? "out" : "", contact.pendingIn ? "in" : "", contact.approved ? "approved" : "", contact.unconfirmed ? "?" : "",
    ].filter((part) => part !== "").join(" ")).sort();
  }

  /** What was sent, without ids. */
  get sent(): readonly string[] {
    return this.stream.sent.map((stanza) => serializeXml({ ...stanza, attrs: Object.fromEntries(Object.entries(stanza.attrs).filter(([key]) => key !== "id")) }, "jabber:client"));
  }
}
