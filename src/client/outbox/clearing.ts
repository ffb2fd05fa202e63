/**
 * What may be with the server, and how that is found out: the archive is asked until it says the same twice.
 * Spec: docs/decisions/0006-outbox.md; XEP-0313. Threats Q03, Q04. Not here: one question (recovery.ts), what is written then (flow.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import type { BareJid } from "../../base/jid.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import type { Ledger } from "../../session/ledger.js";
import { TransportError } from "../../transport/errors.js";
import type { Connection } from "../link.js";
import { findArchived, hasArchive } from "./recovery.js";
import type { Rows } from "./rows.js";
import type { Slot } from "./slots.js";

/** Milliseconds after which the archive is asked again for what it did not have. */
export const secondLookMs: number = 1_000;

export interface ClearingDeps {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly rows: Rows;
  readonly clock: Clock;
}

/** Clears one conversation after the other; while one waits for its second answer others go on. */
export class Clearing {
  readonly #d: ClearingDeps;
  readonly #turns = new KeyedMutex<"archive">();

  constructor(deps: ClearingDeps) {
    this.#d = deps;
  }

  /**
   * What the archive has of `slots`, all to `peer`, is sent; the rest is here. Absent is only what two answers in a row do not have, with a
   * pause between them: our old connection may be gone while the server still works off what it had read from it. Each further answer has
   * found something, so that this ends.
   * @throws TransportError, retryable, if it cannot be told
   */
  async clear(peer: BareJid, slots: readonly Slot[], connection: Connection): Promise<void> {
    const { signal } = connection;
    const asks = await hasArchive(connection);
    for (let open = slots, first = true; asks && open.length > 0; first = false) {
      if (!first) await pause(this.#d.clock, secondLookMs, signal);
      open = open.filter(isUnclear); // the catch-up may have found some of them
      await this.#look(peer, open, connection);
      const absent = open.filter(isUnclear);
      if (!first && absent.length === open.length) break;
      open = absent.some(({ sealed }) => sealed) ? absent : []; // what was never sealed cannot be on its way
    }
    for (const slot of slots) if (isUnclear(slot)) slot.whereabouts = { kind: "here" };
  }

  /** What the archive has of `slots` is sent. */
  async #look(peer: BareJid, slots: readonly Slot[], { archive, signal }: Connection): Promise<void> {
    const { account, ledger, rows } = this.#d;
    if (slots.length === 0) return;
    const anchor = Math.min(...slots.map((slot) => slot.anchor ?? Number.NEGATIVE_INFINITY));
    const found = await this.#turns.run("archive", () => findArchived({
      archive, account, peer, wanted: new Set(slots.map(({ id }) => id)), anchor: Number.isFinite(anchor) ? anchor : undefined, signal,
    }));
    if (found.size > 0) await ledger.run(async (tx) => { for (const [id, stanzaId] of found) await rows.archived(tx, id, stanzaId); });
    for (const slot of slots) if (isUnclear(slot) && found.has(slot.id)) slot.whereabouts = { kind: "confirmed" };
  }
}

const isUnclear = ({ whereabouts }: Slot): boolean => whereabouts.kind === "unclear";

/** @throws TransportError if `signal` aborts */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      cancel();
      reject(new TransportError("ERR_STREAM_CLOSED", "the stream has ended", { retryable: true }));
    };
    const cancel = clock.schedule(ms, () => {
      signal.removeEventListener("abort", over);
      resolve();
    });
    if (signal.aborted) over();
    else signal.addEventListener("abort", over, { once: true });
  });
}
