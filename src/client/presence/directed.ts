/**
 * Presence directed to single addresses: remembered as long as the session, withdrawn before it ends. What is taken back while that cannot be
 * said is owed, for a session that goes on goes on showing it.
 * Spec: RFC 6121 section 4.6. Threats V01, F24. Not here: whether it may be sent (announcer.ts `limit`).
 * @module
 */
import { UsageError } from "../../base/errors.js";
import { type Jid, toBare } from "../../base/jid.js";
import { directedPresenceMax } from "../../base/limits.js";
import { serializeXml, type XmlElement } from "../../base/xml.js";
import { encodePresence, encodeUnavailable, type PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import { ClientError } from "../errors.js";
import type { Connection } from "../link.js";

interface Told {
  /** What the application wants to say there; the rules may allow less. `undefined`: whatever the user says of himself. */
  readonly wish: PresenceContent | undefined;
  /** What was said; empty if that has not arrived. */
  said: string;
  /** Its number in the session. */
  sequence: number;
}

/** What of a wish may be shown to somebody; `undefined`: nothing. */
export type PresenceLimit = (to: Jid, content: PresenceContent) => PresenceContent | undefined;

export interface DirectedPresenceDeps {
  /** What the user says of himself. */
  readonly own: () => PresenceContent;
  /** What goes with every presence. */
  readonly extras: () => readonly XmlElement[];
  readonly limit: PresenceLimit;
  readonly onError: (error: unknown) => void;
  /** Why there is no stream, for whoever needs one. */
  readonly offline: () => Error;
}

/** The addresses that were told something on their own. */
export class DirectedPresence {
  readonly #d: DirectedPresenceDeps;
  readonly #told = new Map<Jid, Told>();
  /** Taken back, and not known to have been told so: with the number of what says it. */
  readonly #owed = new Map<Jid, number>();
  #connection: Connection | undefined;

  constructor(deps: DirectedPresenceDeps) {
    this.#d = deps;
  }

  /** Everybody who was told something. */
  get addresses(): readonly Jid[] {
    return [...this.#told.keys()];
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    if (!connection.continued) { // the server has forgotten them, and told them
      this.#told.clear();
      this.#owed.clear();
      return;
    }
    // What did not arrive is not sent again by itself: what is said and to be said may be something else by now.
    const { start } = connection.stream;
    const arrived = (sequence: number): boolean => start.kind === "resumed" && sequence <= start.handled;
    for (const told of this.#told.values()) if (!arrived(told.sequence)) told.said = "";
    const owed = [...this.#owed].flatMap(([to, sequence]) => (arrived(sequence) ? [] : this.#takeBack(to)));
    Promise.all([...owed, this.renew()]).catch(this.#d.onError);
  }

  detach(): void {
    this.#connection = undefined;
  }

  /** The stream on which something can be said to somebody alone. @throws ClientError `ERR_OFFLINE` */
  online(): Connection {
    if (this.#connection === undefined) throw this.#d.offline();
    return this.#connection;
  }

  /** True for an address that was told, and for the resources of a bare one that was. */
  includes(jid: Jid): boolean {
    return this.#told.has(jid) || this.#told.has(toBare(jid));
  }

  /** True if `jid` or one of its resources was told: then what comes back from there counts. */
  concerns(jid: Jid): boolean {
    const bare = toBare(jid);
    return this.addresses.some((told) => toBare(told) === bare);
  }

  /**
   * @throws UsageError `ERR_INVALID_ARGUMENT` above the limit: each of them has to be told when we leave; ClientError `ERR_OFFLINE`, `ERR_PRESENCE_NOT_ALLOWED`
   */
  async send(to: Jid, wish: PresenceContent | undefined): Promise<void> {
    const { stream } = this.online();
    const stanza = this.#stanza(to, wish);
    if (stanza === undefined) throw new ClientError("ERR_PRESENCE_NOT_ALLOWED", "the presence policy shows this address nothing");
    if (!this.#told.has(to) && this.#told.size >= directedPresenceMax) throw new UsageError("ERR_INVALID_ARGUMENT", "presence is directed to too many addresses");
    const told: Told = { wish, said: "", sequence: Infinity };
    this.#told.set(to, told); // before it is sent: a stanza that was lost half-way may have arrived
    this.#owed.delete(to);
    const { sequence, written } = stream.sendTracked(stanza, { resend: false });
    Object.assign(told, { said: serializeXml(stanza), sequence });
    await written;
  }

  /**
   * Says it again where it has changed, and withdraws it where nothing may be shown any more: our capabilities or the rules have changed.
   * @throws the first failure; the others are looked at nevertheless
   */
  async renew(): Promise<void> {
    let failed: Promise<void> | undefined;
    for (const [to, told] of [...this.#told]) {
      if (this.#connection === undefined) return; // if the session goes on, it is looked at again
      if (this.#told.get(to) !== told) continue; // taken back, or said anew, while something before it was on its way
      const done = this.#renewOne(to, told);
      await done.catch(() => { failed ??= done; });
    }
    await failed;
  }

  /** The server takes all of it back, for we are gone for everybody: {@link renew} says it again. */
  lose(): void {
    for (const told of this.#told.values()) told.said = "";
  }

  /** Without a stream it is said as soon as the session goes on. */
  async withdraw(to: Jid): Promise<void> {
    if (this.#told.delete(to)) await this.#takeBack(to);
  }

  /** Withdraws everything. Before the end of the stream, too: a privacy list may swallow what the server would say. Never throws. */
  async farewell(): Promise<void> {
    await Promise.allSettled(this.addresses.map((to) => this.withdraw(to)));
  }

  async #renewOne(to: Jid, { wish, said }: Told): Promise<void> {
    const stanza = this.#stanza(to, wish);
    if (stanza === undefined) await this.withdraw(to);
    else if (serializeXml(stanza) !== said) await this.send(to, wish);
  }

  async #takeBack(to: Jid): Promise<void> {
    this.#owed.set(to, Infinity);
    if (this.#connection === undefined) return;
    const { stream } = this.#connection;
    for (const [each, said] of this.#owed) if (said <= (stream.session?.acknowledged ?? 0)) this.#owed.delete(each);
    const { sequence, written } = stream.sendTracked(encodeUnavailable({ to }), { resend: false });
    this.#owed.set(to, sequence);
    await written;
  }

  #stanza(to: Jid, wish: PresenceContent = this.#d.own()): XmlElement | undefined {
    const { limit, extras } = this.#d;
    const allowed = limit(to, wish);
    return allowed === undefined ? undefined : encodePresence(allowed, { to, extras: extras() });
  }
}
