/**
 * Between which positions the log lies. None is given out twice, also where the outermost messages were deleted (threats Q22). What is damaged of
 * it keeps nobody from opening the log (threats D13).
 * Not here: noting it when something is removed (removal.ts).
 * @module
 */
import type { Store } from "../../session/ports.js";
import { unlessDamaged } from "../damaged.js";
import { logBeginKey, logEndKey, notedPosition, positionOf, positionPart, timelinePrefix } from "./keys.js";

/** The outermost positions given out so far: `first` at most 1, `last` at least 0. */
export interface LogBounds {
  readonly first: number;
  readonly last: number;
}

/** Positions that are passed over where nothing says how many were given out and deleted again: more messages than any device has ever had. */
const leap = 2 ** 32;
/** Beyond any position. */
const farthest = 2 ** 52 - 1;

/** Reads them; `onError` is told of what is damaged. @throws StorageError of the store as a whole */
export async function loadBounds(store: Store, onError?: (error: unknown) => void): Promise<LogBounds> {
  const found = await unlessDamaged(async () => {
    const [first] = await store.list({ prefix: timelinePrefix, limit: 1 });
    const [last] = await store.list({ prefix: timelinePrefix, limit: 1, reverse: true });
    const [begin, end] = await store.getMany([logBeginKey, logEndKey]);
    return {
      first: Math.min(1, first === undefined ? 1 : positionOf(first.key), notedPosition(begin) ?? 1),
      last: Math.max(0, last === undefined ? 0 : positionOf(last.key), notedPosition(end) ?? 0),
    };
  }, onError);
  return found === "damaged" ? { first: -(await outermost(store, -1)) - leap, last: (await outermost(store, 1)) + leap } : found;
}

/** How far the rows reach on one side of zero. Looked for by halves: a row that cannot be read is there all the same. */
async function outermost(store: Store, side: 1 | -1): Promise<number> {
  let [near, far] = [0, farthest];
  while (near < far) {
    const middle = Math.floor((near + far) / 2);
    const key = timelinePrefix + positionPart(side * middle);
    const beyond = await unlessDamaged(() => store.list({ prefix: timelinePrefix, limit: 1, ...(side > 0 ? { after: key } : { before: key, reverse: true }) }));
    if (beyond.length > 0) near = middle + 1;
    else far = middle;
  }
  return near;
}
