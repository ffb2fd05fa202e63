/**
 * How a policy stands: told as events and to whoever watches or waits for it; and when a step that failed is tried again.
 * Threats V01, V02. Not here: what makes it stand like this (policy-announcer.ts, session.ts), what the view says (current-policy.ts).
 * @module
 */
import { ObservableValue } from "../../base/events.js";
import { policyRetryMs, policyRetryMsMax } from "../../base/limits.js";
import { sameData } from "../../base/same-data.js";
import { type AnySottoError, asSottoError } from "../errors.js";
import { type CurrentPolicyDeps, CurrentPolicyView, lossesOf } from "./current-policy.js";
import type { MachineState } from "./machine.js";
import { unsupported } from "./policy-deps.js";
import type { PolicySession } from "./session.js";
import type { PolicyState } from "./types.js";

export interface StandingDeps extends CurrentPolicyDeps {
  readonly emit: (event: { readonly kind: "presence-policy"; readonly state: PolicyState }) => void;
  /** What failed is to be tried again. */
  readonly again: () => void;
  /** The session has come to rest. */
  readonly rested: () => void;
}

/** See the module. */
export class PolicyStanding {
  readonly state: ObservableValue<PolicyState> = new ObservableValue<PolicyState>({ kind: "none" });
  /** The policy as an application watches it. */
  readonly current: CurrentPolicyView;
  readonly #d: StandingDeps;
  readonly #waiters: (() => void)[] = [];
  /** How the session stood when it moved last. */
  #moment: MachineState | undefined;
  #failure: AnySottoError | undefined;
  #cancelRetry: (() => void) | undefined;
  #retries = 0;

  constructor(deps: StandingDeps) {
    this.#d = deps;
    this.current = new CurrentPolicyView(deps);
    this.state.subscribe(() => { this.current.touch(); });
  }

  /** Says how it stands; what was said last is not said again, failures apart. */
  tell(state: PolicyState): void {
    const before = this.state.getSnapshot();
    if (before.kind === state.kind && (state.kind === "refused" || (state.kind !== "failed" && sameData(before, state)))) return;
    this.state.set(state);
    this.#d.emit({ kind: "presence-policy", state });
  }

  /** The session did something; `error`: that failed. */
  moved({ state, hasLists, target }: Pick<PolicySession, "state" | "hasLists" | "target">, error: unknown): void {
    const wasAtRest = this.#moment === "settled";
    if (state !== this.#moment) this.current.touch();
    else if (state !== "running") this.current.soon(); // at rest, it moves only for somebody who comes
    this.#moment = state;
    if (error !== undefined) this.#failure = asSottoError(error);
    if (state === "failed") this.failed(this.#failure ?? unsupported());
    if (state !== "settled") return;
    this.#failure = undefined;
    this.#retries = 0;
    this.tell({ kind: "in-force", losses: lossesOf(hasLists, target) });
    if (!wasAtRest) this.#d.rested();
    this.wake();
  }

  /** Tried again after a pause that doubles each time. */
  failed(error: AnySottoError): void {
    const delay = Math.min(policyRetryMsMax, policyRetryMs * 2 ** this.#retries);
    this.tell({ kind: "failed", error });
    this.cancelRetry();
    this.#cancelRetry = this.#d.clock.schedule(delay, () => {
      this.#retries++;
      this.#d.again();
    });
    this.wake();
  }

  cancelRetry(): void {
    this.#cancelRetry?.();
  }

  /** The session is over, and comes to no rest any more. */
  sessionOver(): void {
    this.#moment = undefined;
    this.cancelRetry();
    this.wake();
  }

  /** Resolves when it stands in another way, or no longer can. */
  change(): Promise<void> {
    return new Promise((resolve) => { this.#waiters.push(resolve); });
  }

  /** Nobody has to wait any more. */
  wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Nothing happens by itself any more. */
  end(): void {
    this.cancelRetry();
    this.current.end();
  }
}
