/**
 * What a new stream proves about messages that were written on an earlier one.
 * Spec: XEP-0198 section 5; design section 3. Threats Q02, Q03.
 * @module
 */
import type { SessionStart } from "../../transport/connection/stream.js";
import type { Slot } from "./slots.js";

/**
 * For a stream that does not go on with this process's own session. `epoch` is the number of the stream's session. Returns what is
 * proven to be with the server; what is not proven either way is `unclear` from now on.
 */
export function judge(slots: Iterable<Slot>, start: SessionStart, epoch: number): readonly Slot[] {
  const resumed = start.kind === "resumed";
  const handled = resumed ? start.handled : (start.former?.handled ?? -1);
  const counted = resumed ? epoch : epoch - 1; // the session that `handled` is of
  const confirmed: Slot[] = [];
  for (const slot of slots) {
    const { whereabouts } = slot;
    if (whereabouts.kind !== "written") continue;
    const covered = whereabouts.epoch === counted && whereabouts.sequence <= handled;
    // A session that was taken up again counts exactly; after one that was refused only the archive knows.
    const kind = covered ? "confirmed" : resumed && whereabouts.epoch === epoch ? "here" : "unclear";
    slot.whereabouts = { kind };
    if (covered) confirmed.push(slot);
  }
  return confirmed;
}
