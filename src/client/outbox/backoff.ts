/** Delays between attempts: exponential with full jitter (threats L04). @module */
import { randomInteger, type Rng } from "../../base/rng.js";

/** First and largest bound in milliseconds; a delay is drawn between zero and the bound. */
export const retryDelayMsMin = 1_000;
export const retryDelayMsMax: number = 5 * 60 * 1000;

/** Milliseconds to wait after the `failures`-th failure in a row, counted from 1. */
export function retryDelay(rng: Rng, failures: number): number {
  return randomInteger(rng, 0, Math.min(retryDelayMsMax, retryDelayMsMin * 2 ** Math.min(failures - 1, 16)));
}
