/**
 * Presence without a policy: the server tells everybody who may see us, and everybody is told the same.
 * Spec: RFC 6121 sections 4.2, 4.4 and 4.5. Not here: presence to single addresses (directed.ts).
 * @module
 */
import type { XmlElement } from "../../base/xml.js";
import { encodePresence, encodeUnavailable } from "../../transport/xep/rfc6121-presence.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "./announcer.js";

/** Broadcasts. */
export class PlainAnnouncer implements PresenceAnnouncer {
  readonly #extras: () => readonly XmlElement[];
  readonly #withdrawn: () => void;
  #connection: Connection | undefined;
  /** The server holds a presence of ours on this stream, as far as we know. */
  #shown = false;
  /** The number of the last presence in the session. */
  #sent = 0;
  #isLost = false;
  /** A farewell was said, and the session may go on. */
  #hasParted = false;

  /** `extras`: what goes with every presence. `withdrawn`: from here on the server says nothing of the contacts, until it asks them anew. */
  constructor(extras: () => readonly XmlElement[], withdrawn: () => void = () => undefined) {
    this.#extras = extras;
    this.#withdrawn = withdrawn;
  }

  /** What was said last did not arrive before the stream began. It is not sent again by itself: the user may say something else by now. */
  get isLost(): boolean {
    return this.#isLost;
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    const { continued, stream: { start } } = connection;
    if (!continued) this.#sent = 0;
    this.#isLost = start.kind === "resumed" && start.handled < this.#sent;
    // A session that another process of ours began may have been shown; and what was to be withdrawn may stand.
    if (continued) this.#shown ||= this.#isLost;
    else this.#shown = start.kind === "resumed";
  }

  detach(): void {
    this.#connection = undefined;
  }

  /** Another announcer has shown something on this stream, and this one takes over. */
  inherit(): void {
    this.#shown = true;
  }

  async begin(connection: Connection, availability: Availability): Promise<void> {
    this.#connection = connection;
    // Only the first presence makes servers ask the contacts for theirs (section 4.2.2), and this process has seen none of them.
    if (connection.stream.start.kind === "resumed" && !connection.continued) await this.#withdraw(connection);
    await this.#announce(connection, availability);
  }

  async changed(availability: Availability): Promise<void> {
    if (this.#connection === undefined) return;
    // Behind a farewell that did not arrive as well: what was known of the contacts is forgotten.
    if (this.#hasParted) await this.#withdraw(this.#connection);
    await this.#announce(this.#connection, availability);
  }

  async farewell(connection: Connection): Promise<void> {
    this.#hasParted = true;
    await this.#withdraw(connection).catch(() => undefined); // the stream is gone; if the session goes on, so does what it shows
  }

  async #announce(connection: Connection, availability: Availability): Promise<void> {
    this.#hasParted = false;
    if (availability.kind === "unavailable") {
      await this.#withdraw(connection);
      return;
    }
    this.#shown = true;
    await this.#say(connection, encodePresence(availability, { extras: this.#extras() }));
  }

  async #withdraw(connection: Connection): Promise<void> {
    if (!this.#shown) return;
    await this.#say(connection, encodeUnavailable());
    this.#shown = false;
    this.#withdrawn();
  }

  async #say({ stream }: Connection, presence: XmlElement): Promise<void> {
    const { sequence, written } = stream.sendTracked(presence, { resend: false });
    this.#sent = sequence;
    await written;
  }
}
