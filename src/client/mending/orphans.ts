/**
 * Messages whose entries cannot be read when the outbox is loaded: all that is known of them is what the log says. Loaded only then. What was never
 * sealed has not left and fails at once. What may have left is asked for in the archive like everything unclear, and fails if that does not have
 * it: its bytes are lost, so nothing is sent for it again.
 * Spec: threats D13, Q01, R21. Not here: reading the other entries (load.ts).
 * @module
 */
import type { Ledger } from "../../session/ledger.js";
import type { MessageLog } from "../log/message-log.js";
import type { Message } from "../message.js";
import type { outboxKey, unreadableEntry } from "../outbox/entry.js";
import type { Rows } from "../outbox/rows.js";
import type { Slots } from "../outbox/slots.js";

const pageSize = 500;
const ignore = (): void => undefined; // told when it is shown

export interface OrphansDeps {
  readonly ledger: Ledger;
  readonly log: Pick<MessageLog, "places" | "read">;
  readonly slots: Slots;
  readonly rows: Rows;
  /** Handed in: what this file imports would be a file of its own for every application (docs/decisions/0010-bundle-size.md). */
  readonly outboxKey: typeof outboxKey;
  readonly unreadableEntry: typeof unreadableEntry;
}

/** What could not be read of an outbox. */
export interface Damage {
  /** Places of the entries, in order. */
  readonly places: readonly number[];
  /** A state that was lost may have sent some of them. */
  readonly isSuspect: boolean;
}

/** @throws StorageError */
export async function settleOrphans(d: OrphansDeps, { places, isSuspect }: Damage): Promise<void> {
  const { ledger, slots, rows } = d;
  const orphans = await findOrphans(d, places.length);
  const mayHaveLeft = ({ delivery }: Message): boolean => isSuspect || delivery?.state === "sealed";
  const mayHave = orphans.filter(mayHaveLeft);
  // Each takes the place of one of the rows, which leaves the store with it.
  for (const [i, { id, conversation: to, position, security, delivery }] of mayHave.entries()) {
    const seq = places.at(-1 - i);
    if (seq !== undefined) slots.restore({
      seq, id, to, position, protection: security.level === "none" ? "none" : "omemo", purpose: "message", bytes: 0, anchor: undefined,
      sealed: delivery?.state === "sealed", whereabouts: { kind: "unclear" },
    });
  }
  await ledger.run(async (tx) => {
    for (const seq of places.slice(0, places.length - mayHave.length)) tx.delete(d.outboxKey(seq)); // the others are of receipts and markers
    for (const message of orphans) if (!mayHaveLeft(message)) await rows.fail(tx, message.id, d.unreadableEntry());
  });
}

/** The newest messages that wait, by what the log says, and have no entry: at most `limit`, newest first. */
async function findOrphans({ log, slots }: OrphansDeps, limit: number): Promise<readonly Message[]> {
  const found: Message[] = [];
  for (let before = Infinity; found.length < limit;) {
    const places = await log.places({ after: 0, before, limit: pageSize, reverse: true }, ignore);
    const own = await log.read(places.filter(({ kind }) => kind === "own"), ignore);
    found.push(...own.filter(({ id, delivery }) => (delivery?.state === "stored" || delivery?.state === "sealed") && slots.find(id) === undefined));
    const oldest = places.at(-1);
    if (oldest === undefined || places.length < pageSize) break;
    before = oldest.position;
  }
  return found.slice(0, limit);
}
