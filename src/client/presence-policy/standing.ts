/**
 * How a policy stands, who waits for it, and when a step that failed is tried again.
 * Threats V01, V02. Not here: what stands (policy-announcer.ts).
 * @module
 */
import type { Clock } from "../../base/clock.js";
import { ObservableValue } from "../../base/events.js";
import { policyRetryMs, policyRetryMsMax } from "../../base/limits.js";
import { sameData } from "../../base/same-data.js";
import type { AnySottoError } from "../errors.js";
import type { PolicyLoss, PolicyState } from "./types.js";

export interface StandingDeps {
  readonly clock: Clock;
  readonly emit: (event: { readonly kind: "presence-policy"; readonly state: PolicyState }) => void;
}

/** See the module. */
export class PolicyStanding {
  readonly state: ObservableValue<PolicyState> = new ObservableValue<PolicyState>({ kind: "none" });
  readonly #d: StandingDeps;
  readonly #waiters: (() => void)[] = [];
  #cancelRetry: (() => void) | undefined;
  #retries = 0;

  constructor(deps: StandingDeps) {
    this.#d = deps;
  }

  /** Says how it stands; what was said last is not said again, failures apart. */
  tell(state: PolicyState): void {
    const before = this.state.getSnapshot();
    if (before.kind === state.kind && (state.kind === "refused" || (state.kind !== "failed" && sameData(before, state)))) return;
    this.state.set(state);
    this.#d.emit({ kind: "presence-policy", state });
  }

  /** Everything asked for is done. */
  settled(losses: readonly PolicyLoss[]): void {
    this.#retries = 0;
    this.tell({ kind: "in-force", losses });
    this.wake();
  }

  /** Calls `again` after a pause that doubles each time. */
  failed(error: AnySottoError, again: () => void): void {
    const delay = Math.min(policyRetryMsMax, policyRetryMs * 2 ** this.#retries);
    this.tell({ kind: "failed", error });
    this.cancelRetry();
    this.#cancelRetry = this.#d.clock.schedule(delay, () => {
      this.#retries++;
      again();
    });
    this.wake();
  }

  cancelRetry(): void {
    this.#cancelRetry?.();
  }

  /** Resolves when it stands in another way, or no longer can. */
  change(): Promise<void> {
    return new Promise((resolve) => { this.#waiters.push(resolve); });
  }

  /** Nobody has to wait any more. */
  wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
