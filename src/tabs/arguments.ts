/** The arguments of a call on their way to another tab. @module */
import { UsageError } from "../base/errors.js";
import { isPlain } from "../base/same-data.js";

/** A signal cannot leave the tab; the argument that holds it can. */
export function withoutSignal(args: readonly unknown[]): { readonly plain: readonly unknown[]; readonly signal?: AbortSignal; readonly at?: number } {
  const at = args.findIndex((arg) => typeof arg === "object" && arg !== null && isPlain(arg) && arg["signal"] instanceof AbortSignal);
  const holder = args[at] as Readonly<Record<string, unknown>> | undefined;
  if (holder === undefined) return { plain: args };
  const { signal, ...rest } = holder;
  return { plain: args.map((arg, i) => (i === at ? rest : arg)), signal: signal as AbortSignal, at };
}

/**
 * The arguments as they are now: the application may change its objects, and the call may be made again.
 * @throws UsageError `ERR_INVALID_ARGUMENT` for what cannot leave this tab, such as functions
 */
export function cloned(args: readonly unknown[]): readonly unknown[] {
  try {
    return structuredClone(args);
  } catch {
    throw new UsageError("ERR_INVALID_ARGUMENT", "an argument holds something that cannot go to another tab, such as a function");
  }
}
