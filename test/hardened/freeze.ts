/**
 * Freezes the built-in objects of the language, as hardened realms do (SES lockdown, `node --frozen-intrinsics`). Imported before
 * anything else; no import of its own, so that nothing runs before it.
 * @module
 */
const asyncGenerator: unknown = Object.getPrototypeOf(async function* none() { /* for its prototype */ });
const generator: unknown = Object.getPrototypeOf(function* none() { /* for its prototype */ });

const roots: readonly unknown[] = [
  Object, Function, Array, String, Number, Boolean, Symbol, BigInt, Map, Set, WeakMap, WeakSet, WeakRef, FinalizationRegistry, Promise, RegExp, Date, Proxy,
  Error, AggregateError, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, ArrayBuffer, DataView, Reflect, JSON, Math, Atomics,
  Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, Uint8ClampedArray,
  Object.getPrototypeOf(Uint8Array), generator, asyncGenerator, Object.getPrototypeOf(async () => undefined),
  Object.getPrototypeOf([][Symbol.iterator]()), Object.getPrototypeOf(new Map()[Symbol.iterator]()), Object.getPrototypeOf(new Set()[Symbol.iterator]()),
  Object.getPrototypeOf(""[Symbol.iterator]()), Object.getPrototypeOf("".matchAll(/x/g)),
];

const frozen = new Set<unknown>();

/** The object, what it inherits from, and every object that one of its own properties holds. */
function freeze(value: unknown): void {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || frozen.has(value)) return;
  frozen.add(value);
  Object.freeze(value);
  freeze(Object.getPrototypeOf(value));
  for (const parts of Object.values(Object.getOwnPropertyDescriptors(value))) for (const part of Object.values(parts)) freeze(part); // value, get, set
}

for (const root of roots) freeze(root);

/** How many objects are frozen. */
export const frozenCount: number = frozen.size;
