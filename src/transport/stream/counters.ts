/**
 * Counts of XEP-0198: on the wire modulo 2^32, in here beyond it (threats Q05).
 * Spec: XEP-0198 section 4.
 * @module
 */
const wireModulus = 2 ** 32;

/** The number in an `h` attribute; `undefined` if it is missing or no unsigned 32-bit integer. */
export function readCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return undefined;
  const count = Number(text);
  return count < wireModulus ? count : undefined;
}

/** `count` as it goes on the wire. */
export function wireCount(count: number): number {
  return count % wireModulus;
}

/** The smallest count from `known` on that looks like `wire`. A `wire` that has gone back comes out far too large. */
export function unwrapCount(wire: number, known: number): number {
  return known + ((wire - wireCount(known) + wireModulus) % wireModulus);
}

/** True if `count`, as {@link unwrapCount} gave it, is rather an earlier count than a later one. */
export function wentBack(count: number, known: number): boolean {
  return count - known >= wireModulus / 2;
}
