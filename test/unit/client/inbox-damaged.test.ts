/** Damaged rows of the inbox itself: each is told and concerns its own message, which is rather handed out twice than never. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { deadKey, itemKey, stateKeys } from "../../../src/client/inbox/rows.js";
import type { Store, StoreKey } from "../../../src/session/ports.js";
import { memoryDisk, type MemoryDisk } from "../../../src/storage/memory.js";
import { damaging } from "../../support/damaged-store.js";
import { inboxRows, next, open, type Service, service } from "../../support/inbox-service.js";
import { append, openLog, received, textsOf } from "../../support/log-world.js";
import { mercutio } from "../../support/omemo-world.js";

/** How a row can be damaged: it does not read as a record, or the store itself fails whatever touches it until it is written again. */
const ways = ["record", "store"] as const;

/** A store over a disk on which the rows under `keys` are damaged. */
function damaged(disk: MemoryDisk, keys: readonly StoreKey[], way: (typeof ways)[number]): (inner: Store) => Store {
  const bad = new Set<StoreKey>(way === "store" ? keys : []);
  if (way === "record") for (const key of keys) disk.rows.set(key, utf8("?"));
  return (inner) => damaging(inner, bad);
}

async function drain(world: Service, count: number): Promise<string[]> {
  const seen: string[] = [];
  void world.inbox.process(async ({ message, attempt }) => { seen.push(`${message.text} ${attempt}`); });
  await expect.poll(() => seen.length).toBeGreaterThanOrEqual(count);
  await world.inbox.deadLetters();
  return seen;
}

test.each(ways)("D13 a damaged row of one message does not keep the inbox shut: it is told, that message comes again, what is acknowledged does not (%s)", async (way) => {
  const disk = memoryDisk();
  await append(await openLog(disk), received("busy"), ...Array.from({ length: 40 }, (_, i) => received(`m${i + 2}`, mercutio)));
  const before = await service(disk);
  await next(before.inbox);
  for (let i = 0; i < 30; i++) await (await next(before.inbox)).ack(); // each has a row, for "busy" is before it
  const world = await service(disk, damaged(disk, [itemKey(7), itemKey(31)], way));
  const code = way === "record" ? "ERR_RECORD_INVALID" : "ERR_STORE_CORRUPT";
  expect(await drain(world, 13)).toEqual(["busy 2", "m7 1", "m31 1", ...Array.from({ length: 10 }, (_, i) => `m${i + 32} 1`)]);
  expect(world.errors).toEqual([expect.objectContaining({ code }), expect.objectContaining({ code })]);
  world.inbox.close();
  expect(inboxRows(disk)).toEqual(["client/inbox/state"]);
});

test.each(ways)("D13 a message that was taken back from the dead letters and whose row is damaged is open all the same (%s)", async (way) => {
  const disk = memoryDisk();
  const before = await service(disk);
  await append(before, received("poison"), received("behind"));
  const stop = new AbortController();
  await before.inbox.process(async ({ message }) => {
    if (message.text === "poison") throw new RangeError("cannot");
    stop.abort();
  }, { attemptsMax: 1, signal: stop.signal });
  await before.inbox.retryDeadLetter(1);
  const world = await service(disk, damaged(disk, [itemKey(1)], way));
  expect(await drain(world, 1)).toEqual(["poison 1"]);
  expect(world.errors).toHaveLength(1);
});

test("D13 a row that is damaged while the inbox is open keeps nobody from acknowledging", async () => {
  const disk = memoryDisk();
  const world = await service(disk);
  await append(world, received("busy"), received("m2", mercutio), received("m3", mercutio));
  const busy = await next(world.inbox);
  for (let i = 0; i < 2; i++) await (await next(world.inbox)).ack();
  damaged(disk, [itemKey(2)], "store")(world.store);
  await busy.ack();
  world.inbox.close();
  const again = open(world, world.clock, world.errors);
  expect((await next(again)).message.text).toBe("m2"); // nothing says that it was acknowledged
});

test("D13 a damaged row of a dead letter says still that it is one", async () => {
  const disk = memoryDisk();
  const before = await service(disk);
  await append(before, received("poison"), received("worse", mercutio));
  const stop = new AbortController();
  await before.inbox.process(async ({ message }) => {
    if (message.text === "worse") stop.abort();
    throw new RangeError("cannot");
  }, { attemptsMax: 1, signal: stop.signal });
  const world = await service(disk, damaged(disk, [deadKey(1)], "store"));
  expect(textsOf(await world.inbox.deadLetters())).toBe("poison worse");
  await world.inbox.retryDeadLetter(1);
  expect((await next(world.inbox)).message.text).toBe("poison");
  expect(textsOf(await world.inbox.deadLetters())).toBe("worse");
});

test.each(ways.flatMap((way) => stateKeys.map((key) => [key, way] as const)))("D13 the inbox goes on where it was although %s cannot be read, and writes it anew (%s)", async (key, way) => {
  const disk = memoryDisk();
  const before = await service(disk);
  await append(before, received("1"), received("2", mercutio), received("3"));
  for (let i = 0; i < 2; i++) await (await next(before.inbox)).ack();
  const world = await service(disk, damaged(disk, [key], way));
  expect(await drain(world, 1)).toEqual(["3 1"]);
  world.inbox.close();
  const [one, other] = stateKeys.map((each) => disk.rows.get(each));
  expect(one).toEqual(other);
  expect(one).toBeDefined();
});

test.each(ways)("D13 an inbox of which no row says where it was is refused: from the beginning it would answer everything again (%s)", async (way) => {
  const disk = memoryDisk();
  const before = await service(disk);
  await append(before, received("1"));
  await (await next(before.inbox)).ack();
  const world = await service(disk, damaged(disk, stateKeys, way));
  await expect(world.inbox.deadLetters()).rejects.toMatchObject({ code: way === "record" ? "ERR_RECORD_INVALID" : "ERR_STORE_CORRUPT" });
});

test("an inbox of an earlier version, which said it in one row, goes on where it was", async () => {
  const disk = memoryDisk();
  const before = await service(disk);
  await append(before, received("1"), received("2"));
  await (await next(before.inbox)).ack();
  disk.rows.delete(stateKeys[1]!);
  expect(await drain(await service(disk), 1)).toEqual(["2 1"]);
});
