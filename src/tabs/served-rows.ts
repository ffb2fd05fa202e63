/**
 * What the rows of the inbox say to a tab whose former leader has handed messages out. Loaded when a tab asks: most applications have no inbox.
 * Not here: the rows (client/inbox/rows.ts), who asks (served-inbox.ts).
 * @module
 */
import { isSettled } from "../client/inbox/stored.js";
import type { Core } from "../client/core.js";

/** Whether somebody has acknowledged the message at `position`, or put it aside. @throws StorageError */
export function isSettledAt({ ledger }: Pick<Core, "ledger">, position: number): Promise<boolean> {
  return ledger.read((tx) => isSettled(tx, position));
}
