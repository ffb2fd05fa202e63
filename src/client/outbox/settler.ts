/** Confirmed messages leave the outbox: all that were confirmed meanwhile in one commit. What fails is tried again. @module */
import type { Clock } from "../../base/clock.js";
import type { Rng } from "../../base/rng.js";
import type { Ledger } from "../../session/ledger.js";
import type { Transaction } from "../../session/transaction.js";
import { type AnySottoError, asSottoError } from "../errors.js";
import { retryDelay } from "./backoff.js";
import type { Slot } from "./slots.js";

/** Entries of one piece of work. */
const batchMax = 256;

export interface SettlerDeps {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly settle: (tx: Transaction, confirmed: readonly Slot[]) => Promise<void>;
  readonly onError: (error: AnySottoError) => void;
}

/** Works also while no stream is there. */
export class Settler {
  readonly #d: SettlerDeps;
  #waiting: Slot[] = [];
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #failures = 0;

  constructor(deps: SettlerDeps) {
    this.#d = deps;
  }

  add(confirmed: readonly Slot[]): void {
    if (confirmed.length === 0) return;
    this.#waiting.push(...confirmed);
    if (this.#wake === undefined) this.#start();
  }

  /** Ends the timer; resolves when nothing runs. What is left is settled by the next run. */
  async stop(): Promise<void> {
    await this.#running;
    this.#wake?.();
    this.#wake = undefined;
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // so that `#running` is set before it can end
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.slice(0, batchMax);
        await this.#d.ledger.run((tx) => this.#d.settle(tx, batch));
        this.#failures = 0;
        this.#waiting = this.#waiting.slice(batch.length);
      }
    } catch (error) {
      this.#tryLater(asSottoError(error));
    } finally {
      this.#running = undefined; // in this very turn: what is added behind it starts anew
    }
  }

  #tryLater(error: AnySottoError): void {
    const { clock, rng, onError } = this.#d;
    onError(error);
    this.#failures += 1;
    this.#wake = clock.schedule(retryDelay(rng, this.#failures), () => {
      this.#wake = undefined;
      this.#start();
    });
  }
}
