/**
 * Presence directed to single addresses: remembered as long as the stream, withdrawn before it ends.
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
  /** What the application wants to say there; the rules may allow less. */
  readonly wish: PresenceContent;
  /** What was said. */
  readonly said: string;
}

/** What of a wish may be shown to somebody; `undefined`: nothing. */
export type PresenceLimit = (to: Jid, content: PresenceContent) => PresenceContent | undefined;

/** The addresses that were told something on their own. */
export class DirectedPresence {
  readonly #told = new Map<Jid, Told>();
  readonly #extras: () => readonly XmlElement[];
  readonly #limit: PresenceLimit;

  /** `extras`: what goes with every presence. */
  constructor(extras: () => readonly XmlElement[], limit: PresenceLimit) {
    this.#extras = extras;
    this.#limit = limit;
  }

  /** The server has forgotten them, and told them. */
  clear(): void {
    this.#told.clear();
  }

  /** True for an address that was told, and for the resources of a bare one that was. */
  includes(jid: Jid): boolean {
    return this.#told.has(jid) || this.#told.has(toBare(jid));
  }

  /** True if `jid` or one of its resources was told: then what comes back from there counts. */
  concerns(jid: Jid): boolean {
    if (this.includes(jid)) return true;
    const bare = toBare(jid);
    return [...this.#told.keys()].some((told) => toBare(told) === bare);
  }

  /**
   * @throws UsageError `ERR_INVALID_ARGUMENT` above the limit: each of them has to be told when we leave; ClientError `ERR_PRESENCE_NOT_ALLOWED`
   */
  async send({ stream }: Connection, to: Jid, wish: PresenceContent): Promise<void> {
    const stanza = this.#stanza(to, wish);
    if (stanza === undefined) throw new ClientError("ERR_PRESENCE_NOT_ALLOWED", "the presence policy shows this address nothing");
    if (!this.#told.has(to) && this.#told.size >= directedPresenceMax) throw new UsageError("ERR_INVALID_ARGUMENT", "presence is directed to too many addresses");
    this.#told.set(to, { wish, said: serializeXml(stanza) }); // before it is sent: a stanza that was lost half-way may have arrived
    await stream.send(stanza);
  }

  /** Says it again where it has changed, and withdraws it where nothing may be shown any more: our capabilities or the rules have changed. */
  async renew(connection: Connection): Promise<void> {
    for (const [to, { wish, said }] of [...this.#told]) {
      const stanza = this.#stanza(to, wish);
      if (stanza === undefined) await this.withdraw(connection, to);
      else if (serializeXml(stanza) !== said) await this.send(connection, to, wish);
    }
  }

  async withdraw({ stream }: Connection, to: Jid): Promise<void> {
    if (this.#told.delete(to)) await stream.send(encodeUnavailable({ to }));
  }

  /** Before the end of the stream: a privacy list may swallow what the server would say. Never throws. */
  async farewell(connection: Connection): Promise<void> {
    const told = [...this.#told.keys()];
    this.#told.clear();
    const sent = told.map((to) => connection.stream.send(encodeUnavailable({ to })));
    await Promise.allSettled(sent); // a stream that is gone tells them itself
  }

  #stanza(to: Jid, wish: PresenceContent): XmlElement | undefined {
    const allowed = this.#limit(to, wish);
    return allowed === undefined ? undefined : encodePresence(allowed, { to, extras: this.#extras() });
  }
}
