/**
 * What the user says of himself, brought to the announcer in order: one call at a time, and of several wishes that wait only the last.
 * Spec: RFC 6121 section 4. Threats V01. Not here: who gets to see it (the announcer).
 * @module
 */
import { ObservableValue } from "../../base/events.js";
import type { Jid } from "../../base/jid.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import type { PresenceContent } from "../../transport/xep/rfc6121-presence.js";
import type { Connection } from "../link.js";
import type { Availability, PresenceAnnouncer } from "./announcer.js";
import type { PlainAnnouncer } from "./plain-announcer.js";

/** The user's own availability and the announcer that shows it. */
export class OwnPresence {
  readonly availability: ObservableValue<Availability>;
  readonly #plain: PlainAnnouncer;
  readonly #onError: (error: unknown) => void;
  readonly #turns = new KeyedMutex<"call">();
  #announcer: PresenceAnnouncer;
  #connection: Connection | undefined;
  /** The first presence of the stream has been asked for. */
  #hasBegun = false;
  /** Something has changed that no announcer has been told yet. */
  #stale = false;
  /** What an announcer was told last: the next one finds that standing. */
  #told: Availability;
  #update: Promise<void> | undefined;

  /** @param onError takes what goes wrong with a change that had to wait for a stream, too */
  constructor(plain: PlainAnnouncer, onError: (error: unknown) => void) {
    this.#plain = plain;
    this.#onError = onError;
    this.#announcer = plain;
    this.#told = { kind: "available", show: "available" };
    this.availability = new ObservableValue(this.#told, onError);
  }

  /** What of `content` may be shown to `to` on his own; `undefined`: nothing. */
  limit(to: Jid, content: PresenceContent): PresenceContent | undefined {
    return this.#announcer.limit === undefined ? content : this.#announcer.limit(to, content);
  }

  attach(connection: Connection): void {
    this.#connection = connection;
    this.#announcer.attach(connection);
    // What was shown on the former stream stands; what has been said since is still to be shown.
    this.#hasBegun = connection.continued;
    if (this.#hasBegun && (this.#stale || this.#plain.isLost)) this.changed().catch(this.#onError);
  }

  detach(): void {
    this.#connection = undefined;
    this.#hasBegun = false;
    this.#announcer.detach();
  }

  /** The first presence of a fresh stream. `isKept`: whether what is to be kept back from somebody is; it is waited for, and if not, nothing is shown. */
  begin(connection: Connection, isKept?: Promise<boolean>): Promise<void> {
    return this.#turns.run("call", async () => {
      if (isKept !== undefined && !(await isKept)) this.availability.set({ kind: "unavailable" });
      this.#stale = false;
      this.#hasBegun = true;
      this.#told = this.availability.getSnapshot();
      await this.#announcer.begin(connection, this.#told);
    });
  }

  /** The next {@link changed} says it though nothing has changed. */
  repeat(): void {
    this.#announcer.repeat?.();
  }

  /** Resolves when the stream has it; without a stream at once, and the next one begins with it. */
  changed(): Promise<void> {
    this.#stale = true;
    if (this.#hasBegun) this.#announcer.foresee?.(this.availability.getSnapshot());
    // A change that has not begun to run takes later ones along.
    this.#update ??= this.#turns.run("call", async () => {
      this.#update = undefined;
      if (!this.#hasBegun || !this.#stale) return;
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
    return this.#turns.run("call", async () => {
      const next = announcer ?? this.#plain;
      if (next === this.#announcer) return;
      this.#announcer.detach();
      this.#announcer = next;
      const [connection, hasBegun] = [this.#connection, this.#hasBegun];
      if (connection === undefined) {
        // The session may go on: then what the other one has shown stands.
        if (next === this.#plain) this.#plain.inherit();
        this.#stale = true;
        return;
      }
      next.attach(connection);
      if (!hasBegun) return;
      if (next === this.#plain) { // it says everything anew
        this.#plain.inherit();
        this.#stale = false;
        this.#told = this.availability.getSnapshot();
      }
      await next.begin(connection, this.#told); // what has been said since waits for its turn behind this one
    });
  }

  farewell(connection: Connection): Promise<void> {
    return this.#turns.run("call", async () => {
      const shown = this.#hasBegun;
      this.#hasBegun = false;
      this.#stale = true; // the link may die before the stream is closed, and the session go on: then what is said of the user is to be shown again
      if (shown) await this.#announcer.farewell(connection);
    });
  }
}
