/**
 * What the policy says at this moment: the rules as the store keeps them, under the circumstances, and when they may say something else by themselves.
 * Threats V01. Not here: the form in the store (policy-row.ts), what follows for each contact (compile.ts), bringing it into force (policy-announcer.ts).
 * @module
 */
import type { BareJid } from "../../base/jid.js";
import { PolicyCircumstances, type Ruling } from "./circumstances.js";
import type { PolicyDeps } from "./policy-deps.js";
import { policyKey } from "./policy-key.js";
import { encodePolicy, type StoredPolicy } from "./policy-row.js";

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
  readonly #d: PolicyDeps;
  readonly #listeners: PolicyNowListeners;
  #stored: StoredPolicy | undefined;
  /** Which choices of the rules counted when it was looked last. */
  #chosen = "";
  #cancelTimer: (() => void) | undefined;
  #ended = false;

  constructor(deps: PolicyDeps, stored: StoredPolicy | undefined, listeners: PolicyNowListeners) {
    this.#d = deps;
    this.#listeners = listeners;
    this.#stored = stored;
    this.circumstances = new PolicyCircumstances(deps);
    if (stored !== undefined) this.#chosen = this.circumstances.chosen(stored);
    this.schedule();
  }

  /** The policy as it is kept. */
  get stored(): StoredPolicy | undefined {
    return this.#stored;
  }

  /** Durable when it resolves. */
  async keep(stored: StoredPolicy): Promise<void> {
    const before = this.#stored?.book;
    await this.#write(stored);
    if (stored.book !== before) this.#chosen = this.circumstances.chosen(stored);
    this.schedule(); // its time passes also while there is no stream
  }

  /** Who may hold presence of ours if the process dies now. */
  async remember(ghosts: readonly BareJid[]): Promise<void> {
    if (this.#stored === undefined) return;
    if (ghosts.length + this.#stored.ghosts.length > 0) await this.#write({ ...this.#stored, ghosts });
  }

  /** It is gone from the store. */
  forget(): void {
    this.#stored = undefined;
    this.#listeners.kept();
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
    const delayMs = this.#stored === undefined || this.#ended ? undefined : this.circumstances.dueInMs(this.#stored);
    if (delayMs !== undefined) this.#cancelTimer = this.#d.clock.schedule(delayMs, this.#listeners.due);
  }

  /** Nothing is due any more. */
  end(): void {
    this.#ended = true;
    this.#cancelTimer?.();
  }

  async #write(stored: StoredPolicy): Promise<void> {
    const before = this.#stored;
    this.#stored = stored; // whoever keeps something at the same time builds on it
    this.#listeners.kept();
    try {
      await this.#d.ledger.run((tx) => { tx.put(policyKey, encodePolicy(stored)); });
    } catch (error) {
      if (this.#stored === stored) this.#stored = before;
      this.#listeners.kept();
      throw error;
    }
  }
}
