/**
 * What the store says of a message, also where the row that says it is damaged (threats D13): then the message counts as open and not yet
 * handed out. It may be handed out twice, and is never lost.
 * Not here: the rows themselves (rows.ts), what is written when (commits.ts).
 * @module
 */
import type { Store, StoreRow } from "../../session/ports.js";
import type { Transaction } from "../../session/transaction.js";
import { passingBy, unlessDamaged } from "../damaged.js";
import { positionOf, positionPart } from "../log/keys.js";
import { deadPrefix, decodeItem, decodeState, type InboxItem, itemKey, itemPrefix, stateKeys } from "./rows.js";

const openAgain = (position: number): InboxItem => ({ position, attempts: 0, acked: false });

/** All items; `last` is the last position of the log, `onError` is told of each row that cannot be read. @throws StorageError of the store as a whole */
export function storedItems(store: Pick<Store, "list">, last: number, onError: (error: unknown) => void): Promise<readonly InboxItem[]> {
  return listWhole(store, itemPrefix, last, ({ key, value }) => decodeItem(key, value), (position, error) => {
    onError(error);
    return openAgain(position);
  });
}

/** Where dead letters are: their rows say so by being there. @throws StorageError of the store as a whole */
export function deadPositions(store: Pick<Store, "list">, last: number): Promise<readonly number[]> {
  return listWhole(store, deadPrefix, last, ({ key }) => positionOf(key), (position) => position);
}

/** The item at `position`, as `tx` would leave it. */
export async function storedItem(tx: Transaction, position: number): Promise<InboxItem | undefined> {
  const key = itemKey(position);
  const item = await unlessDamaged(async () => {
    const row = await tx.get(key);
    return row === undefined ? undefined : decodeItem(key, row);
  });
  return item === "damaged" ? openAgain(position) : item;
}

/**
 * Up to where everything is settled but what has an item that is open.
 * @throws ClientError `ERR_RECORD_INVALID`, StorageError `ERR_STORE_CORRUPT` if it is said somewhere and cannot be read
 */
export async function storedState(tx: Pick<Store, "get">): Promise<number> {
  const settled: number[] = [];
  let damaged: { readonly error: unknown } | undefined;
  for (const key of stateKeys) {
    const said = await unlessDamaged(async () => decodeState(await tx.get(key)), (error) => { damaged = { error }; });
    if (typeof said === "number") settled.push(said);
  }
  if (settled.length === 0 && damaged !== undefined) throw damaged.error;
  return Math.max(0, ...settled); // an earlier version wrote one of them
}

/** Whether somebody has acknowledged it or put it aside, perhaps another consumer: memory knows only what its own has done. */
export async function isSettled(tx: Transaction, position: number): Promise<boolean> {
  const item = await storedItem(tx, position);
  return item === undefined ? position <= await storedState(tx) : item.acked;
}

/** All rows of the inbox under `prefix`, of positions up to `last`, in order; for those that are damaged what `damaged` makes of them. */
async function listWhole<T>(
  store: Pick<Store, "list">, prefix: string, last: number, read: (row: StoreRow) => T, damaged: (position: number, error: unknown) => T,
): Promise<readonly T[]> {
  const made: (readonly [position: number, item: T])[] = [];
  const found = await passingBy(async ({ after, before }) => {
    const rows = await store.list({ prefix, after: prefix + positionPart(after), before: prefix + positionPart(before) });
    return rows.map((row) => [positionOf(row.key), read(row)] as const);
  }, { first: 1, last, limit: Infinity }, (position, error) => { made.push([position, damaged(position, error)]); });
  return [...found, ...made].sort(([a], [b]) => a - b).map(([, item]) => item);
}
