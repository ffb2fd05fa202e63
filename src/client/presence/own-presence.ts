/**
 * What the user says of himself, brought to the announcer in order: one call at a time, and of several wishes that wait only the last.
 * Spec: RFC 6121 section 4. Threats V01. Not here: who gets to see it (the announcer).
 * @module
 */
import { ObservableValue } from "../../base/events.js";
import type { Jid } from "../../base/jid.js";
import type { PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "./announcer.js";
import type { PlainAnnouncer } from "./plain-announcer.js";

/** The user's own availability and the announcer that shows it. */
export class OwnPresence {
  readonly availability: ObservableValue<Availability>;
  readonly #plain: PlainAnnouncer;
  #announcer: PresenceAnnouncer;
  #connection: Connection | undefined;
  /** The stream on which the first presence has been asked for. */
  #begun: Connection | undefined;
  /** Something has changed that no announcer has been told yet. */
  #stale = false;
  /** What an announcer was told last: the next one finds that standing. */
  #told: Availability;
  #queue: Promise<unknown> = Promise.resolve();
  #update: Promise<void> | undefined;

  constructor(plain: PlainAnnouncer, onListenerError: (error: unknown) => void) {
    this.#plain = plain;
    this.#announcer = plain;
    this.#told = { kind: "available", show: "available" };
    this.availability = new ObservableValue(this.#told, onListenerError);
  }

  /** What of `content` may be shown to `to` on his own; `undefined`: nothing. */
  limit(to: Jid, content: PresenceContent): PresenceContent | undefined {
    return this.#announcer.limit === undefined ? content : this.#announcer.limit(to, content);
  }

  /** @param onError takes what goes wrong with a change that had to wait for this stream */
  attach(connection: Connection, onError: (error: unknown) => void): void {
    this.#connection = connection;
    this.#announcer.attach(connection);
    // What was shown on the former stream stands; what has been said since is still to be shown.
    this.#begun = connection.continued ? connection : undefined;
    if (this.#begun !== undefined && (this.#stale || this.#plain.isLost)) this.changed().catch(onError);
  }

  detach(): void {
    this.#connection = undefined;
    this.#begun = undefined;
    this.#announcer.detach();
  }

  /** The first presence of a fresh stream. `isKept`: whether what is to be kept back from somebody is; it is waited for, and if not, nothing is shown. */
  begin(connection: Connection, isKept?: Promise<boolean>): Promise<void> {
    return this.#run(async () => {
      if (isKept !== undefined && !(await isKept)) this.availability.set({ kind: "unavailable" });
      this.#stale = false;
      this.#begun = connection;
      this.#told = this.availability.getSnapshot();
      await this.#announcer.begin(connection, this.#told);
    });
  }

  /** Resolves when the stream has it; without a stream at once, and the next one begins with it. */
  changed(): Promise<void> {
    this.#stale = true;
    if (this.#begun !== undefined) this.#announcer.foresee?.(this.availability.getSnapshot());
    // A change that has not begun to run takes later ones along.
    this.#update ??= this.#run(async () => {
      this.#update = undefined;
      if (this.#begun === undefined || !this.#stale) return;
      this.#stale = false;
      const own = this.availability.getSnapshot();
      try {
        await this.#announcer.changed(own);
        this.#told = own;
      } catch (error) {
        this.#stale = true;
        throw error;
      }
    });
    return this.#update;
  }

  /** From now on `announcer` shows it; `undefined`: the plain one. */
  use(announcer: PresenceAnnouncer | undefined): Promise<void> {
    return this.#run(async () => {
      const next = announcer ?? this.#plain;
      if (next === this.#announcer) return;
      this.#announcer.detach();
      this.#announcer = next;
      const [connection, begun] = [this.#connection, this.#begun];
      if (connection === undefined) {
        // The session may go on: then what the other one has shown stands.
        if (next === this.#plain) this.#plain.inherit();
        this.#stale = true;
        return;
      }
      next.attach(connection);
      if (begun === undefined) return;
      if (next === this.#plain) { // it says everything anew
        this.#plain.inherit();
        this.#stale = false;
        this.#told = this.availability.getSnapshot();
      }
      await next.begin(connection, this.#told); // what has been said since waits for its turn behind this one
    });
  }

  farewell(connection: Connection): Promise<void> {
    return this.#run(async () => {
      const shown = this.#begun !== undefined;
      this.#begun = undefined;
      this.#stale = true; // the link may die before the stream is closed, and the session go on: then what is said of the user is to be shown again
      if (shown) await this.#announcer.farewell(connection);
    });
  }

  #run(step: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(step);
    this.#queue = done.catch(() => undefined); // whoever asked for the step is told; the next one does not depend on it
    return done;
  }
}
