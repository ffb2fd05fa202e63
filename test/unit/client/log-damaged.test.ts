/** Rows of the index that cannot be read are passed by, whichever way the store says so: nothing behind them is lost to those who read on. */
import { expect, test } from "vitest";
import { removeMessage } from "../../../src/client/log/removal.js";
import { utf8 } from "../../../src/base/bytes.js";
import { MessageFeed } from "../../../src/client/message-feed.js";
import type { Store, StoreKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk, type MemoryDisk } from "../../../src/storage/memory.js";
import { service } from "../../support/inbox-service.js";
import { append, openLog, received } from "../../support/log-world.js";
import { mercutio, romeo } from "../../support/omemo-world.js";

const indexKey = (position: number): StoreKey => `client/timeline/${(position + 2 ** 52).toString(16).padStart(14, "0")}` as StoreKey;

/** As a store that checks what it reads: one row that is damaged fails the whole range. */
function damage(store: Store, bad: readonly number[]): void {
  const list = store.list.bind(store);
  const keys = new Set<string>(bad.map(indexKey));
  store.list = async (range) => {
    const rows = await list(range);
    if (rows.some(({ key }) => keys.has(key))) throw new StorageError("ERR_STORE_CORRUPT", "that record");
    return rows;
  };
}

async function filled(count: number): Promise<MemoryDisk> {
  const disk = memoryDisk();
  await append(await openLog(disk), ...Array.from({ length: count }, (_, i) => received(`${i + 1}`, i % 2 === 0 ? romeo : mercutio)));
  return disk;
}

test.each([[[1]], [[3, 4]], [[7, 9, 60]], [[100]], [[1, 2, 3, 97, 98, 99, 100]]])("D13 a page passes by the damaged places %j, tells each, and is short only at the end of the log", async (bad) => {
  const world = await openLog(await filled(100));
  await world.ledger.run(async (tx) => { for (let p = 20; p < 50; p++) removeMessage(tx, world.log, (await world.log.record(tx, p))!); }); // a gap
  const { log, store } = await openLog(world.disk);
  damage(store, bad); // damaged once it is open
  const good = Array.from({ length: 100 }, (_, i) => i + 1).filter((position) => !bad.includes(position) && (position < 20 || position >= 50));
  for (const limit of [1, 5, 64, 500]) {
    const errors: unknown[] = [];
    const seen: number[] = [];
    for (let after = 0, more = true; more;) {
      const places = await log.places({ after, limit }, (error) => { errors.push(error); });
      seen.push(...places.map(({ position }) => position));
      after = places.at(-1)?.position ?? after;
      more = places.length === limit;
    }
    expect(seen).toEqual(good);
    expect(errors.length).toBeGreaterThanOrEqual(bad.length);
  }
});

test("D13 the inbox and messages() go on behind a damaged row of the index", async () => {
  const disk = await filled(6);
  disk.rows.set(indexKey(3), utf8("?"));
  const world = await service(disk);
  const seen: string[] = [];
  void world.inbox.process(async ({ message }) => { seen.push(message.text); });
  await expect.poll(() => seen).toEqual(["1", "2", "4", "5", "6"]);
  expect(world.errors).toEqual([expect.objectContaining({ code: "ERR_RECORD_INVALID" })]);
  const feed = await MessageFeed.load({ ...world, onError: (error) => { world.errors.push(error); } });
  const read: string[] = [];
  for await (const { text } of feed.read()) if (read.push(text) === 5) break;
  expect([read, world.errors.length]).toEqual([["1", "2", "4", "5", "6"], 2]);
});
