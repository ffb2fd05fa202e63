/**
 * What the machine knows of one session, as plain data: the checker copies it.
 * Threats V01. Not here: what becomes of it (knowledge.ts, machine.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Situation, Step, Target } from "./plan.js";
import type { Held } from "./shown.js";

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
  readonly shown: Map<BareJid, Held>;
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

/** What is known before the first session. */
export function emptyMemory(target: Target): MachineMemory {
  return {
    now: nothing([]), goal: target, wanted: target, steps: [], waiting: undefined, failed: false, again: false,
    shown: new Map(), online: new Set(), doubted: new Set(), retracted: new Set(), raced: new Set(), names: 0,
  };
}

/** Nothing of ours stands. */
export function nothing(lists: readonly string[]): Situation {
  return {
    list: undefined, rules: undefined, reach: new Set(), broadcast: undefined, certain: true, ghosts: new Set(),
    former: undefined, lists, upgraded: new Set(),
  };
}
