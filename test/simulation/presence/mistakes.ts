/** Mistakes that are planted, each of which the checker has to find. @module */
import { PolicyMachine } from "../../../src/client/presence-policy/machine.js";
import type { MachineMemory } from "../../../src/client/presence-policy/memory.js";
import { plan, type Planner, type Step, type Target } from "../../../src/client/presence-policy/plan.js";
import type { Scenario } from "./world.js";

const steps = (change: (steps: readonly Step[], target: Target) => readonly Step[]): Partial<Scenario> => ({
  planner: (now, target, name) => change(plan(now, target, name), target),
});
const machine = (make: (memory: MachineMemory, listName: (n: number) => string, planner: Planner) => PolicyMachine): Partial<Scenario> => ({ machine: make });
const isSwitch = ({ kind }: Step): boolean => kind === "activate";

/** By what was done wrong. */
export const mistakes: Readonly<Record<string, Partial<Scenario>>> = {
  "the list is switched before those it shuts out are told": steps((all) => {
    const retracts = all.filter(({ kind }) => kind === "retract");
    return all.flatMap((step) => (step.kind === "retract" ? [] : isSwitch(step) ? [step, ...retracts] : [step]));
  }),
  "nobody is told that he drops out": steps((all) => all.filter(({ kind }) => kind !== "retract")),
  "the broadcast is not lowered before the switch": steps((all) => {
    const at = all.findIndex(isSwitch);
    return all.filter((step, i) => !(step.kind === "broadcast" && step.content !== undefined && i < at));
  }),
  "the broadcast is raised before the switch": steps((all) => {
    const raise = all.findLast(({ kind }) => kind === "broadcast");
    if (raise === undefined || !all.some(isSwitch)) return all;
    return all.filter((step) => step !== raise).flatMap((step) => (isSwitch(step) ? [raise, step] : [step]));
  }),
  "contacts that do not tell when they come are treated like the others": {
    planner: (now, target, name) => plan(now, { ...target, blind: new Set() }, name),
  },
  "there is no pause in the broadcast where it is needed": steps((all) => all.filter((step) => !(step.kind === "broadcast" && step.content === undefined))),
  "nobody is directed more than the broadcast": steps((all) => all.filter(({ kind }) => kind !== "raise")),
  "the broadcast is what the first one may see": {
    planner: (now, target, name) => plan(now, { ...target, broadcast: target.broadcast === undefined ? undefined : [...target.visible.values()][0] ?? target.broadcast }, name),
  },
  "everybody is shown nothing": { planner: (now, target, name) => plan(now, { ...target, broadcast: undefined }, name) },
  "the former list is removed first": steps((all) => [...all.filter(({ kind }) => kind === "remove"), ...all.filter(({ kind }) => kind !== "remove")]),
  "the list is put in force before it is stored": steps((all) => [...all.filter(isSwitch), ...all.filter((step) => !isSwitch(step))]),
  "nothing is remembered for the case of a crash": steps((all) => all.filter(({ kind }) => kind !== "remember")),
  "who came between retraction and switch is not looked for": machine((memory, name, planner) => new class extends PolicyMachine {
    override answered(outcome: "done" | "refused" | "unknown"): readonly Step[] {
      memory.raced.clear();
      return super.answered(outcome);
    }
  }(memory, name, planner)),
  "what is more than the broadcast is not repeated when somebody comes": machine((memory, name, planner) => new class extends PolicyMachine {
    override available(): readonly Step[] { return []; }
  }(memory, name, planner)),
  "a refused step leaves everything as it is": machine((memory, name, planner) => new class extends PolicyMachine {
    override answered(outcome: "done" | "refused" | "unknown"): readonly Step[] {
      const next = super.answered(outcome === "refused" ? "done" : outcome);
      return next;
    }
  }(memory, name, planner)),
  "a lost step is not repeated": machine((memory, name, planner) => new class extends PolicyMachine {
    override resume(): readonly Step[] { return []; }
  }(memory, name, planner)),
};
