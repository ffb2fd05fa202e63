/** Interleaved rounds and medians: all candidates share whatever else the machine is doing. @module */
import { performance } from "node:perf_hooks";

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return /** @type {number} */ (sorted[Math.floor(sorted.length / 2)]);
}

/**
 * Microseconds per operation: the median over the rounds, each candidate once per round, in turning order.
 * @template {string} Name
 * @param {Record<Name, (count: number) => void>} candidates each does `count` operations
 * @param {{ rounds: number, count: number }} options
 * @returns {Record<Name, number>}
 */
export function measure(candidates, options) {
  const names = /** @type {Name[]} */ (Object.keys(candidates));
  const times = new Map(names.map((name) => [name, /** @type {number[]} */ ([])]));
  for (const name of names) candidates[name](options.count); // warm up
  for (let round = 0; round < options.rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = /** @type {Name} */ (names[(i + round) % names.length]);
      const begin = performance.now();
      candidates[name](options.count);
      times.get(name)?.push(((performance.now() - begin) * 1000) / options.count);
    }
  }
  return /** @type {Record<Name, number>} */ (Object.fromEntries([...times].map(([name, list]) => [name, median(list)])));
}
