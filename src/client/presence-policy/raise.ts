/**
 * The raise: what is more than the broadcast is directed to everybody who sees less than he should, behind the switch of each plan, and again to whoever
 * comes after it.
 * Spec: RFC 6121 section 4.6. Threats V01. Not here: its place in a plan (plan.ts), who comes when (machine.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { looksAlike } from "./levels.js";
import type { MachineMemory } from "./memory.js";
import type { Step } from "./plan.js";

/** True behind the `raise` of a plan: the list is switched and the broadcast stands. */
export function isRaised({ failed, steps, waiting }: MachineMemory): boolean {
  return !failed && !steps.some(({ kind }) => kind === "raise") && waiting?.kind !== "activate";
}

/** What is to be said to everybody who sees less than he should, or to one of them. */
export function raises({ goal, now, online, shown }: MachineMemory, only?: BareJid): readonly Step[] {
  const steps: Step[] = [];
  for (const to of only === undefined ? goal.visible.keys() : [only]) {
    const content = goal.visible.get(to);
    if (content === undefined || !now.reach.has(to) || looksAlike(shown.to(to, now), content)) continue;
    // Who has left may have come back with what was on its way to him: less is always said.
    if (!online.has(to) && !goal.blind.has(to) && !shown.exceeds(to, content, now)) continue;
    steps.push({ kind: "direct", to, content });
  }
  return steps;
}
