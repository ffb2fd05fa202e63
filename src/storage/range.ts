/**
 * What a {@link StoreRange} means, said once for all adapters.
 * Keys are printable ASCII (session/ports.ts storeKey), so strings, LevelDB bytes and IndexedDB keys sort alike.
 * @module
 */
import type { StoreRange } from "../session/ports.js";

/** The smallest character of a key. What adapters store for themselves begins with a space and sorts before all keys. */
const lowestKey = "!";
/** Sorts after every character that may stand in a key. */
const aboveAllKeys = "\x7f";

/** A range as one interval of keys. */
export interface KeyBounds {
  readonly lower: string;
  /** True if `lower` itself is outside. */
  readonly lowerOpen: boolean;
  /** Always outside. */
  readonly upper: string;
}

/** `undefined` if no key can be in the range. */
export function keyBounds(range: StoreRange): KeyBounds | undefined {
  if (range.limit !== undefined && range.limit < 1) return undefined;
  const start = range.prefix === "" ? lowestKey : range.prefix;
  const lowerOpen = range.after !== undefined && range.after >= start;
  const lower = lowerOpen ? range.after : start;
  const prefixEnd = range.prefix + aboveAllKeys;
  const upper = range.before !== undefined && range.before < prefixEnd ? range.before : prefixEnd;
  return lower < upper ? { lower, lowerOpen, upper } : undefined;
}

/** Whether `key` lies in the interval. */
export function inBounds(key: string, bounds: KeyBounds): boolean {
  return (bounds.lowerOpen ? key > bounds.lower : key >= bounds.lower) && key < bounds.upper;
}
