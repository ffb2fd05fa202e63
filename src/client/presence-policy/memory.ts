/**
 * What the machine knows of one session, as plain data that the checker copies, and what becomes of it: a step was done, nothing is certain any
 * more. Pure bookkeeping: no step is chosen here.
 * Spec: RFC 6121 section 4, XEP-0016. Threats V01. Not here: which step comes next (machine.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Situation, Step, Target } from "./plan.js";
import { Shown } from "./shown.js";

/** Everything that a machine knows. */
export interface MachineMemory {
  now: Situation;
  /** What the steps lead to. */
  goal: Target;
  /** What was asked for last. */
  wanted: Target;
  steps: readonly Step[];
  waiting: Step | undefined;
  failed: boolean;
  readonly shown: Shown;
  /** Who is there, or may be. */
  readonly online: Set<BareJid>;
  /** Lists of ours that are or were in force, and that somebody else may have written: it is being asked what they hold. */
  readonly doubted: Set<string>;
  /** True if the plan under way begins anew because of a list that was found changed: once, and then it is a failure. */
  again: boolean;
  /** Told `unavailable` by the plan under way. */
  readonly retracted: Set<BareJid>;
  /** Came back after that, before the list had shut them out. */
  readonly raced: Set<BareJid>;
  /** How many list names were given out. */
  names: number;
}

/** What is known before a session that is to reach `target`: nothing of ours stands. */
export function emptyMemory(target: Target): MachineMemory {
  const now: Situation = {
    list: undefined, rules: undefined, reach: new Set(), broadcast: undefined, certain: true, ghosts: new Set(), former: undefined, lists: [], upgraded: new Set(),
  };
  return {
    now, goal: target, wanted: target, steps: [], waiting: undefined, failed: false, again: false,
    shown: new Shown(), online: new Set(), doubted: new Set(), retracted: new Set(), raced: new Set(), names: 0,
  };
}

/** `steps` were done: whoever was told by them that we are gone is no ghost any more. Behind {@link settle}, once for all of them: there may be thousands. */
export function lay(memory: MachineMemory, steps: readonly Step[]): void {
  const { ghosts } = memory.now;
  const told = new Set(steps.flatMap((step) => (step.kind === "retract" && ghosts.has(step.to) ? [step.to] : [])));
  if (told.size > 0) memory.now = { ...memory.now, ghosts: new Set([...ghosts].filter((jid) => !told.has(jid))) };
}

/** `step` was done. */
export function settle(memory: MachineMemory, step: Step): void {
  const { now, shown, retracted } = memory;
  switch (step.kind) {
    case "put":
      memory.now = { ...now, lists: [...now.lists, step.name] };
      break;
    case "remove":
      memory.now = { ...now, lists: now.lists.filter((name) => name !== step.name) };
      break;
    case "activate":
      aim(memory, step.reach);
      // With nothing broadcast nobody can have slipped through.
      memory.now = { ...memory.now, list: step.name, rules: step.rules, certain: now.certain || (step.rules !== undefined && now.broadcast === undefined) };
      break;
    case "aim":
      aim(memory, step.reach);
      break;
    case "broadcast":
      memory.now = { ...now, broadcast: step.content };
      shown.clear();
      break;
    case "direct":
      shown.direct(step.to, step.content);
      break;
    case "retract":
      shown.direct(step.to, undefined);
      retracted.add(step.to); // no ghost any more: see lay
      break;
    default: // nothing that anybody sees
  }
}

/** Nobody is told that a list lets him through. */
function aim(memory: MachineMemory, reach: ReadonlySet<BareJid>): void {
  const { now, shown } = memory;
  for (const jid of reach) if (!now.reach.has(jid)) shown.direct(jid, undefined);
  memory.now = { ...now, reach };
}

/** Nothing is certain any more: whoever was retracted may have come back. `step`: not known whether it was done. */
export function interrupt(memory: MachineMemory, step: Step | undefined): void {
  const { now, retracted, doubted } = memory;
  Object.assign(memory, { now: { ...now, certain: false, ghosts: new Set([...now.ghosts, ...retracted]) }, steps: [], waiting: undefined });
  // What is in force lets the `unavailable` through to whoever saw us through it. What is not in force any more does not.
  if ([...doubted].some((name) => name !== now.list || step?.kind === "activate")) expose(memory);
  retracted.clear();
  doubted.clear();
}

/** Everybody may have been answered, and by now a list may shut them out. No list of ours is sure to reach them. */
export function expose(memory: MachineMemory): void {
  const { now, goal, wanted } = memory;
  memory.now = { ...now, ghosts: new Set([...now.ghosts, ...goal.hidden, ...wanted.hidden]), former: undefined };
}
