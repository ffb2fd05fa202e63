/**
 * Runs plans: what was asked for, what the server answered and who logged in go in, the next steps come out. Synchronous and without any input or
 * output of its own, so that the checker (test/simulation/presence) explores the very same code that talks to servers.
 * Spec: RFC 6121 section 4, XEP-0016. Threats V01. Not here: the order within a plan (plan.ts), streams and stores (policy-announcer.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { isWithin, looksAlike, type Visible } from "./levels.js";
import { plan, type Planner, type Situation, type Step, type Target } from "./plan.js";

/** How the machine stands. `failed`: the server refused a step; nobody is shown more than the target allows, perhaps less. */
export type MachineState = "settled" | "running" | "failed";

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
  /** What those see who do not see the broadcast; `undefined`: not known, or nothing. */
  readonly shown: Map<BareJid, Visible | undefined>;
  readonly online: Set<BareJid>;
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
    now: nothing([]), goal: target, wanted: target, steps: [], waiting: undefined, failed: false,
    shown: new Map(), online: new Set(), retracted: new Set(), raced: new Set(), names: 0,
  };
}

/** One session of one account. */
export class PolicyMachine {
  readonly #m: MachineMemory;
  readonly #listName: (n: number) => string;
  readonly #plan: Planner;

  /** `listName` gives a name that was never used for every number. */
  constructor(memory: MachineMemory, listName: (n: number) => string, planner: Planner = plan) {
    this.#m = memory;
    this.#listName = listName;
    this.#plan = planner;
  }

  get state(): MachineState {
    if (this.#m.waiting !== undefined || this.#m.wanted !== this.#m.goal) return "running";
    return this.#m.failed ? "failed" : "settled";
  }

  /** The step whose answer is waited for. */
  get waiting(): Step | undefined {
    return this.#m.waiting;
  }

  /** What the server holds, as far as is known. */
  get situation(): Situation {
    return this.#m.now;
  }

  /** What `jid` is shown, as far as is known. */
  shownTo(jid: BareJid): Visible | undefined {
    const { shown, now } = this.#m;
    return shown.has(jid) ? shown.get(jid) : now.reach.has(jid) ? now.broadcast : undefined;
  }

  /** A fresh session: no list is in force, nothing was shown. `ghosts`: who may hold presence of an earlier session; `lists`: left by it. */
  begin(target: Target, ghosts: ReadonlySet<BareJid>, lists: readonly string[]): readonly Step[] {
    this.#reset({ ...nothing(lists), ghosts });
    return this.#start(target);
  }

  /** A session in which presence of ours stands: `reach` is everybody who may hold it, `broadcast` what it is, if that is known. */
  takeOver(target: Target, stands: Pick<Situation, "reach" | "broadcast" | "ghosts" | "lists">, online: Iterable<BareJid>): readonly Step[] {
    this.#reset({ ...nothing(stands.lists), ...stands, certain: stands.broadcast !== undefined });
    for (const jid of online) this.#m.online.add(jid);
    return this.#start(target);
  }

  /** The same session on another connection. `lost`: steps of ours may not have arrived. */
  resume(lost: boolean): readonly Step[] {
    return lost || this.#m.waiting !== undefined ? this.disturbed() : [];
  }

  /** Something is not as this machine left it: another client changed our list, or steps were lost. */
  disturbed(): readonly Step[] {
    this.#interrupt();
    return this.#start(this.#m.wanted);
  }

  /** Another target. A plan under way is brought to its end first. */
  want(target: Target): readonly Step[] {
    this.#m.wanted = target;
    return this.#m.waiting === undefined ? this.#start(target) : [];
  }

  /** Tries again after a failure. */
  retry(): readonly Step[] {
    return this.state === "failed" ? this.#start(this.#m.wanted) : [];
  }

  /** The server's answer to {@link waiting}; `refused`: it certainly did not do it. */
  answered(outcome: "done" | "refused" | "unknown"): readonly Step[] {
    const step = this.#m.waiting;
    this.#m.waiting = undefined;
    if (step === undefined) return [];
    if (outcome !== "done" && step.kind !== "remove") return this.#fail(step, outcome);
    this.#settle(step);
    if (step.kind === "activate" && this.#m.raced.size > 0) {
      this.#m.now = { ...this.#m.now, certain: false, ghosts: new Set(this.#m.raced) };
      return this.#start(this.#m.wanted);
    }
    if (step.kind === "activate") this.#m.retracted.clear(); // whoever was told that we are gone knows nothing else
    return this.#run();
  }

  /** A resource of `jid` has come: the server answered it with the broadcast, if anything. */
  available(jid: BareJid): readonly Step[] {
    this.#m.online.add(jid);
    return this.regained(jid);
  }

  /** Something about `jid` has changed: it may have been answered with the broadcast since it was told that we are gone. */
  suspect(jid: BareJid): void {
    const { now, retracted, raced, waiting } = this.#m;
    if (retracted.has(jid) && waiting?.kind === "activate" && now.broadcast !== undefined) raced.add(jid);
  }

  /** `jid` may see us again, and the server has told it so: with the broadcast, if anything. */
  regained(jid: BareJid): readonly Step[] {
    this.suspect(jid);
    // Behind the switch the answer was the broadcast, or the broadcast came on top of it. Before it may have been nothing.
    if (this.#raised) this.#m.shown.delete(jid);
    else this.#m.shown.set(jid, undefined);
    return this.#raised ? this.#raise(jid) : [];
  }

  /** The last resource of `jid` has left. */
  unavailable(jid: BareJid): void {
    this.#m.online.delete(jid);
  }

  /** True behind the `raise` of a plan: the list is switched and the broadcast stands. */
  get #raised(): boolean {
    const { failed, steps, waiting } = this.#m;
    return !failed && !steps.some(({ kind }) => kind === "raise") && waiting?.kind !== "activate";
  }

  #reset(situation: Situation): void {
    const { shown, online, retracted, raced } = this.#m;
    Object.assign(this.#m, { now: situation, steps: [], waiting: undefined });
    for (const each of [shown, online, retracted, raced]) each.clear();
  }

  /** Nothing is certain any more: whoever was retracted may have come back. */
  #interrupt(): void {
    const { now, retracted } = this.#m;
    Object.assign(this.#m, { now: { ...now, certain: false, ghosts: new Set([...now.ghosts, ...retracted]) }, steps: [], waiting: undefined });
    retracted.clear();
  }

  #start(target: Target): readonly Step[] {
    const { now, retracted, raced } = this.#m;
    retracted.clear();
    raced.clear();
    const upgraded = new Set([...this.#m.shown].filter(([, content]) => content !== undefined).map(([jid]) => jid));
    const steps = this.#plan({ ...now, upgraded }, target, this.#listName(this.#m.names++));
    Object.assign(this.#m, { failed: false, goal: target, wanted: target, steps });
    return this.#run();
  }

  /** Up to the next step that has an answer. */
  #run(): readonly Step[] {
    const out: Step[] = [];
    for (;;) {
      const [step, ...rest] = this.#m.steps;
      this.#m.steps = rest;
      if (step === undefined) break;
      if (step.kind === "raise") {
        out.push(...this.#raise());
        continue;
      }
      if (step.kind !== "aim") out.push(step);
      if (isAnswered(step)) {
        this.#m.waiting = step;
        // From here on the list in force may be the new one, and who was retracted is reached through this one only.
        if (step.kind === "activate" && this.#m.retracted.size > 0 && this.#m.now.certain) this.#m.now = { ...this.#m.now, former: this.#m.now.list };
        return out;
      }
      this.#settle(step);
    }
    return this.#m.wanted === this.#m.goal ? out : [...out, ...this.#start(this.#m.wanted)];
  }

  /** `step` was done. */
  #settle(step: Step): void {
    const { now, shown, retracted } = this.#m;
    switch (step.kind) {
      case "put":
        this.#m.now = { ...now, lists: [...now.lists, step.name] };
        break;
      case "remove":
        this.#m.now = { ...now, lists: now.lists.filter((name) => name !== step.name) };
        break;
      case "activate":
        this.#aim(step.reach);
        // With nothing broadcast nobody can have slipped through.
        this.#m.now = { ...this.#m.now, list: step.name, rules: step.rules, certain: now.certain || (step.rules !== undefined && now.broadcast === undefined) };
        break;
      case "aim":
        this.#aim(step.reach);
        break;
      case "broadcast":
        this.#m.now = { ...now, broadcast: step.content };
        shown.clear();
        break;
      case "direct":
        shown.set(step.to, step.content);
        break;
      case "retract":
        shown.set(step.to, undefined);
        retracted.add(step.to);
        if (now.ghosts.has(step.to)) this.#m.now = { ...now, ghosts: new Set([...now.ghosts].filter((jid) => jid !== step.to)) };
        break;
      default: // nothing that anybody sees
    }
  }

  /** Nobody is told that a list lets him through. */
  #aim(reach: ReadonlySet<BareJid>): void {
    for (const jid of reach) if (!this.#m.now.reach.has(jid)) this.#m.shown.set(jid, undefined);
    this.#m.now = { ...this.#m.now, reach };
  }

  /** Fails closed: if anybody may hold more than he should, we are gone for everybody. */
  #fail(step: Step, outcome: "refused" | "unknown"): readonly Step[] {
    const { now, wanted } = this.#m;
    const doubtful = step.kind === "confirm" || outcome === "unknown";
    const exceeds = doubtful || [...now.reach].some((jid) => !within(this.shownTo(jid) ?? now.broadcast, wanted.visible.get(jid)));
    if (doubtful) this.#interrupt();
    Object.assign(this.#m, { failed: true, steps: [], goal: wanted });
    if (now.broadcast === undefined || !exceeds) return [];
    const silence: Step = { kind: "broadcast", content: undefined };
    this.#settle(silence);
    return [silence];
  }

  #raise(only?: BareJid): readonly Step[] {
    const { goal, now, online } = this.#m;
    const steps: Step[] = [];
    for (const to of only === undefined ? goal.visible.keys() : [only]) {
      const content = goal.visible.get(to);
      if (content === undefined || !now.reach.has(to) || !(online.has(to) || goal.blind.has(to)) || looksAlike(this.shownTo(to), content)) continue;
      const step: Step = { kind: "direct", to, content };
      this.#settle(step);
      steps.push(step);
    }
    return steps;
  }
}

/** True if the machine waits for the answer to such a step. */
export function isAnswered(step: Step): boolean {
  return step.kind === "remember" || step.kind === "put" || step.kind === "activate" || step.kind === "remove" || step.kind === "confirm";
}

function nothing(lists: readonly string[]): Situation {
  return {
    list: undefined, rules: undefined, reach: new Set(), broadcast: undefined, certain: true, ghosts: new Set(),
    former: undefined, lists, upgraded: new Set(),
  };
}

function within(content: Visible | undefined, limit: Visible | undefined): boolean {
  if (content === undefined) return true;
  if (limit === undefined || !isWithin(content.level, limit.level)) return false;
  return (content.statuses === undefined && content.idleSince === undefined) || looksAlike(content, limit);
}
