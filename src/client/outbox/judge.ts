/**
 * What a new stream proves about messages that were written on an earlier one.
 * Spec: XEP-0198 section 5; docs/decisions/0006-outbox.md. Threats Q02, Q03.
 * @module
 */
import type { SessionStart } from "../../transport/connection/stream.js";
import type { Slot } from "./slots.js";

/**
 * `epoch` is the number of the stream's session; `recalled` how far the numbers of ours were handled when others got them.
 * Returns what is proven to be with the server; what is not is `unclear` from now on. Also on a session that goes on: a server may have read more
 * than it counts when it answers - ejabberd's old connection works off what it has read while the new one already knows `h`.
 */
export function judge(slots: Iterable<Slot>, start: SessionStart, epoch: number, recalled?: number): readonly Slot[] {
  const resumed = start.kind === "resumed";
  const handled = recalled ?? (resumed ? start.handled : start.former?.handled ?? -1);
  const counted = resumed ? epoch : epoch - 1; // the session that `handled` is of
  const confirmed: Slot[] = [];
  for (const slot of slots) {
    const { whereabouts } = slot;
    if (whereabouts.kind !== "written") continue;
    const covered = whereabouts.epoch === counted && whereabouts.sequence <= handled;
    slot.whereabouts = { kind: covered ? "confirmed" : "unclear" };
    if (covered) confirmed.push(slot);
  }
  return confirmed;
}
