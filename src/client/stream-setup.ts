/**
 * What a fresh stream needs before it is `online`: listeners in its first turn, then carbons, the roster, presence, the witness, what was missed,
 * and the own device published - in this order, for nothing may be encrypted before it is known that our state is not an old one.
 * A stream that continues a session of this process needs none of it.
 * Spec: docs/architecture.md, The way of a message. Threats R21, Q08. Not here: each of the steps.
 * @module
 */
import type { Clock } from "../base/clock.js";
import type { BareJid, Jid } from "../base/jid.js";
import { type XmlElement, isElement } from "../base/xml.js";
import type { Ledger } from "../session/ledger.js";
import type { Omemo } from "../session/omemo.js";
import { StorageError } from "../storage/errors.js";
import type { Delivery } from "../transport/connection/stream.js";
import { TransportError } from "../transport/errors.js";
import type { OwnCapabilities } from "../transport/features/caps.js";
import { ReadPositions } from "../transport/features/read-positions.js";
import { PepDirectory, type UnconfirmedNode } from "../transport/omemo-directory.js";
import { isPassing } from "../transport/stream/stanza-error.js";
import { clientNamespace, discoInfoNamespace, omemo2Namespace } from "../transport/xep/namespaces.js";
import { enableCarbons } from "../transport/xep/xep0280.js";
import type { Gate } from "./contact-policy/gate.js";
import { asSottoError } from "./errors.js";
import type { Connection } from "./link.js";
import type { OnlineDirectory } from "./online-directory.js";
import type { Presence } from "./presence/presence.js";
import type { ReadState } from "./receive/read-state.js";
import type { Rollback } from "./rollback/rollback.js";
import type { Witness } from "./rollback/witness.js";
import type { Roster } from "./roster/roster.js";

/** Announcements before `online` is told without one, and the first pause between them in milliseconds (it doubles). */
const announcementsMax = 3;
const announcePauseMs = 1_000;
/** Milliseconds between attempts behind `online`. */
const againMs = 60_000;

/** What each session needs once. A failure that may pass is tried again behind `online`, also on the streams that continue the session. */
type Errand = "roster" | "announcement";

export interface StreamSetupDeps {
  readonly clock: Clock;
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly omemo: Omemo;
  readonly directory: OnlineDirectory;
  readonly readState: ReadState;
  readonly witness: Witness;
  readonly rollback: Rollback;
  readonly roster: Roster;
  readonly presence: Presence;
  readonly capabilities: OwnCapabilities;
  readonly gate: Pick<Gate, "met">;
  /** Whether a question of `from` may be answered. */
  readonly mayAsk: (from: Jid | undefined) => boolean;
  /** Whether the store holds a presence policy. */
  readonly hasPolicy: boolean;
  /** Takes a message in, in its own turn. */
  readonly receive: (stanza: XmlElement, delivery: Delivery, connection: Connection) => void;
  /** Fetches what was missed; live messages wait for it. */
  readonly catchUp: (connection: Connection) => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly onUnconfirmedNode: (node: UnconfirmedNode) => void;
}

/** Sets up one stream after the other. */
export class StreamSetup {
  readonly #d: StreamSetupDeps;
  #positions: ReadPositions | undefined;
  /** The stream on which everything that was missed is read: from here on the device may be announced. */
  #caughtUp: Connection | undefined;
  /** What the session does not have yet, and may get. */
  readonly #due = new Set<Errand>();
  /** The stream behind whose back it is tried again. */
  readonly #trying = new Map<Errand, Connection>();

  constructor(deps: StreamSetupDeps) {
    this.#d = deps;
  }

  /** In the stream's first turn: from here on every stanza has somebody who takes it. */
  attach(connection: Connection): void {
    const { account, omemo, capabilities, mayAsk, onError } = this.#d;
    const { iq, stream, archive } = connection;
    const directory = new PepDirectory({ iq, account, onListenerError: onError });
    directory.onDeviceList(async (event) => {
      if (event.namespace !== omemo2Namespace) return;
      const outcome = await omemo.onDeviceList(event.jid, event.devices, connection.signal);
      if (outcome === "contested" && this.#caughtUp === connection) this.#later("announcement", connection, againMs);
    });
    directory.onUnconfirmedNode((node) => { this.#d.onUnconfirmedNode(node); });
    this.#d.directory.attach(directory);
    if (!connection.continued) omemo.expireDeviceLists(); // notifications may have passed while no stream was there
    const positions = new ReadPositions({ iq, account, onListenerError: onError });
    iq.handle(discoInfoNamespace, ({ from, payload }) => (mayAsk(from) ? capabilities.answer(payload) : undefined));
    stream.onStanza((stanza, delivery) => {
      if (!isElement(stanza, clientNamespace, "message")) return;
      if (archive.handleMessage(stanza) || directory.handleMessage(stanza) || positions.handleMessage(stanza)) return;
      this.#d.receive(stanza, delivery, connection);
    });
    this.#positions = positions;
  }

  /**
   * Presence comes before the publication: some servers tell contacts about a new device only while we are available.
   * A server without carbons, archive or PEP is worth an error event, not a connection that never gets online.
   * @throws an error that is `retryable` if the stream is of no use, another one if no stream would be
   */
  async prepare(connection: Connection): Promise<void> {
    const { witness, rollback, presence, gate, catchUp } = this.#d;
    const { iq, signal } = connection;
    if (connection.continued) {
      // Noticed in passing, when the link broke before the stream could be closed: a session that goes on would go on with the old device.
      if (await rollback.isDue()) throw new TransportError("ERR_STREAM_CLOSED", "the stream is set up anew, for the store is an old copy", { retryable: true });
      this.#caughtUp = connection;
      for (const errand of this.#due) this.#later(errand, connection, 0); // the stream before ended between two attempts
      return;
    }
    await Promise.all([
      this.#tolerate(connection, () => iq.request({ type: "set", payload: enableCarbons, signal })),
      this.#askForRoster(connection),
    ]);
    gate.met(); // whoever became a contact while nobody looked
    if (this.#d.hasPolicy) await presence.openPolicy(); // nothing is shown to anybody without it
    await presence.prepare(connection);
    await rollback.begin();
    if (await witness.ask(connection) === "rolled-back") await rollback.detected();
    await catchUp(connection);
    this.#caughtUp = connection;
    await this.#announce(connection);
  }

  /** After `online`: what can wait. */
  async complete(connection: Connection): Promise<void> {
    if (this.#positions !== undefined) await this.#d.readState.attach(this.#positions, connection.signal);
  }

  /** Messages go without it: `online` does not wait for another attempt. */
  async #askForRoster(connection: Connection): Promise<void> {
    if (!(await this.#try("roster", connection))) this.#later("roster", connection, againMs);
  }

  /** Others may not accept what a device says that is not listed: a failure that may pass holds `online` back for a while, then is retried behind it. */
  async #announce(connection: Connection): Promise<void> {
    let pauseMs = announcePauseMs;
    for (let attempt = 1; attempt <= announcementsMax; attempt++, pauseMs *= 2) {
      // A device that could not be stored is not published, and nobody would encrypt for it: no state to be online in.
      if (await this.#try("announcement", connection, true)) return;
      await this.#pause(connection.signal, pauseMs);
    }
    this.#later("announcement", connection, 0);
  }

  /** Tries again behind `online` until it succeeds; one series of attempts per stream. */
  #later(errand: Errand, connection: Connection, delayMs: number): void {
    if (this.#trying.get(errand) === connection) return;
    this.#trying.set(errand, connection);
    this.#due.add(errand);
    const again = async (): Promise<void> => {
      for (let pauseMs = delayMs; ; pauseMs = againMs) {
        await this.#pause(connection.signal, pauseMs);
        if (connection.signal.aborted || (await this.#try(errand, connection))) return;
      }
    };
    again().catch((error: unknown) => { if (!connection.signal.aborted) this.#d.onError(error); }) // else it stays due: the stream has ended
      .finally(() => { if (this.#trying.get(errand) === connection) this.#trying.delete(errand); });
  }

  /** False if it may succeed later. @throws as {@link #tolerate} */
  async #try(errand: Errand, connection: Connection, mustStore = false): Promise<boolean> {
    this.#due.add(errand);
    await this.#tolerate(connection, async () => {
      try {
        await (errand === "roster" ? this.#d.roster.prepare(connection) : this.#announceOnce(connection));
      } catch (error) {
        const failure = asSottoError(error);
        const passing = connection.signal.aborted || (failure instanceof TransportError ? isPassing(failure) : failure.retryable);
        if (!passing) this.#due.delete(errand);
        throw error;
      }
      this.#due.delete(errand);
    }, mustStore);
    return !this.#due.has(errand);
  }

  async #announceOnce(connection: Connection): Promise<void> {
    const { omemo, ledger } = this.#d;
    await omemo.announce(connection.signal);
    await ledger.run((tx) => omemo.settlePreKeys(tx)); // the bundle that the server has shows none of what was used before it (threats R23)
  }

  #pause(signal: AbortSignal, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = this.#d.clock.schedule(delayMs, wake);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    });
  }

  /** @throws StorageError if nothing can be stored any more, or `mustStore`: a store that is merely full is one to be online with (threats D06) */
  async #tolerate(connection: Connection, step: () => Promise<unknown>, mustStore = false): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (connection.signal.aborted) throw new TransportError("ERR_STREAM_CLOSED", "the stream ended while it was set up", { retryable: true });
      if (error instanceof StorageError && (mustStore || !error.retryable)) throw error;
      this.#d.onError(error);
    }
  }
}
