/** An inbox over a log in memory. Replies are rows, so that a test can count what would leave. @module */
import { utf8, utf8Decode } from "../../src/base/bytes.js";
import { systemRng } from "../../src/base/rng.js";
import { openInbox } from "../../src/client/inbox/inbox.js";
import type { Inbox, InboxDelivery } from "../../src/client/inbox/types.js";
import { SendTracker } from "../../src/client/outbox/send-handle.js";
import { storeKey, type StoreKey } from "../../src/session/ports.js";
import { memoryDisk, type MemoryDisk } from "../../src/storage/memory.js";
import { type LogWorld, openLog } from "./log-world.js";
import { TickingClock } from "./reception.js";

export interface Service extends LogWorld { readonly inbox: Inbox; readonly clock: TickingClock; readonly errors: unknown[] }

/** A service on a disk. */
export async function service(disk: MemoryDisk = memoryDisk(), wrap?: Parameters<typeof openLog>[1]): Promise<Service> {
  const world = await openLog(disk, wrap);
  const clock = new TickingClock();
  const errors: unknown[] = [];
  return { ...world, clock, errors, inbox: open(world, clock, errors) };
}

export function open(world: LogWorld, clock: TickingClock, errors: unknown[]): Inbox {
  return openInbox({
    ...world, clock, rng: systemRng(), onError: (error) => errors.push(error),
    reply: async (tx, to, { text }) => {
      if (text === "") throw new RangeError("empty");
      const key = storeKey(`test/reply/${text.replaceAll(" ", "_")}`);
      tx.put(key, utf8(String(Number(utf8Decode((await tx.get(key)) ?? utf8("0"))) + 1)));
      return new SendTracker("r", to, () => Promise.resolve(false));
    },
  });
}

export const replies = (disk: MemoryDisk): string[] =>
  [...disk.rows].filter(([key]) => key.startsWith("test/reply/")).map(([key, value]) => `${key.slice(11)} ${utf8Decode(value) ?? ""}`).sort();

export const inboxRows = (disk: MemoryDisk): StoreKey[] => [...disk.rows.keys()].filter((key) => key.startsWith("client/inbox/"));

export async function next(inbox: Inbox): Promise<InboxDelivery> {
  for await (const delivery of inbox) return delivery;
  throw new RangeError("ended");
}
