/**
 * Rows that are not what was written, or not by this version. Each is its own matter: readers pass it by, tell it, and go on.
 * Spec: threats D13, L02. Not here: what becomes of a message on its way in (receive/safe-intake.ts).
 * @module
 */
import { SottoError } from "../base/errors.js";

/** Whether it is one row that cannot be read, not the store. */
export const isDamaged = (error: unknown): boolean =>
  error instanceof SottoError && (error.code === "ERR_RECORD_INVALID" || error.code === "ERR_STORE_CORRUPT");

/** What `read` gives, or that it met a row that cannot be read; `onDamaged` is told why. */
export async function unlessDamaged<T>(read: () => Promise<T>, onDamaged?: (error: unknown) => void): Promise<T | "damaged"> {
  try {
    return await read();
  } catch (error) {
    if (!isDamaged(error)) throw error;
    onDamaged?.(error);
    return "damaged";
  }
}

/** Reads the rows whose numbers lie strictly between `after` and `before`, in order: at most `limit`. */
export type ReadSpan<T> = (span: { readonly after: number; readonly before: number; readonly limit: number }) => Promise<readonly T[]>;

/** Which numbered rows are wanted: up to `limit` from `first` to `last`. */
interface Walk {
  readonly first: number;
  readonly last: number;
  readonly limit: number;
}

/** Told the number of a row, and why it cannot be read. */
type OnDamaged = (number: number, error: unknown) => void;

/**
 * Up to `limit` rows that are numbered, from `first` on; fewer are the end. A store fails a whole range for one row, so the range is narrowed until
 * that row is alone in it; `onDamaged` is told of it.
 * @throws StorageError of the store as a whole
 */
export async function passingBy<T>(read: ReadSpan<T>, { first, last, limit }: Walk, onDamaged: OnDamaged): Promise<readonly T[]> {
  const all = await unlessDamaged(() => read({ after: first - 1, before: last + 1, limit }));
  if (all !== "damaged") return all;
  const found: T[] = [];
  for (let from = first - 1, size = 1; found.length < limit && from < last;) {
    const part = await unlessDamaged(
      () => read({ after: from, before: Math.min(from + size, last) + 1, limit: limit - found.length }),
      (error) => { if (size === 1) onDamaged(from + 1, error); },
    );
    if (part === "damaged" && size > 1) {
      size /= 2;
      continue;
    }
    from += size;
    if (part === "damaged") continue;
    found.push(...part);
    size *= 2;
  }
  return found;
}

/** As {@link passingBy}, from `last` on backwards: the same walk through the mirror image. */
export function passingByBackwards<T>(read: ReadSpan<T>, { first, last, limit }: Walk, onDamaged: OnDamaged): Promise<readonly T[]> {
  return passingBy(
    (span) => read({ after: -span.before, before: -span.after, limit: span.limit }),
    { first: -last, last: -first, limit }, (number, error) => { onDamaged(-number, error); },
  );
}
