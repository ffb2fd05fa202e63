/**
 * Runs plans: what was asked for, what the server answered and who logged in go in, the next steps come out. Synchronous and without any input or
 * output of its own, so that the checker (test/simulation/presence) explores the very same code that talks to servers.
 * Spec: RFC 6121 section 4, XEP-0016. Threats V01. Not here: the order within a plan (plan.ts), what a step that was done means (memory.ts), who is
 * directed what (raise.ts), stanzas and answers (session.ts), the store (policy-now.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { PrivacyRule } from "../../transport/xep/xep0016.js";
import type { Visible } from "./levels.js";
import { expose, interrupt, lay, type MachineMemory, settle } from "./memory.js";
import { isAnswered, plan, type Planner, retract, silence, type Situation, type Step, type Target } from "./plan.js";
import { isRaised, raises } from "./raise.js";

/** How the machine stands. `failed`: the server refused a step; nobody is shown more than the target allows, perhaps less. */
export type MachineState = "settled" | "running" | "failed";

/**
 * What became of a step. `refused`: the server certainly did not do it; `changed`: it did, and a list of ours that counts was removed or written
 * over by somebody else.
 */
export type Outcome = "done" | "refused" | "unknown" | "changed";

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

  /** The list that keeps back what is broadcast; `undefined`: none, or it is not certain anyway, and the plan under way makes up for it. */
  get reliedOn(): string | undefined {
    const { list, broadcast, certain } = this.#m.now;
    return certain && broadcast !== undefined ? list : undefined;
  }

  /** What `jid` is shown, as far as is known. */
  shownTo(jid: BareJid): Visible | undefined {
    return this.#m.shown.to(jid, this.#m.now);
  }

  /** A session begins. `stands`: what is known beside that no list of ours is in force and nothing was shown; `online`: who is there already. */
  begin(stands: Partial<Situation>, online: Iterable<BareJid> = []): readonly Step[] {
    this.#m.now = { ...this.#m.now, ...stands };
    for (const jid of online) this.#m.online.add(jid);
    return this.#start();
  }

  /** The same session on another connection. `lost`: steps of ours may not have arrived. */
  resume(lost: boolean): readonly Step[] {
    return lost || this.#m.waiting !== undefined || this.#m.doubted.size > 0 ? this.#disturbed() : [];
  }

  /** Somebody has written the list `name`. What it has to hold, if that has to be looked at: it is in force, or may be by now. */
  doubt(name: string): readonly PrivacyRule[] | undefined {
    const { now, waiting, doubted } = this.#m;
    const rules = name === now.list ? now.rules : waiting?.kind === "activate" && waiting.name === name ? waiting.rules : undefined;
    if (rules !== undefined) doubted.add(name);
    return rules;
  }

  /** What was found in a list that was {@link doubt}ed. `undefined`: everything goes on; otherwise answers to what is under way count no more. */
  compared(name: string, isOurs: boolean): readonly Step[] | undefined {
    if (!this.#m.doubted.has(name)) return undefined;
    if (!isOurs) return this.#disturbed();
    this.#m.doubted.delete(name);
    return undefined;
  }

  /** Another target. A plan under way is brought to its end first, and shows nobody anything on the way if nobody is to see anything. */
  want(target: Target): readonly Step[] {
    this.#m.wanted = target;
    if (this.#m.waiting === undefined) return this.#start();
    return target.broadcast === undefined && target.visible.size === 0 ? this.#hush() : [];
  }

  /** Tries again after a failure. */
  retry(): readonly Step[] {
    return this.state === "failed" ? this.#start() : [];
  }

  /** The server's answer to {@link waiting}. */
  answered(outcome: Outcome): readonly Step[] {
    const step = this.#m.waiting;
    this.#m.waiting = undefined;
    if (step === undefined) return [];
    if (outcome === "changed") return this.#changed(step);
    if (outcome !== "done" && step.kind !== "remove") return this.#fail(step, outcome);
    settle(this.#m, step);
    if (step.kind === "activate" && this.#m.raced.size > 0) {
      this.#m.now = { ...this.#m.now, certain: false, ghosts: new Set(this.#m.raced) };
      return this.#start();
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
    // Behind the switch the answer was the broadcast, or the broadcast came on top of it. Before it may have been nothing.
    if (isRaised(this.#m)) this.#m.shown.answered(jid, this.#m.now.broadcast);
    else this.#m.shown.doubt(jid);
    return this.#attend(jid);
  }

  /** `jid` is no longer blocked. Prosody answers with the broadcast, ejabberd with nothing, and neither says whether he is there. */
  unblocked(jid: BareJid): readonly Step[] {
    this.#m.online.add(jid);
    this.#m.shown.doubt(jid);
    return this.#attend(jid);
  }

  /** The last resource of `jid` has left. */
  unavailable(jid: BareJid): void {
    this.#m.online.delete(jid);
  }

  /** `jid` may hold something else by now. */
  #attend(jid: BareJid): readonly Step[] {
    this.suspect(jid);
    return isRaised(this.#m) ? this.#say(raises(this.#m, jid)) : [];
  }

  /** Presence leaves without waiting: it is done when it is said. */
  #say(steps: readonly Step[]): readonly Step[] {
    for (const step of steps) settle(this.#m, step);
    return steps;
  }

  #hush(): readonly Step[] {
    const { goal, steps, shown, now } = this.#m;
    const told = this.#say([...[...shown.singled].map(retract), ...(now.broadcast === undefined ? [] : [silence])]);
    Object.assign(this.#m, { goal: { ...goal, visible: new Map() }, steps: steps.filter((step) => step.kind !== "broadcast" || step.content === undefined) });
    return told;
  }

  /** Something is not as this machine left it: somebody changed our list, or steps were lost. */
  #disturbed(): readonly Step[] {
    interrupt(this.#m, this.#m.waiting);
    return this.#start();
  }

  /** `step` was done, and a list is not what it should be: the one in force is gone, or the one that was, or another one is in force. */
  #changed(step: Step): readonly Step[] {
    settle(this.#m, step);
    interrupt(this.#m, step);
    if (step.kind === "activate") expose(this.#m);
    if (this.#m.again) return this.#fail(step, "unknown");
    this.#m.again = true;
    return this.#start();
  }

  /** Plans the way to what is wanted, from what is known. */
  #start(): readonly Step[] {
    const { now, shown, wanted, retracted, raced } = this.#m;
    retracted.clear();
    raced.clear();
    const steps = this.#plan({ ...now, upgraded: shown.singled }, wanted, this.#listName(this.#m.names++));
    Object.assign(this.#m, { failed: false, goal: wanted, steps });
    return this.#run();
  }

  /** Up to the next step that has an answer. */
  #run(): readonly Step[] {
    const out: Step[] = [];
    const { steps } = this.#m;
    for (const [i, step] of steps.entries()) {
      if (step.kind === "raise") {
        out.push(...this.#say(raises(this.#m)));
        continue;
      }
      if (step.kind !== "aim") out.push(step);
      if (isAnswered(step)) {
        lay(this.#m, out);
        Object.assign(this.#m, { waiting: step, steps: steps.slice(i + 1) });
        // From here on the list in force may be the new one, and who was retracted is reached through this one only.
        if (step.kind === "activate" && this.#m.retracted.size > 0 && this.#m.now.certain) this.#m.now = { ...this.#m.now, former: this.#m.now.list };
        return out;
      }
      settle(this.#m, step);
    }
    this.#m.steps = [];
    if (this.#m.wanted !== this.#m.goal) return [...out, ...this.#start()];
    this.#m.again = false;
    return out;
  }

  /** Fails closed: if anybody may hold more than he should, we are gone for everybody. */
  #fail(step: Step, outcome: "refused" | "unknown"): readonly Step[] {
    const { now, shown, wanted } = this.#m;
    const doubtful = step.kind === "confirm" || outcome === "unknown";
    // A list that is not certain may let everybody through, and may not be replaced for as long as the server likes.
    const exceeds = doubtful || !now.certain || [...now.reach].some((jid) => shown.exceeds(jid, wanted.visible.get(jid), now));
    if (doubtful) interrupt(this.#m, step);
    // The way back to whom a list shut out is gone as well. With nothing in force they are reached, too, and nothing is broadcast then.
    if (step.kind === "activate" && step.name !== undefined && step.name === now.former) this.#m.now = { ...this.#m.now, former: undefined };
    Object.assign(this.#m, { failed: true, steps: [], goal: wanted });
    return now.broadcast === undefined || !exceeds ? [] : this.#say([silence]);
  }
}
