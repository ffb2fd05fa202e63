/**
 * What the policy says at this moment: the rules that are kept, under the circumstances, and when they may say something else by themselves.
 * Threats V01. Not here: what follows for each contact (compile.ts), bringing it into force (policy-announcer.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import type { Ledger } from "../../session/ledger.js";
import type { Availability } from "../presence/announcer.js";
import { type CircumstancesDeps, PolicyCircumstances, type Ruling } from "./circumstances.js";
import { KeptPolicy } from "./kept-policy.js";
import type { StoredPolicy } from "./policy-row.js";

export interface PolicyNowDeps extends CircumstancesDeps {
  readonly ledger: Ledger;
  readonly own: () => Availability;
}

export interface PolicyNowListeners {
  /** Another policy is kept, or none. */
  readonly kept: () => void;
  /** Time has passed, and it may say something else. */
  readonly due: () => void;
}

/** See the module. */
export class PolicyNow {
  /** What the rules are about. */
  readonly circumstances: PolicyCircumstances;
  readonly #d: PolicyNowDeps;
  readonly #kept: KeptPolicy;
  readonly #due: () => void;
  /** Which choices of the rules counted when it was looked last. */
  #chosen = "";
  #cancelTimer: (() => void) | undefined;
  #ended = false;

  constructor(deps: PolicyNowDeps, stored: StoredPolicy | undefined, { kept, due }: PolicyNowListeners) {
    this.#d = deps;
    this.#kept = new KeptPolicy(deps.ledger, stored, kept);
    this.circumstances = new PolicyCircumstances(deps, deps.own());
    this.#due = due;
    if (stored !== undefined) this.#chosen = this.circumstances.chosen(stored);
    this.schedule();
  }

  /** The policy as it is kept. */
  get stored(): StoredPolicy | undefined {
    return this.#kept.stored;
  }

  /** Durable when it resolves. */
  async keep(stored: StoredPolicy): Promise<void> {
    const before = this.stored?.book;
    await this.#kept.keep(stored);
    if (stored.book !== before) this.#chosen = this.circumstances.chosen(stored);
    this.schedule(); // its time passes also while there is no stream
  }

  /** Who may hold presence of ours if the process dies now. */
  remember(ghosts: readonly BareJid[]): Promise<void> {
    return this.#kept.remember(ghosts);
  }

  /** It is gone from the store. */
  forget(): void {
    this.#kept.forget();
    this.schedule();
  }

  /** Looks at the rules anew. True if other choices count than when it was looked last. */
  look(stored: Ruling): boolean {
    const before = this.#chosen;
    this.#chosen = this.circumstances.chosen(stored);
    this.schedule();
    return this.#chosen !== before;
  }

  /** From now on it is due when the circumstances, as they are, say so. */
  schedule(): void {
    this.#cancelTimer?.();
    const delayMs = this.stored === undefined || this.#ended ? undefined : this.circumstances.dueInMs(this.stored);
    if (delayMs !== undefined) this.#cancelTimer = this.#d.clock.schedule(delayMs, this.#due);
  }

  /** Nothing is due any more. */
  end(): void {
    this.#ended = true;
    this.#cancelTimer?.();
  }
}
