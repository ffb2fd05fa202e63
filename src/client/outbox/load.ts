/** The outbox as an earlier run left it, read row by row into the few numbers that memory keeps. @module */
import type { Store } from "../../session/ports.js";
import { passingBy, unlessDamaged } from "../damaged.js";
import { type AnySottoError, asSottoError } from "../errors.js";
import { invalidRecord } from "../json-record.js";
import type { Damage } from "../mending/orphans.js";
import { decodeEntry, outboxKey, outboxRange, storedNumber, suspectKey, writtenKey } from "./entry.js";
import { type NewSlot, Slots, type Whereabouts } from "./slots.js";
import { type StoredWindow, Window } from "./window.js";

const pageSize = 256;
/** Beyond any place that is ever given out. */
const placeMax = 2 ** 52;

/**
 * A row that cannot be read is reported, and what becomes of it is mending/orphans.ts; the others do not suffer (threats D13). Where nothing can be read of
 * what has left, whatever waits may have: the archive is asked.
 */
export async function loadSlots(store: Store, onError: (error: AnySottoError) => void): Promise<{ readonly slots: Slots; readonly damage: Damage }> {
  const slots = new Slots();
  const places: number[] = [];
  const tell = (error: unknown): void => { onError(asSottoError(error)); };
  const noted = await unlessDamaged(async () => {
    const [written, suspect] = await store.getMany([writtenKey, suspectKey]);
    return { window: Window.decode(written), suspectUpTo: suspectPlace(suspect) };
  }, tell);
  const { window, suspectUpTo } = noted === "damaged" ? { window: Window.decode(undefined), suspectUpTo: placeMax } : noted;
  if (noted !== "damaged") slots.reach(Math.max(suspectUpTo, ...window.sequences.keys())); // a place is not used again while something is noted about it
  for (let last = 0; ;) {
    const rows = await passingBy(
      ({ after, before, limit }) => store.list({ ...outboxRange, after: outboxKey(after), before: outboxKey(before), limit }),
      { first: last + 1, last: placeMax, limit: pageSize },
      (seq, error) => {
        slots.reach(seq);
        places.push(seq);
        tell(error);
      },
    );
    for (const { key, value } of rows) {
      last = Number.parseInt(key.slice(outboxRange.prefix.length), 16);
      slots.reach(last);
      try {
        slots.restore(slotOf(value, window, suspectUpTo));
      } catch (error) {
        places.push(last);
        tell(error);
      }
    }
    if (rows.length < pageSize) return { slots, damage: { places: places.sort((a, b) => a - b), isSuspect: places.some((seq) => seq <= suspectUpTo) } };
  }
}

/** @throws ClientError `ERR_RECORD_INVALID` */
function suspectPlace(row: Uint8Array | undefined): number {
  const place = row === undefined ? 0 : storedNumber(row);
  if (place === undefined) throw invalidRecord();
  return place;
}

function slotOf(row: Uint8Array, window: StoredWindow, suspectUpTo: number): NewSlot {
  const { seq, id, to, protection, purpose, position, anchor, sealed } = decodeEntry(row);
  const sequence = window.sequences.get(seq);
  const whereabouts: Whereabouts = seq <= suspectUpTo ? { kind: "unclear" }
    : sealed === undefined ? { kind: "here" }
    : sequence === undefined ? { kind: "unclear" } // perhaps written in the moment of the crash
    : { kind: "written", epoch: window.epoch, sequence };
  return { seq, id, to, protection, purpose, position, bytes: row.length, anchor, sealed: sealed !== undefined, whereabouts };
}
