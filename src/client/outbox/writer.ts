/**
 * Letters onto the stream, in order. While a message is looked for that makes the server end the stream, each is written alone (threats
 * Q13). Not here: what is written next (flow.ts), what the server has confirmed (window.ts).
 * @module
 */
import { type BareJid, domainOf } from "../../base/jid.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import { xml } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import { TransportError } from "../../transport/errors.js";
import { type AnySottoError, asSottoError } from "../errors.js";
import type { Connection } from "../link.js";
import { killsMax, type Blame } from "./blame.js";
import type { Rows } from "./rows.js";
import type { ReadyEntry } from "./sealing.js";
import type { Slots } from "./slots.js";
import type { Window } from "./window.js";

export interface WriterDeps {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly slots: Slots;
  readonly window: Window;
  readonly rows: Rows;
  readonly blame: Blame;
}

/** Writes; what the stream will never take fails alone. */
export class Writer {
  readonly #d: WriterDeps;
  readonly #turn = new KeyedMutex<"probe">();

  constructor(deps: WriterDeps) {
    this.#d = deps;
  }

  /**
   * `full`: the window has no room for the rest; `over`: the connection is not the present one any more.
   * @throws TransportError if the stream takes nothing now
   */
  async write(ready: readonly ReadyEntry[], connection: Connection, isPresent: () => boolean): Promise<"written" | "full" | "over"> {
    const { window, slots, blame, ledger, rows } = this.#d;
    for (const entry of ready) {
      const { slot } = entry;
      if (!isPresent() || !connection.stream.isOpen) return "over";
      if (slots.find(slot.id) !== slot || slot.whereabouts.kind !== "here") continue; // refused or found meanwhile
      if (window.room <= 0) return "full";
      if (rows.isBarred(slot)) { // since it was sealed
        await ledger.run((tx) => { rows.takeOut(tx, [slot]); });
        continue;
      }
      const refusal = slot.kills >= killsMax ? blame.killer() : blame.isCareful ? await this.#probe(entry, connection, isPresent) : this.#put(entry, connection);
      if (refusal !== undefined) await ledger.run((tx) => rows.fail(tx, slot.id, refusal));
    }
    return "written";
  }

  /**
   * @returns why the stream will never take this one
   * @throws TransportError if it takes nothing any more
   */
  #put({ slot, stanza, bytes }: ReadyEntry, { stream }: Connection): AnySottoError | undefined {
    try {
      const { sequence, written } = stream.sendTracked(stanza, { resend: false });
      written.catch(() => undefined); // the end of the stream tells the same
      this.#d.window.push(slot, sequence, bytes);
      return undefined;
    } catch (error) {
      if (error instanceof TransportError && error.retryable) throw error;
      return asSottoError(error);
    }
  }

  /** Writes one entry alone; it is through when the server answers what follows it (RFC 6120 section 10.1). */
  #probe(entry: ReadyEntry, connection: Connection, isPresent: () => boolean): Promise<AnySottoError | undefined> {
    const { blame, account } = this.#d;
    return this.#turn.run("probe", async () => {
      if (!isPresent() || !connection.stream.isOpen) throw new TransportError("ERR_STREAM_CLOSED", "the stream has ended", { retryable: true });
      const refusal = this.#put(entry, connection);
      if (refusal !== undefined) return refusal;
      blame.probing(entry.slot);
      try {
        await connection.iq.request({ type: "get", to: domainOf(account), payload: xml("urn:xmpp:ping", "ping"), signal: connection.signal });
      } catch (error) {
        // An error answer proves as much as a result; no answer proves nothing.
        if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") throw error;
      }
      blame.passed(entry.slot);
      return undefined;
    });
  }
}
