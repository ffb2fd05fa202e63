/**
 * Values on the wire. Structured cloning takes all of them but errors: of a class of ours it would leave the text. They travel beside the value,
 * with the place where they stand in it.
 * @module
 */
import { InternalError, SottoError, UsageError, type SafeDetails, type SottoErrorOptions } from "../base/errors.js";
import { ClientError, type AnySottoError, asSottoError } from "../client/errors.js";
import { CryptoError } from "../crypto/errors.js";
import { SessionError } from "../session/errors.js";
import { StorageError } from "../storage/errors.js";
import { TransportError } from "../transport/errors.js";
import { isPlain } from "../base/same-data.js";

/** An error of ours as plain data. A cause goes along if it is one of ours too. */
export interface WireError {
  readonly layer: "internal" | Layer;
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly details: SafeDetails;
  readonly cause?: WireError;
}

/** A value and the errors that stand in it: each under its path, where the value itself has `undefined`. */
export interface Packed {
  readonly value: unknown;
  readonly errors?: readonly (readonly [path: readonly (string | number)[], error: WireError])[];
}

const causesMax = 4;

type Layer = "usage" | "crypto" | "session" | "storage" | "transport" | "client";

/** An error's class tells its layer; the only one of InternalError has a single code. */
const classes: Readonly<Record<Layer, new (code: never, message: string, options: SottoErrorOptions) => AnySottoError>> = {
  usage: UsageError, crypto: CryptoError, session: SessionError, storage: StorageError, transport: TransportError, client: ClientError,
};

/** Any failure; what is not one of ours becomes an InternalError without its text, which may be anybody's. */
export function toWire(failure: unknown, depth: number = 0): WireError {
  const error = asSottoError(failure);
  const { code, message, retryable, details, cause } = error;
  return {
    layer: (Object.keys(classes) as readonly Layer[]).find((layer) => error instanceof classes[layer]) ?? "internal", code, message, retryable, details,
    ...(cause instanceof SottoError && depth < causesMax ? { cause: toWire(cause, depth + 1) } : {}),
  };
}

/** The same error again. What is no error of ours, as from another build, becomes an InternalError. */
export function fromWire(wire: WireError): AnySottoError {
  const { layer, code, message, retryable, details, cause } = wire;
  const options: SottoErrorOptions = { retryable, details, ...(cause === undefined ? {} : { cause: fromWire(cause) }) };
  if (layer === "internal" || !Object.hasOwn(classes, layer)) return new InternalError(message, options);
  return new classes[layer](code as never, message, options);
}

/** Results, states and events carry errors no deeper than this. */
const depthMax = 3;

/** Takes the errors out of `value`. Maps, sets and bytes hold none. */
export function pack(value: unknown): Packed {
  const errors: (readonly [readonly (string | number)[], WireError])[] = [];
  const bare = take(value, [], errors);
  return errors.length === 0 ? { value } : { value: bare, errors };
}

function take(value: unknown, path: readonly (string | number)[], errors: (readonly [readonly (string | number)[], WireError])[]): unknown {
  if (value instanceof Error) {
    errors.push([path, toWire(value)]);
    return undefined;
  }
  if (path.length >= depthMax || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return changed(value, value.map((each: unknown, i) => take(each, [...path, i], errors)));
  if (!isPlain(value)) return value;
  const before = Object.entries(value);
  const after = before.map(([key, each]) => [key, take(each, [...path, key], errors)] as const);
  return after.every(([, each], i) => each === before[i]?.[1]) ? value : Object.fromEntries(after);
}

const changed = (before: readonly unknown[], after: readonly unknown[]): readonly unknown[] => (after.every((each, i) => each === before[i]) ? before : after);

/** Puts the errors back. The value is a clone of our own, so it may be changed. */
export function unpack({ value, errors = [] }: Packed): unknown {
  let whole = value;
  for (const [path, error] of errors) {
    const last = path.at(-1);
    if (last === undefined) whole = fromWire(error);
    else {
      const holder = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], whole);
      Object.defineProperty(holder as object, last, { value: fromWire(error), enumerable: true, configurable: true, writable: true });
    }
  }
  return whole;
}
