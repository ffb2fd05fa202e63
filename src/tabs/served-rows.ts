/**
 * What the rows of the inbox say to a tab whose former leader has handed messages out. Loaded when a tab asks: most applications have no inbox.
 * Not here: the rows (client/inbox/rows.ts), who asks (served-inbox.ts).
 * @module
 */
import { encodeItem, itemKey } from "../client/inbox/rows.js";
import { isSettled, storedItem } from "../client/inbox/stored.js";
import type { Core } from "../client/core.js";

type Rows = Pick<Core, "ledger">;

/** Whether somebody has acknowledged the message at `position`, or put it aside. @throws StorageError */
export function isSettledAt({ ledger }: Rows, position: number): Promise<boolean> {
  return ledger.read((tx) => isSettled(tx, position));
}

/** The attempts that former leaders have counted go on in the tab: handing these messages out to it is no other one. @throws StorageError */
export async function goOn({ ledger }: Rows, positions: readonly unknown[]): Promise<void> {
  const known = positions.filter((each): each is number => Number.isSafeInteger(each));
  await ledger.run(async (tx) => {
    for (const position of known) {
      const item = await storedItem(tx, position);
      if (item !== undefined && !item.acked && item.attempts > 0) tx.put(itemKey(position), encodeItem({ attempts: item.attempts - 1, acked: false }));
    }
  });
}
