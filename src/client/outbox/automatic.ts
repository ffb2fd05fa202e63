/**
 * Room for what nobody has asked to send: receipts and markers. Whoever writes to us causes them, so that they have bounds of their own, per
 * addressee and in all, and none of the room for the user's messages (threats Q15, H06, L02). Beyond the bounds none is made.
 * Not here: the user's messages (slots.ts), what is put into one that waits already (rows.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Protection, Purpose } from "./entry.js";

/** Receipts and markers that may wait for one addressee, and bytes of them: more than are ever on the wire unconfirmed. */
export const automaticPerPeerMax: Tally = { entries: 1_000, bytes: 1024 * 1024 };
/** The same for all addressees together. */
export const automaticMax: Tally = { entries: 4_000, bytes: 8 * 1024 * 1024 };
/**
 * Characters of one entry into which further receipts are put: about a hundred ids of common length, and fewer than the 200 of the shortest that
 * recipients like us look at.
 */
export const gatheredCharsMax: number = 8 * 1024;
/** How many for one addressee may wait while each further one is sealed at once; beyond, they wait their turn, so that they can be gathered. */
export const hurriedMax = 64;

interface Tally {
  readonly entries: number;
  readonly bytes: number;
}

/** What one entry can be put into another of: nothing else differs from outside. */
export interface Kind {
  readonly to: BareJid;
  readonly protection: Protection;
  readonly purpose: Purpose;
}

const none: Tally = { entries: 0, bytes: 0 };
const sum = (a: Tally, b: Tally): Tally => ({ entries: a.entries + b.entries, bytes: a.bytes + b.bytes });
const exceeds = (tally: Tally, max: Tally): boolean => tally.entries > max.entries || tally.bytes > max.bytes;

/** Counts them, and knows the newest of each kind. */
export class AutomaticRoom<Slot extends Kind> {
  readonly #peers = new Map<BareJid, Tally>();
  readonly #newest = new Map<string, Slot>();
  #all = none;

  /** All that wait. */
  get entries(): number {
    return this.#all.entries;
  }

  /** How many wait for `to`. */
  waitingFor(to: BareJid): number {
    return this.#peers.get(to)?.entries ?? 0;
  }

  /** Takes room, if there is enough. @param entries 0 for one that grows */
  take(to: BareJid, entries: number, bytes: number): boolean {
    const more = { entries, bytes };
    if (exceeds(sum(this.#peers.get(to) ?? none, more), automaticPerPeerMax) || exceeds(sum(this.#all, more), automaticMax)) return false;
    this.add(to, entries, bytes);
    return true;
  }

  /** Takes room whatever the bounds say; less than nothing gives it back. */
  add(to: BareJid, entries: number, bytes: number): void {
    const more = { entries, bytes };
    const peer = sum(this.#peers.get(to) ?? none, more);
    if (peer.entries === 0) this.#peers.delete(to);
    else this.#peers.set(to, peer);
    this.#all = sum(this.#all, more);
  }

  /** `slot` is the newest of its kind. */
  note(slot: Slot): void {
    this.#newest.set(nameOf(slot), slot);
  }

  /** `slot` is gone. */
  forget(slot: Slot): void {
    if (this.#newest.get(nameOf(slot)) === slot) this.#newest.delete(nameOf(slot));
  }

  /** The newest of a kind, if it is there still. */
  newest(kind: Kind): Slot | undefined {
    return this.#newest.get(nameOf(kind));
  }
}

const nameOf = ({ to, protection, purpose }: Kind): string => `${purpose} ${protection} ${to}`;
