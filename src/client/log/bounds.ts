/** Between which positions the log lies. None is given out twice, also where the outermost messages were deleted (threats Q22). @module */
import { utf8, utf8Decode } from "../../base/bytes.js";
import type { Store } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { logBeginKey, logEndKey, positionOf, timelinePrefix } from "./keys.js";

/** The outermost positions given out so far: `first` at most 1, `last` at least 0. */
export interface LogBounds {
  readonly first: number;
  readonly last: number;
}

/** Reads them. @throws StorageError */
export async function loadBounds(store: Store): Promise<LogBounds> {
  const [first] = await store.list({ prefix: timelinePrefix, limit: 1 });
  const [last] = await store.list({ prefix: timelinePrefix, limit: 1, reverse: true });
  const noted = (await store.getMany([logBeginKey, logEndKey])).map((row) => (row === undefined ? [] : [Number(utf8Decode(row))]));
  return {
    first: Math.min(1, ...(first === undefined ? [] : [positionOf(first.key)]), ...(noted[0] ?? [])),
    last: Math.max(0, ...(last === undefined ? [] : [positionOf(last.key)]), ...(noted[1] ?? [])),
  };
}

/** The message at `position` is removed. Whatever are the outermost rows then: more than there are rows may have been given out. */
export function noteBounds(tx: Transaction, { first, last }: LogBounds, position: number): void {
  if (position > 0) tx.put(logEndKey, utf8(String(last)));
  else tx.put(logBeginKey, utf8(String(first)));
}
