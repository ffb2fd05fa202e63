/**
 * Tells the server how much we have handled: at once when it asks, never more than is durable, and again when a hold that kept
 * an answer short has gone.
 * Spec: XEP-0198 section 4. Threats Q06: `h` that goes beyond what was saved is saved first.
 * @module
 */
import type { InboundLedger } from "./inbound-ledger.js";
import type { StreamSession } from "./stream-session.js";

/** Makes `h` durable; awaited before any `<a h/>` that goes beyond what was saved. */
export type SaveInbound = (session: StreamSession, h: number) => Promise<void>;

/** What an {@link Acknowledger} needs. */
export interface AcknowledgerOptions {
  readonly ledger: InboundLedger;
  /** Absent: there is no session that could be resumed, so that nothing has to be saved. */
  readonly session: StreamSession | undefined;
  readonly save: SaveInbound | undefined;
  /** Writes `<a/>`. */
  readonly tell: (h: number) => void;
  readonly onError: (error: unknown) => void;
}

/** Answers `<r/>`. */
export class Acknowledger {
  readonly #o: AcknowledgerOptions;
  #asked = false;
  #saving: Promise<void> | undefined;
  /** The server waits for more than it was told. */
  #owed: number | undefined;

  constructor(options: AcknowledgerOptions) {
    this.#o = options;
  }

  /** `<r/>` came. */
  requested(): void {
    this.#asked = true;
    this.#answer();
  }

  /** A hold has gone. */
  released(): void {
    if (this.#owed !== undefined && this.#o.ledger.handled >= this.#owed) this.requested();
  }

  /** Before the stream is closed: what was not acknowledged by then, the server would send to others. Never rejects. */
  async final(): Promise<void> {
    await this.#saving;
    this.requested();
    await this.#saving;
  }

  #answer(): void {
    if (this.#saving !== undefined) return; // it answers everything that was asked meanwhile
    this.#asked = false;
    const { ledger, save, session } = this.#o;
    const h = ledger.handled;
    if (session === undefined || h <= session.inbound) {
      this.#tell(h);
      return;
    }
    if (save === undefined) {
      session.saved(h);
      this.#tell(h);
      return;
    }
    this.#saving = this.#save(save, session, h);
  }

  async #save(save: SaveInbound, session: StreamSession, h: number): Promise<void> {
    try {
      await save(session, h);
      session.saved(h);
      this.#tell(h);
    } catch (error) {
      this.#asked = false; // without an answer the server ends the link in its time, and nothing is lost
      this.#o.onError(error);
    }
    this.#saving = undefined;
    if (this.#asked) this.#answer();
  }

  #tell(h: number): void {
    const { received } = this.#o.ledger;
    this.#owed = h < received ? received : undefined;
    this.#o.tell(h);
  }
}
