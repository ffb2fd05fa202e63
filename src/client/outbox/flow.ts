/**
 * From the outbox to the wire: each conversation's entries in order, sealed in batches, written, confirmed. What may be with the server
 * already is looked up in the archive before anything newer of that conversation is written.
 * Spec: design section 4; XEP-0198. Threats Q02-Q04, Q13, Q14.
 * Not here: rows (rows.ts), what a connection proves about what was written before (sender.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { type BareJid, domainOf } from "../../base/jid.js";
import { KeyedMutex } from "../../base/keyed-mutex.js";
import type { Rng } from "../../base/rng.js";
import { xml } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import type { Omemo } from "../../session/omemo.js";
import { StorageError } from "../../storage/errors.js";
import { TransportError } from "../../transport/errors.js";
import { type AnySottoError, asSottoError } from "../errors.js";
import type { Connection } from "../link.js";
import { retryDelay } from "./backoff.js";
import { killer, killsMax, type Blame } from "./blame.js";
import { decodeEntry, sealedStanza } from "./entry.js";
import type { Rows } from "./rows.js";
import { type Letter, sealBatch } from "./sealing.js";
import type { Lane, Slot, Slots } from "./slots.js";
import type { Trackers } from "./trackers.js";
import type { Window } from "./window.js";

/** Entries of one conversation that are sealed or read at a time, and bytes of them. */
const batchEntriesMax = 64;
const batchBytesMax = 1024 * 1024;

export interface FlowDeps {
  readonly account: BareJid;
  readonly ledger: Ledger;
  readonly omemo: Pick<Omemo, "prepare" | "seal">;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly slots: Slots;
  readonly window: Window;
  readonly rows: Rows;
  readonly trackers: Trackers;
  readonly blame: Blame;
  readonly sealingAllowed: (signal: AbortSignal) => Promise<void>;
  readonly onError: (error: AnySottoError) => void;
}

/** Runs while a connection is attached. */
export class Flow {
  readonly #d: FlowDeps;
  readonly #turns = new KeyedMutex<"archive" | "probe">();
  readonly #running = new Set<Promise<void>>();
  readonly #blocked = new Set<Lane>();
  #connection: Connection | undefined;

  constructor(deps: FlowDeps) {
    this.#d = deps;
  }

  /** Everything that waits may leave over `connection` from now on. */
  attach(connection: Connection): void {
    this.#connection = connection;
    for (const lane of this.#d.slots.lanes()) {
      lane.failures = 0;
      this.#wake(lane);
    }
  }

  detach(): void {
    this.#connection = undefined;
    this.#blocked.clear();
    for (const lane of this.#d.slots.lanes()) {
      lane.wake?.();
      lane.wake = undefined;
    }
  }

  /** Resolves when nothing runs; to be called after {@link detach}. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Something new waits in `lane`. */
  kick(lane: Lane): void {
    if (this.#connection === undefined || lane.wake !== undefined) return; // a timer runs: those before it are not through yet
    lane.again = true;
    if (lane.running) return;
    lane.running = true;
    const run = this.#drain(lane).finally(() => { this.#running.delete(run); });
    this.#running.add(run);
  }

  /** There is room in the window again. */
  unblock(): void {
    const lanes = [...this.#blocked];
    this.#blocked.clear();
    for (const lane of lanes) this.kick(lane);
  }

  #wake(lane: Lane): void {
    lane.wake?.();
    lane.wake = undefined;
    this.kick(lane);
  }

  async #drain(lane: Lane): Promise<void> {
    await Promise.resolve(); // what was stored in the same commit is in place by then
    while (lane.again && lane.wake === undefined) {
      lane.again = false;
      try {
        while (this.#connection !== undefined && await this.#step(lane, this.#connection));
      } catch (error) {
        this.#later(lane, asSottoError(error));
      }
    }
    lane.running = false;
    this.#d.slots.retire(lane);
  }

  /** One batch. False if nothing of this lane can be done now. */
  async #step(lane: Lane, connection: Connection): Promise<boolean> {
    const waiting = [...lane.slots.values()].filter(({ whereabouts: { kind } }) => kind === "here" || kind === "unclear");
    const unclear = waiting.filter(({ whereabouts }) => whereabouts.kind === "unclear");
    if (unclear.length > 0) {
      await this.#clear(lane, unclear, connection);
      return true;
    }
    const batch = nextBatch(waiting, this.#d.window.room);
    const [first] = batch;
    if (first === undefined) {
      if (waiting.length > 0) this.#blocked.add(lane);
      return false;
    }
    const letters = first.sealed ? await this.#read(batch) : await this.#seal(lane, batch, connection);
    if (letters === undefined || connection !== this.#connection) return false;
    // Another writer may have taken the store over since the commit; then these bytes are no longer ours to send.
    if (letters.length > 0 && !(await this.#d.ledger.owns())) throw new StorageError("ERR_STORE_FENCED", "the store has another owner");
    if (!(await this.#write(lane, letters, connection))) return false;
    if (lane.wake !== undefined) return false;
    lane.failures = 0;
    return true;
  }

  /** What the archive has is sent; the rest is here. @throws if that cannot be told */
  async #clear(lane: Lane, slots: readonly Slot[], connection: Connection): Promise<void> {
    const { account, ledger, rows } = this.#d;
    const { findArchived } = await import("./recovery.js");
    const anchors = slots.map(({ anchor }) => anchor ?? Number.NEGATIVE_INFINITY);
    const anchor = Math.min(...anchors);
    const found = await this.#turns.run("archive", () => findArchived({
      archive: connection.archive, account, peer: lane.to, wanted: new Set(slots.map(({ id }) => id)),
      anchor: Number.isFinite(anchor) ? anchor : undefined, signal: connection.signal,
    }));
    if (found.size > 0) await ledger.run(async (tx) => { for (const [id, stanzaId] of found) await rows.archived(tx, id, stanzaId); });
    for (const slot of slots) if (slot.whereabouts.kind === "unclear") slot.whereabouts = { kind: found.has(slot.id) ? "confirmed" : "here" };
  }

  async #read(batch: readonly Slot[]): Promise<readonly Letter[]> {
    const found = await this.#d.ledger.read((tx) => this.#d.rows.readAhead(tx, batch));
    return batch.flatMap((slot, i) => {
      const row = found[i];
      if (row === undefined) return [];
      const entry = decodeEntry(row);
      return [{ slot, stanza: sealedStanza(entry), bytes: entry.sealed?.length ?? 0 }];
    });
  }

  async #seal(lane: Lane, batch: readonly Slot[], connection: Connection): Promise<readonly Letter[] | undefined> {
    const { omemo, ledger, rows, trackers, sealingAllowed } = this.#d;
    const { signal } = connection;
    await sealingAllowed(signal);
    const plan = batch.some(({ protection }) => protection === "omemo") ? await omemo.prepare([lane.to], signal) : undefined;
    if (connection !== this.#connection) return undefined;
    const { letters, obstacle } = await ledger.run((tx) => sealBatch(tx, { rows, omemo }, batch, plan));
    if (obstacle !== undefined) {
      const { slot, error, report } = obstacle;
      trackers.get(slot.id)?.advance({ obstacle: error, report });
      this.#later(lane, error);
    }
    return letters;
  }

  /** False if the stream did not take all of them. */
  async #write(lane: Lane, letters: readonly Letter[], connection: Connection): Promise<boolean> {
    const { window, slots, blame, ledger, rows } = this.#d;
    for (const letter of letters) {
      const { slot } = letter;
      if (connection !== this.#connection || !connection.stream.isOpen) return false;
      if (slots.find(slot.id) !== slot || slot.whereabouts.kind !== "here") continue; // refused or found meanwhile
      if (window.room <= 0) {
        this.#blocked.add(lane);
        return false;
      }
      const refusal = slot.kills >= killsMax ? killer() : blame.isCareful ? await this.#probe(letter, connection) : this.#put(letter, connection);
      if (refusal !== undefined) await ledger.run((tx) => rows.fail(tx, slot.id, refusal));
    }
    return true;
  }

  /**
   * @returns why the stream will never take this one
   * @throws TransportError if it takes nothing any more
   */
  #put({ slot, stanza, bytes }: Letter, connection: Connection): AnySottoError | undefined {
    try {
      const { sequence, written } = connection.stream.sendTracked(stanza);
      written.catch(() => undefined); // the end of the stream tells the same
      this.#d.window.push(slot, sequence, bytes);
      return undefined;
    } catch (error) {
      if (error instanceof TransportError && error.retryable) throw error;
      return asSottoError(error);
    }
  }

  /** Writes one letter alone; it is through when the server answers what follows it (RFC 6120 section 10.1). */
  #probe(letter: Letter, connection: Connection): Promise<AnySottoError | undefined> {
    const { blame, account } = this.#d;
    return this.#turns.run("probe", async () => {
      if (connection !== this.#connection || !connection.stream.isOpen) throw new TransportError("ERR_STREAM_CLOSED", "the stream has ended", { retryable: true });
      const refusal = this.#put(letter, connection);
      if (refusal !== undefined) return refusal;
      blame.probing(letter.slot);
      try {
        await connection.iq.request({ type: "get", to: domainOf(account), payload: xml("urn:xmpp:ping", "ping"), signal: connection.signal });
      } catch (error) {
        // An error answer proves as much as a result; no answer proves nothing.
        if (!(error instanceof TransportError) || error.code !== "ERR_STANZA_ERROR") throw error;
      }
      blame.passed(letter.slot);
      return undefined;
    });
  }

  /** The lane tries again by itself, unless the next connection does. */
  #later(lane: Lane, error: AnySottoError): void {
    const { clock, rng, onError } = this.#d;
    if (this.#connection === undefined || this.#connection.signal.aborted) return;
    if (error instanceof StorageError) onError(error);
    else if (!error.retryable && !(error instanceof TransportError)) onError(error);
    lane.failures += 1;
    lane.wake = clock.schedule(retryDelay(rng, lane.failures), () => {
      lane.wake = undefined;
      this.kick(lane);
    });
  }
}

/** The entries that come next and are in the same state, as far as there is room. */
function nextBatch(waiting: readonly Slot[], room: number): readonly Slot[] {
  const batch: Slot[] = [];
  let bytes = 0;
  for (const slot of waiting) {
    if (batch.length >= Math.min(room, batchEntriesMax) || slot.sealed !== waiting[0]?.sealed) break;
    bytes += slot.bytes;
    if (bytes > batchBytesMax && batch.length > 0) break;
    batch.push(slot);
  }
  return batch;
}
