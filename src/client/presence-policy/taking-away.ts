/**
 * A policy on its way out: while it is put out of force, what should be is not what the rules say; and one that was taken away without a connection holds
 * until there is one.
 * Threats V01. Not here: the order of it (loosening.ts), the store and what happens if a step fails (policy-announcer.ts).
 * @module
 */
import type { Ruling } from "./circumstances.js";

/** See the module. */
export class TakingAway {
  /** The policy that was taken away, and holds. */
  former: Ruling | undefined;
  #work: Promise<void> | undefined;

  /** While it is being put out of force; resolves when that is over. */
  get underWay(): Promise<void> | undefined {
    return this.#work;
  }

  /** `failed` is called when it is over in vain, before whoever waits for that goes on. @throws what `work` throws */
  async run(work: () => Promise<void>, failed: () => unknown): Promise<void> {
    let done: () => void = () => undefined;
    this.#work = new Promise<void>((resolve) => { done = resolve; });
    try {
      await work();
      this.former = undefined;
    } catch (error) {
      this.#work = undefined;
      await failed();
      throw error;
    } finally {
      this.#work = undefined;
      done();
    }
  }
}
