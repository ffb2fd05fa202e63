/**
 * What memory holds of the outbox: a few numbers per entry, the order per conversation, and the bounds (threats Q15, H06). Texts and
 * sealed bytes stay in the store until they are due.
 * Not here: rows (sender.ts and its parts write them), the room for receipts and markers (automatic.ts).
 * @module
 */
import { Emitter } from "../../base/events.js";
import type { BareJid } from "../../base/jid.js";
import type { XmlElement } from "../../base/xml.js";
import { ClientError } from "../errors.js";
import { AutomaticRoom, type Kind } from "./automatic.js";
import type { Protection, Purpose } from "./entry.js";

/** The user's messages that may wait; more is the application's to hold back. */
export const outboxEntriesMax = 10_000;
/** Bytes of content that may wait. */
export const outboxBytesMax: number = 64 * 1024 * 1024;

/** Bytes of content and stanzas that memory keeps as well, for messages that leave within moments. */
const keptBytesMax = 256 * 1024;

/** What is known of where an entry's bytes are. */
export type Whereabouts =
  /** Never given to a socket, or known not to have been taken by the server. */
  | { readonly kind: "here" }
  /** Written on session `epoch` under `sequence`; the server has not confirmed it. */
  | { readonly kind: "written"; readonly epoch: number; readonly sequence: number }
  /** Confirmed; its row leaves with the next commit. */
  | { readonly kind: "confirmed" }
  /** Perhaps with the server: only the archive can tell (threats Q03). */
  | { readonly kind: "unclear" };

/** One waiting entry. */
export interface Slot {
  readonly seq: number;
  readonly id: string;
  readonly to: BareJid;
  readonly protection: Protection;
  readonly purpose: Purpose;
  readonly position: number | undefined;
  bytes: number;
  anchor: number | undefined;
  sealed: boolean;
  whereabouts: Whereabouts;
  /** What goes inside, while memory keeps it; the store has it in any case. */
  content?: readonly XmlElement[] | undefined;
  /** The final stanza, while memory keeps it. */
  stanza?: XmlElement | undefined;
  /** Bytes that count for what memory keeps of it. */
  kept: number;
  /** How often in a row the stream was ended by the server while this entry was unconfirmed (threats Q13). */
  kills: number;
}

/** An entry that memory keeps nothing else of yet. */
export type NewSlot = Omit<Slot, "content" | "stanza" | "kept" | "kills">;

/** One conversation's entries in order. */
export class Lane {
  readonly to: BareJid;
  readonly slots: Map<number, Slot> = new Map();
  running = false;
  again = false;
  /** Attempts in a row that have to be made again later. */
  failures = 0;
  /** Cancels the timer of the next attempt. */
  wake: (() => void) | undefined;

  constructor(to: BareJid) {
    this.to = to;
  }
}

/** All waiting entries. */
export class Slots {
  /** Their number has changed. */
  readonly counted: Emitter<undefined> = new Emitter();
  readonly #byId = new Map<string, Slot>();
  readonly #lanes = new Map<BareJid, Lane>();
  readonly #automatic: AutomaticRoom<Slot> = new AutomaticRoom();
  /** Of the user's messages. */
  #count = 0;
  #bytes = 0;
  #lastSeq = 0;
  #keptBytes = 0;

  /** The next place in the order. To be taken inside the work that stores the entry: the order is that of the commits. */
  nextSeq(): number {
    return ++this.#lastSeq;
  }

  /** The highest place given out. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Places up to `seq` are taken. */
  reach(seq: number): void {
    this.#lastSeq = Math.max(this.#lastSeq, seq);
  }

  /** Entries accepted and not yet gone. */
  get count(): number {
    return this.#count + this.#automatic.entries;
  }

  /** Makes room for a message of `bytes`. @throws ClientError `ERR_OUTBOX_FULL` */
  reserve(bytes: number): void {
    const details = { waiting: this.#count, bytes: this.#bytes };
    if (this.#count >= outboxEntriesMax || this.#bytes + bytes > outboxBytesMax) {
      throw new ClientError("ERR_OUTBOX_FULL", "too many messages wait to be sent", { retryable: true, details });
    }
    this.#count += 1;
    this.#bytes += bytes;
    this.counted.emit(undefined);
  }

  /** Gives back what {@link Slots.reserve} took, for an entry that was never stored. */
  release(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    this.counted.emit(undefined);
  }

  /** Makes room for a receipt or marker, beside that for messages. False if there is none. */
  reserveAutomatic(to: BareJid, bytes: number): boolean {
    const taken = this.#automatic.take(to, 1, bytes);
    if (taken) this.counted.emit(undefined);
    return taken;
  }

  /** Gives back what {@link Slots.reserveAutomatic} took. */
  releaseAutomatic(to: BareJid, bytes: number): void {
    this.#automatic.add(to, -1, -bytes);
    this.counted.emit(undefined);
  }

  /** How many receipts and markers wait for `to`. */
  automaticFor(to: BareJid): number {
    return this.#automatic.waitingFor(to);
  }

  /** The receipt or marker of a kind that was stored last, if it is not gone. */
  newestOf(kind: Kind): Slot | undefined {
    return this.#automatic.newest(kind);
  }

  /** A receipt or marker gets `bytes` more. False if there is no room; less is always possible. */
  resize(slot: Slot, bytes: number): boolean {
    if (bytes > 0 && !this.#automatic.take(slot.to, 0, bytes)) return false;
    if (bytes <= 0) this.#automatic.add(slot.to, 0, bytes);
    slot.bytes += bytes;
    return true;
  }

  /** An entry of an earlier run. It counts, whatever the bounds are now. */
  restore(entry: NewSlot): void {
    if (entry.purpose === "message") {
      this.#count += 1;
      this.#bytes += entry.bytes;
    } else this.#automatic.add(entry.to, 1, entry.bytes);
    this.reach(entry.seq);
    this.add(this.stage(entry));
  }

  /** The entry is being written: from now on it can be found, but it does not wait to leave yet. */
  stage(entry: NewSlot): Slot {
    const slot = { kept: 0, kills: 0, ...entry }; // the other way round V8 gives each a hidden class of its own, larger than the slot
    this.#byId.set(slot.id, slot);
    if (slot.purpose !== "message") this.#automatic.note(slot);
    return slot;
  }

  /** Its commit did not happen. */
  unstage(slot: Slot): void {
    this.#byId.delete(slot.id);
    this.#automatic.forget(slot);
  }

  /** After the commit that stored it: it waits to leave. `content` is kept if there is room. */
  add(slot: Slot, content?: readonly XmlElement[]): Lane {
    if (content !== undefined && this.#keep(slot, slot.bytes)) slot.content = content;
    let lane = this.#lanes.get(slot.to);
    if (lane === undefined) this.#lanes.set(slot.to, lane = new Lane(slot.to));
    lane.slots.set(slot.seq, slot);
    return lane;
  }

  /** After the commit that sealed it: the stanza is kept in place of the content, if there is room. */
  keepStanza(slot: Slot, stanza: XmlElement, bytes: number): void {
    this.drop(slot);
    if (this.#keep(slot, bytes)) slot.stanza = stanza;
  }

  /** What memory keeps of it is needed no more. */
  drop(slot: Slot): void {
    this.#keptBytes -= slot.kept;
    slot.kept = 0;
    slot.content = undefined;
    slot.stanza = undefined;
  }

  #keep(slot: Slot, bytes: number): boolean {
    if (this.#keptBytes + bytes > keptBytesMax) return false;
    this.#keptBytes += bytes;
    slot.kept = bytes;
    return true;
  }

  /** After the commit that removed it. */
  remove(slot: Slot): void {
    const lane = this.#lanes.get(slot.to);
    if (lane?.slots.delete(slot.seq) !== true) return;
    this.#byId.delete(slot.id);
    this.#automatic.forget(slot);
    this.drop(slot);
    if (slot.purpose === "message") this.release(slot.bytes);
    else this.releaseAutomatic(slot.to, slot.bytes);
    if (!lane.running) this.retire(lane);
  }

  /** A lane that came to its end: nothing is left to be tried again. */
  retire(lane: Lane): void {
    if (lane.slots.size > 0 || this.#lanes.get(lane.to) !== lane) return;
    lane.wake?.();
    this.#lanes.delete(lane.to);
  }

  find(id: string): Slot | undefined {
    return this.#byId.get(id);
  }

  lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  *all(): Iterable<Slot> {
    for (const lane of this.#lanes.values()) yield* lane.slots.values();
  }
}
