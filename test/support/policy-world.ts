/** A presence policy on a scripted server with privacy lists of its own, and a clock that the test turns. @module */
import { bareJid, parseJid, type BareJid, type FullJid } from "../../src/base/jid.js";
import { systemRng } from "../../src/base/rng.js";
import { childElements, findChild, findChildren, isElement, textOf, xml, type XmlElement } from "../../src/base/xml.js";
import type { Connection } from "../../src/client/link.js";
import type { Availability, PresenceAnnouncer } from "../../src/client/presence/announcer.js";
import { PresencePolicy } from "../../src/client/presence-policy/presence-policy.js";
import type { PolicyState } from "../../src/client/presence-policy/types.js";
import type { Contact, Subscription } from "../../src/client/roster/contact.js";
import { Ledger } from "../../src/session/ledger.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import type { Stream } from "../../src/transport/connection/stream.js";
import { TransportError } from "../../src/transport/errors.js";
import { IqClient } from "../../src/transport/stream/iq.js";
import { ManualClock } from "./memory-channel.js";

export const account = bareJid("romeo@verona.example");
export const sister = bareJid("sister@verona.example");
export const friend = bareJid("friend@verona.example");
export const team = bareJid("team@verona.example");

const client = "jabber:client";
const privacy = "jabber:iq:privacy";
type Change = { readonly jid: BareJid; readonly before?: Contact; readonly after?: Contact };

/** What the server does with privacy lists. */
export interface ServerWays {
  lists?: boolean;
  /** Forgets the last item of each list. */
  drops?: boolean;
  /** Says yes to an activation and does nothing. */
  ignores?: boolean;
  refuses?: "list" | "active";
  /** Fails in whatever it is asked. */
  broken?: boolean;
  /** Does not give the roster. */
  brokenRoster?: boolean;
  /** Does not know a list that is gone; else it shows it empty. */
  forgets?: boolean;
  /** Fails to show what is in a list. */
  brokenLists?: boolean;
}

export class PolicyWorld {
  readonly clock = new ManualClock();
  readonly disk: MemoryDisk;
  readonly ways: ServerWays;
  readonly contacts = new Map<BareJid, Contact>();
  readonly sent: XmlElement[] = [];
  readonly states: PolicyState[] = [];
  readonly errors: unknown[] = [];
  readonly serverLists = new Map<string, XmlElement>();
  active: string | undefined;
  reviews = 0;
  /** What the server took back of what the application directs, in short: that it did, and that it is said again. */
  readonly directed: ("lost" | "again")[] = [];
  /** Who is known to be there otherwise. */
  here: readonly (readonly [jid: BareJid, resource: string])[] = [];
  standard: string | undefined;
  own: Availability = { kind: "available", show: "available", statuses: { "": "at my desk" } };
  announcer: PresenceAnnouncer | undefined;
  connection: Connection | undefined;
  policy!: PresencePolicy;
  #receive: ((stanza: XmlElement) => void)[] = [];
  readonly #rosterListeners: ((change: Change) => void)[] = [];
  #sequence = 0;
  /** What the stream sends again by itself when the session goes on. */
  #kept: { readonly sequence: number; readonly stanza: XmlElement }[] = [];

  constructor(ways: ServerWays = {}, disk: MemoryDisk = memoryDisk()) {
    this.ways = ways;
    this.disk = disk;
    this.contact(sister, "both", "Family");
    this.contact(friend, "both", "Friends");
    this.contact(team, "both", "Team");
  }

  /** The policy as a fresh process finds it. */
  async open(): Promise<PresencePolicy> {
    const store = memoryStore(this.disk);
    this.policy = await PresencePolicy.open({
      account, clock: this.clock, ledger: new Ledger(store, await store.acquire()), listPrefix: "sotto-7-",
      roster: {
        prepare: async () => {
          if (this.ways.brokenRoster === true) throw new TransportError("ERR_STANZA_ERROR", "refused", { details: { condition: "internal-server-error" } });
        },
        confirmed: (jid) => this.contacts.get(bareJid(jid)), confirmedContacts: () => [...this.contacts.values()],
        onChange: (listener) => { this.#rosterListeners.push(listener); return () => undefined; },
      },
      connection: () => this.connection, online: () => this.here, own: () => this.own, extras: () => [], reviewDirected: (isLost = false) => {
        this.reviews++;
        if (isLost !== (this.directed.at(-1) === "lost")) this.directed.push(isLost ? "lost" : "again");
      },
      use: async (announcer) => {
        this.announcer = announcer;
        if (this.connection === undefined) return;
        announcer?.attach(this.connection);
        await announcer?.begin(this.connection, this.own);
      },
      emit: ({ state }) => { this.states.push(state); }, onError: (error) => { this.errors.push(error); },
    });
    return this.policy;
  }

  contact(jid: BareJid, subscription: Subscription, ...groups: readonly string[]): void {
    const before = this.contacts.get(jid);
    const after: Contact = { jid, groups, subscription, pendingIn: false, pendingOut: false, approved: false, unconfirmed: false };
    this.contacts.set(jid, after);
    for (const listener of this.#rosterListeners) listener({ jid, ...(before === undefined ? {} : { before }), after });
  }

  /** A connection, and the first presence of a fresh session. `restored`: another process of ours began the session. */
  async connect(options: { readonly continued?: boolean; readonly restored?: boolean; readonly handled?: number } = {}): Promise<void> {
    this.#receive = [];
    const isResumed = options.continued === true || options.restored === true;
    if (!isResumed) this.active = undefined;
    const stream = {
      jid: parseJid(`${account}/here`) as FullJid, isOpen: true, features: xml("x", "features"),
      start: isResumed ? { kind: "resumed", handled: options.handled ?? this.#sequence } : { kind: "new", resumable: true },
      send: (stanza: XmlElement) => { this.#take(stanza); return Promise.resolve(); },
      sendTracked: (stanza: XmlElement, { resend = true }: { readonly resend?: boolean } = {}) => {
        this.#take(stanza);
        const sequence = ++this.#sequence;
        if (resend) this.#kept.push({ sequence, stanza });
        return { sequence, written: Promise.resolve() };
      },
      onStanza: (listener: (stanza: XmlElement) => void) => { this.#receive.push(listener); return () => undefined; },
      onEnd: () => () => undefined,
    } as unknown as Stream;
    const iq = new IqClient(stream, { rng: systemRng(), clock: this.clock });
    for (const { sequence, stanza } of this.#kept.splice(0)) if (options.continued === true && sequence > (options.handled ?? this.#sequence)) this.#take(stanza);
    this.connection = { stream, iq, archive: undefined as never, signal: new AbortController().signal, epoch: 1, continued: options.continued ?? false };
    this.announcer?.attach(this.connection);
    if (options.continued !== true) await this.announcer?.begin(this.connection, this.own);
    await this.quiet();
  }

  disconnect(): void {
    this.connection = undefined;
    this.announcer?.detach();
  }

  async comes(jid: BareJid, resource = "phone"): Promise<void> {
    this.arrive(xml(client, "presence", { from: `${jid}/${resource}` }));
    await this.quiet();
  }

  arrive(stanza: XmlElement): void {
    for (const listener of [...this.#receive]) listener(stanza);
  }

  /** Lets everything that was set going come to rest. */
  async quiet(): Promise<void> {
    for (let i = 0; i < 60; i++) await new Promise<void>((resolve) => { queueMicrotask(resolve); });
    await new Promise((resolve) => { setTimeout(resolve, 0); });
    for (let i = 0; i < 60; i++) await new Promise<void>((resolve) => { queueMicrotask(resolve); });
  }

  async turn(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5_000) { // answers come in between, or requests would time out
      this.clock.advance(Math.min(5_000, left));
      await this.quiet();
    }
  }

  /** What was said since the last call, short: `-> all busy`, `sister: gone`, `list sotto-7-0`. */
  said(): string[] {
    return this.sent.splice(0).flatMap((stanza) => {
      if (isElement(stanza, client, "presence")) {
        const { to, type } = stanza.attrs;
        const show = findChild(stanza, client, "show");
        const status = findChild(stanza, client, "status");
        const what = type === "unavailable" ? "gone" : type ?? (show === undefined ? "available" : textOf(show));
        return [`${to?.replace(/@.*/, "") ?? "all"}: ${what}${status === undefined ? "" : ` (${textOf(status)})`}`];
      }
      const [query] = childElements(stanza);
      const [what] = query === undefined ? [] : childElements(query);
      if (stanza.attrs["type"] !== "set" || what === undefined) return [];
      return [what.name === "active" ? `in force: ${what.attrs["name"] ?? "none"}` : `${what.children.length === 0 ? "removed" : "stored"}: ${what.attrs["name"] ?? ""}`];
    });
  }

  /** Who the list in force lets see us. */
  reached(): string[] {
    const list = this.active === undefined ? undefined : this.serverLists.get(this.active);
    return (list === undefined ? [] : childElements(list)).filter(({ attrs, children }) => attrs["type"] === "jid" && attrs["action"] === "allow" && children.length === 1)
      .map(({ attrs }) => (attrs["value"] ?? "").replace(/@.*/, ""));
  }

  #take(stanza: XmlElement): void {
    this.sent.push(stanza);
    if (stanza.name !== "iq") return;
    queueMicrotask(() => { this.arrive(this.#answer(stanza)); });
  }

  #answer(stanza: XmlElement): XmlElement {
    const { id, type } = stanza.attrs;
    const result = (payload?: XmlElement): XmlElement => xml(client, "iq", { type: "result", id }, payload);
    const error = (condition: string): XmlElement =>
      xml(client, "iq", { type: "error", id }, xml(client, "error", { type: "cancel" }, xml("urn:ietf:params:xml:ns:xmpp-stanzas", condition)));
    if (this.ways.broken === true) return error("internal-server-error");
    const query = findChild(stanza, privacy, "query");
    if (query === undefined || this.ways.lists === false) return error("service-unavailable");
    const [what] = childElements(query);
    const name = what?.attrs["name"];
    if (type === "get") {
      if (name !== undefined && this.ways.brokenLists === true) return error("internal-server-error");
      if (name !== undefined && this.ways.forgets === true && !this.serverLists.has(name)) return error("item-not-found");
      if (name !== undefined) return result(xml(privacy, "query", {}, this.serverLists.get(name)));
      return result(xml(privacy, "query", {},
        this.active === undefined ? undefined : xml(privacy, "active", { name: this.active }),
        this.standard === undefined ? undefined : xml(privacy, "default", { name: this.standard }),
        ...[...this.serverLists.keys()].map((each) => xml(privacy, "list", { name: each }))));
    }
    if (what?.name === this.ways.refuses && (what?.name !== "list" || what.children.length > 0)) return error("not-allowed");
    if (what?.name === "active" && this.ways.ignores !== true) this.active = name;
    if (what?.name === "default") this.standard = name;
    if (what?.name === "list" && name !== undefined) {
      const items = findChildren(what, privacy, "item");
      if (items.length === 0) this.serverLists.delete(name);
      else this.serverLists.set(name, xml(privacy, "list", { name }, ...(this.ways.drops === true ? items.slice(0, -1) : items)));
    }
    return result();
  }
}
