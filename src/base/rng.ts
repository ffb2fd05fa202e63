/** Randomness as a dependency. Production has one source: the platform's CSPRNG (threats C08). @module */
import { toHex, type Bytes } from "./bytes.js";
import { InternalError } from "./errors.js";

/** Fills a fresh array of `length` bytes with randomness. */
export type Rng = (length: number) => Bytes;

/**
 * `crypto.getRandomValues`.
 * @throws InternalError if the platform has none: there is no weaker fallback.
 */
export function systemRng(): Rng {
  const source: Crypto | undefined = (globalThis as { crypto?: Crypto }).crypto;
  if (typeof source?.getRandomValues !== "function") throw new InternalError("this platform has no crypto.getRandomValues");
  return (length) => source.getRandomValues(new Uint8Array(length));
}

/** A uniform integer in `[min, max]`, by rejection. Both bounds below 2^31. @throws InternalError if there is no such integer. */
export function randomInteger(rng: Rng, min: number, max: number): number {
  const span = max - min + 1;
  if (!(span >= 1 && span <= 0x8000_0000)) throw new InternalError("an empty range has no random integer");
  const limit = 0x1_0000_0000 - (0x1_0000_0000 % span);
  for (;;) {
    const [a, b, c, d] = rng(4) as unknown as [number, number, number, number];
    const value = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    if (value < limit) return min + (value % span);
  }
}

/** 128 random bits as 32 hex digits: ids of stanzas and requests (threats F02). */
export function randomId(rng: Rng): string {
  return toHex(rng(16));
}
