/** One batch of the outbox, sealed without the rest of it: threats T05. */
import { expect, test } from "vitest";
import { contentText, type OutboxEntry } from "../../../src/client/outbox/entry.js";
import { sealBatch, type SealingDeps } from "../../../src/client/outbox/sealing.js";
import type { Slot } from "../../../src/client/outbox/slots.js";
import type { Transaction } from "../../../src/session/transaction.js";
import { body, juliet } from "../../support/outbox-world.js";

test("T05 without a plan for its encryption an entry fails, and nothing is made of it that could leave", async () => {
  const entry: OutboxEntry = { seq: 1, id: "1", to: juliet, protection: "omemo", purpose: "message", storedAt: 0, content: contentText([body("secret")]) };
  const done: string[] = [];
  const deps = {
    omemo: { seal: () => { throw new RangeError("without a plan"); } },
    rows: { readAhead: async () => [entry], seal: async () => { done.push("sealed"); return ""; }, fail: async (_: unknown, id: string, error: Error) => { done.push(`failed ${id} ${error.name}`); } },
  } as unknown as SealingDeps;
  const tx = { attempt: (work: (inner: unknown) => unknown) => work(tx) } as unknown as Transaction;
  expect(await sealBatch(tx, deps, [{ id: "1" } as Slot], undefined)).toEqual({ ready: [] });
  expect(done).toEqual(["failed 1 InternalError"]);
});
