/** Several readers of `messages()` without a cursor: what one of them had does not count as had by the others. */
import { expect, test } from "vitest";
import type { Message } from "../../../src/client/message.js";
import { MessageFeed } from "../../../src/client/message-feed.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk, type MemoryDisk } from "../../../src/storage/memory.js";
import { append, type LogWorld, openLog, received, textsOf } from "../../support/log-world.js";
import { take } from "../../support/take.js";

const openFeed = (world: LogWorld): Promise<MessageFeed> => MessageFeed.load({ ...world, onError: (error) => { throw error; } });
const texts = async (source: AsyncIterator<Message>, count: number): Promise<string> => textsOf(await take(source, count));
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

interface Stage { readonly world: LogWorld; readonly feed: MessageFeed; readonly say: (...texts: string[]) => Promise<unknown> }

/** A feed over a log in which ten messages wait. */
async function stage(wrap?: Parameters<typeof openLog>[1]): Promise<Stage> {
  const world = await openLog(memoryDisk(), wrap);
  const say = (...said: string[]): Promise<unknown> => append(world, ...said.map((text) => received(text)));
  await say(...numbers(1, 10));
  return { world, feed: await openFeed(world), say };
}

/** What the first reader of the next run is handed first. */
async function nextRun(disk: MemoryDisk): Promise<string> {
  const world = await openLog(disk);
  await append(world, received("new"));
  return texts((await openFeed(world)).read(), 1);
}

test("Q17 what a slower reader has not had comes again with the next run, whichever way this one ends", async () => {
  for (const end of ["close", "crash"] as const) {
    const { world, feed, say } = await stage();
    expect(await texts(feed.read(), 2)).toBe("1 2");
    const second = feed.read();
    await say("11");
    expect(await texts(second, 1)).toBe("11");
    if (end === "close") await feed.close();
    else await world.ledger.run(() => undefined); // what was being written is
    expect(await nextRun(world.disk), end).toBe("3");
  }
});

test("Q17 a reader that began later and is behind when the run ends is not passed by the one before it", async () => {
  const { world, feed, say } = await stage();
  const first = feed.read();
  const second = feed.read();
  await say("11", "12");
  await take(first, 12);
  await take(second, 1);
  await feed.close();
  expect(await nextRun(world.disk)).toBe("12");
});

test("Q17 readers that are ended together do not give up for each other what none of them has had", async () => {
  for (const how of ["signal", "return"] as const) {
    const { world, feed, say } = await stage();
    const stop = new AbortController();
    const first = feed.read({ signal: stop.signal });
    await take(first, 2);
    const second = feed.read({ signal: stop.signal });
    await say("11");
    await take(second, 1);
    if (how === "signal") stop.abort();
    else for (const each of [first, second]) await each.return?.();
    await feed.close();
    expect(await nextRun(world.disk), how).toBe("3");
  }
});

test("a reader that the application has ended holds nothing back: one that waited for an answer, one that nobody reads, one that has left a gap", async () => {
  const waiter = await stage();
  const main = waiter.feed.read();
  await take(main, 10);
  const stop = new AbortController();
  waiter.feed.read({ signal: stop.signal });
  const brief = waiter.feed.read();
  await waiter.say("11", "12");
  await take(brief, 1);
  await take(main, 2);
  await brief.return?.();
  stop.abort();
  await waiter.feed.close();
  expect(await nextRun(waiter.world.disk)).toBe("new");

  const gap = await stage();
  const first = gap.feed.read();
  await take(first, 2);
  const second = gap.feed.read();
  await gap.say("11", "12");
  await take(second, 1);
  await first.return?.();
  await take(second, 1); // the application goes on without the first one
  await gap.feed.close();
  expect(await nextRun(gap.world.disk)).toBe("new");
});

test("where the last reader ends that began later, everything counts that was handed to one of them", async () => {
  const { world, feed, say } = await stage();
  const first = feed.read();
  const second = feed.read();
  await say("11", "12");
  await take(first, 12);
  await take(second, 1);
  await first.return?.();
  await second.return?.();
  await feed.close();
  expect(await nextRun(world.disk)).toBe("new");
});

test("the place of a reader that the store has failed is the next one's, also while others go on", async () => {
  let failing = false;
  const { world, feed, say } = await stage((inner) => {
    const list = inner.list.bind(inner);
    inner.list = async (range) => { if (failing) throw new StorageError("ERR_STORE_FAILED", "scripted"); return list(range); };
    return inner;
  });
  const first = feed.read();
  await take(first, 10);
  const second = feed.read();
  const waiting = second.next();
  await say("11", "12");
  await waiting;
  failing = true;
  await expect(take(first, 1)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  failing = false;
  await take(second, 1);
  expect(feed.start).toBe(10);
  expect(await texts(feed.read(), 2)).toBe("11 12");
  await feed.close();
  expect(await nextRun(world.disk)).toBe("new");
});

test("calls of next() that are made at once are answered in order, each with a message of its own, from the log and live", async () => {
  const { feed, say } = await stage();
  const reader = feed.read();
  const ahead = Promise.all(numbers(1, 12).map(() => reader.next()));
  await say("11");
  await say("12");
  expect((await ahead).map(({ value }) => (value as Message).text)).toEqual(numbers(1, 12));
});

test("calls of next() that wait are all ended by return(), by the signal and by the end of the feed; a store that fails is told once", async () => {
  const ended = { done: true, value: undefined };
  for (const how of ["return", "signal", "close"] as const) {
    const { feed } = await stage();
    const stop = new AbortController();
    const reader = feed.read({ signal: stop.signal });
    await take(reader, 10);
    const waiting = [reader.next(), reader.next(), reader.next()];
    await new Promise((resolve) => { setTimeout(resolve, 2); });
    if (how === "return") await reader.return?.();
    else if (how === "signal") stop.abort();
    else await feed.close();
    expect(await Promise.all(waiting), how).toEqual([ended, ended, ended]);
  }
  const broken = await stage((inner) => {
    const list = inner.list.bind(inner);
    inner.list = async (range) => { if (range.limit === 100) throw new StorageError("ERR_STORE_FAILED", "scripted"); return list(range); };
    return inner;
  });
  const reader = broken.feed.read();
  expect(await Promise.allSettled([reader.next(), reader.next()])).toMatchObject([{ status: "rejected", reason: { code: "ERR_STORE_FAILED" } }, { status: "fulfilled", value: ended }]);
});
