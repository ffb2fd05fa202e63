/**
 * From the outbox to the wire: each conversation's entries in order, sealed in batches, written, confirmed. What may be with the server
 * already is looked up in the archive before anything newer of that conversation is written.
 * Spec: docs/decisions/0006-outbox.md; XEP-0198. Threats Q02-Q04, Q13, Q14.
 * Not here: rows (rows.ts), what a connection proves about what was written before (sender.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import type { BareJid } from "../../base/jid.js";
import type { Rng } from "../../base/rng.js";
import type { XmlElement } from "../../base/xml.js";
import type { Ledger } from "../../session/ledger.js";
import type { Omemo } from "../../session/omemo.js";
import type { DeviceReport, SendPlan } from "../../session/outcome.js";
import type { Transaction } from "../../session/transaction.js";
import { StorageError } from "../../storage/errors.js";
import { TransportError } from "../../transport/errors.js";
import { isDamaged } from "../damaged.js";
import { type AnySottoError, asSottoError } from "../errors.js";
import type { Connection } from "../link.js";
import { retryDelay } from "./backoff.js";
import { nextBatch } from "./batch.js";
import type { Blame } from "./blame.js";
import { Clearing } from "./clearing.js";
import { unreadableEntry } from "./entry.js";
import type { Rows } from "./rows.js";
import { type ReadyEntry, readyEntry, sealBatch } from "./sealing.js";
import type { Lane, Slot, Slots } from "./slots.js";
import type { Trackers } from "./trackers.js";
import type { Window } from "./window.js";
import { Writer } from "./writer.js";

/** Entries that are taken out at a time. */
const barredAtOnceMax = 500;
/** Milliseconds for which a plan is as good as new, and how many are remembered. */
const planLifeMs = 5_000;
const plansMax = 64;

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
  /** Something cannot be read that messages are planned or sealed with: as part of `tx` it goes, or is written anew. */
  readonly mend: (tx: Transaction) => Promise<unknown>;
  readonly onError: (error: AnySottoError) => void;
}

/** Runs while a connection is attached. */
export class Flow {
  readonly #d: FlowDeps;
  readonly #writer: Writer;
  readonly #clearing: Clearing;
  readonly #running = new Set<Promise<void>>();
  readonly #blocked = new Set<Lane>();
  #connection: Connection | undefined;
  /** What was planned within moments, the newest last. */
  readonly #recent = new Map<BareJid, { readonly plan: SendPlan; readonly until: number }>();
  /** How often they were forgotten: what was being planned meanwhile is old as well. */
  #forgotten = 0;

  constructor(deps: FlowDeps) {
    this.#d = deps;
    this.#writer = new Writer(deps);
    this.#clearing = new Clearing(deps);
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
    this.forgetPlans();
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

  /**
   * Seals a message in the very commit that stores it where that can be done at once: if one to the same devices was sealed within
   * moments on this connection. One commit less on the way of every message of a busy conversation.
   */
  async sealAtOnce(tx: Transaction, slot: Slot, content: readonly XmlElement[]): Promise<void> {
    const { omemo, rows, window, clock } = this.#d;
    if (this.#connection === undefined) return;
    const recent = this.#recent.get(slot.to);
    const plan = recent === undefined || clock.monotonic() > recent.until ? undefined : recent.plan;
    if (slot.protection === "omemo" && plan === undefined) return;
    window.save(tx);
    await sealBatch(tx, { rows, omemo }, [slot], plan, content);
  }

  /** Devices or keys of somebody have changed: what was planned is planned anew. */
  forgetPlans(): void {
    this.#recent.clear();
    this.#forgotten += 1;
  }

  #remember(to: BareJid, plan: SendPlan): void {
    this.#recent.delete(to);
    this.#recent.set(to, { plan, until: this.#d.clock.monotonic() + planLifeMs });
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= plansMax) break;
      this.#recent.delete(oldest);
    }
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
      const connection = this.#connection;
      try {
        while (connection !== undefined && connection === this.#connection && await this.#step(lane, connection));
      } catch (error) {
        if (isDamaged(error)) await this.#d.ledger.run(this.#d.mend).catch((failed: unknown) => { this.#d.onError(asSottoError(failed)); });
        if (connection === this.#connection) this.#later(lane, asSottoError(error));
      }
    }
    lane.running = false;
    this.#d.slots.retire(lane);
  }

  /** One batch. False if nothing of this lane can be done now. */
  async #step(lane: Lane, connection: Connection): Promise<boolean> {
    const waiting = [...lane.slots.values()].filter(({ whereabouts: { kind } }) => kind === "here" || kind === "unclear");
    // Before anything is asked for them: what cannot be sealed would wait for ever, and nobody fetches keys of the blocked to tell them something.
    const barred = waiting.filter((slot) => this.#d.rows.isBarred(slot)).slice(0, barredAtOnceMax);
    if (barred.length > 0) {
      await this.#d.ledger.run((tx) => { this.#d.rows.takeOut(tx, barred); });
      return true;
    }
    const unclear = waiting.filter(({ whereabouts }) => whereabouts.kind === "unclear");
    if (unclear.length > 0) {
      await this.#clearing.clear(lane.to, unclear, connection);
      return true;
    }
    const batch = nextBatch(waiting, this.#d.window.room);
    const [first] = batch;
    if (first === undefined) {
      if (waiting.length > 0) this.#blocked.add(lane);
      return false;
    }
    const ready = first.sealed ? await this.#read(batch) : await this.#seal(lane, batch, connection);
    if (ready === undefined || connection !== this.#connection) return false;
    // Another writer may have taken the store over since the commit; then these bytes are no longer ours to send.
    if (ready.length > 0 && !(await this.#d.ledger.owns())) throw new StorageError("ERR_STORE_FENCED", "the store has another owner");
    const end = await this.#writer.write(ready, connection, () => connection === this.#connection);
    for (const { slot } of ready) if (slot.whereabouts.kind !== "here") this.#d.slots.drop(slot); // the store has it, should it have to be written again
    if (end === "full") this.#blocked.add(lane);
    if (end !== "written" || lane.wake !== undefined) return false;
    lane.failures = 0;
    return true;
  }

  async #read(batch: readonly Slot[]): Promise<readonly ReadyEntry[]> {
    const kept = batch.flatMap((slot) => (slot.stanza === undefined ? [] : [{ slot, stanza: slot.stanza, bytes: slot.kept }]));
    if (kept.length === batch.length) return kept;
    const { ledger, rows } = this.#d;
    const found = await ledger.read((tx) => rows.readAhead(tx, batch));
    const ready = batch.map((slot, i) => readyEntry(slot, found[i]));
    const damaged = batch.filter((_, i) => ready[i] === "damaged");
    if (damaged.length > 0) await ledger.run(async (tx) => { for (const { id } of damaged) await rows.fail(tx, id, unreadableEntry()); });
    return ready.filter((entry) => entry !== undefined && entry !== "damaged");
  }

  async #seal(lane: Lane, batch: readonly Slot[], connection: Connection): Promise<readonly ReadyEntry[] | undefined> {
    const { omemo, ledger, rows } = this.#d;
    const asOf = this.#forgotten;
    const plan = batch.some(({ protection }) => protection === "omemo") ? await omemo.prepare([lane.to], connection.signal) : undefined;
    if (connection !== this.#connection) return undefined;
    if (plan !== undefined && asOf === this.#forgotten) this.#remember(lane.to, plan);
    const { ready, obstacle } = await ledger.run((tx) => {
      this.#d.window.save(tx);
      return sealBatch(tx, { rows, omemo }, batch, plan);
    });
    if (obstacle !== undefined) this.#later(lane, obstacle.error, obstacle);
    return ready;
  }

  /** The lane tries again by itself, unless the next connection does. The handle of the message that it fails at says why. */
  #later(lane: Lane, error: AnySottoError, at: { readonly slot: Slot; readonly report?: readonly DeviceReport[] } | undefined = firstWaiting(lane)): void {
    const { clock, rng, onError, trackers } = this.#d;
    if (this.#connection === undefined || this.#connection.signal.aborted) return;
    if (error instanceof StorageError || (!error.retryable && !(error instanceof TransportError))) onError(error);
    if (at !== undefined) trackers.get(at.slot.id)?.advance({ obstacle: error, ...(at.report === undefined ? {} : { report: at.report }) });
    lane.failures += 1;
    lane.wake = clock.schedule(retryDelay(rng, lane.failures), () => {
      lane.wake = undefined;
      this.kick(lane);
    });
  }
}

function firstWaiting(lane: Lane): { readonly slot: Slot } | undefined {
  for (const slot of lane.slots.values()) if (slot.whereabouts.kind === "here" || slot.whereabouts.kind === "unclear") return { slot };
  return undefined;
}
