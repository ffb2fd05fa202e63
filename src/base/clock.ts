/** Time as a dependency: injected, so that tests own it. @module */

/** Where time comes from. Deadlines never keep a process alive (threats N19); a wait for the next attempt to connect does. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970-01-01 UTC. May jump (threats Q18). */
  now(): number;
  /** Milliseconds that only grow; the base of every timeout. */
  monotonic(): number;
  /**
   * Calls `task` once after `delayMs`; the returned function cancels it. `keepsAlive`: a process with nothing else to do waits for it,
   * where the platform has processes that end.
   */
  schedule(delayMs: number, task: () => void, options?: { readonly keepsAlive?: boolean }): () => void;
}

/** The platform's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delayMs, task, options) {
    const timer = setTimeout(task, delayMs);
    // Node's timers are objects that can be told not to keep the process alive; browsers' are numbers.
    if (options?.keepsAlive !== true) (timer as unknown as { unref?: () => void }).unref?.();
    return () => { clearTimeout(timer); };
  },
};
