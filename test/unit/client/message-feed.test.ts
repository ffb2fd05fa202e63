import { expect, test } from "vitest";
import { MessageFeed, unreadPerReaderMax } from "../../../src/client/message-feed.js";

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

test("every reader sees every message from the moment it was made", async () => {
  const feed = new MessageFeed<number>(() => undefined);
  const first = feed.read();
  feed.publish(1);
  const second = feed.read();
  feed.publish(2);
  feed.close();
  expect(await collect(first)).toEqual([1, 2]);
  expect(await collect(second)).toEqual([2]);
});

test("the owner hears of the first reader only, and again after all have left", async () => {
  let firsts = 0;
  const feed = new MessageFeed<number>(() => { firsts++; });
  const a = feed.read();
  const b = feed.read();
  expect(firsts).toBe(1);
  await a.return?.();
  await b.return?.();
  expect(feed.readers).toBe(0);
  feed.read();
  expect(firsts).toBe(2);
});

test("a reader that waits is ended by its signal, without an error", async () => {
  const feed = new MessageFeed<number>(() => undefined);
  const stop = new AbortController();
  const reading = collect(feed.read(stop.signal));
  stop.abort();
  expect(await reading).toEqual([]);
  expect(feed.readers).toBe(0);
});

test("H06 a reader that falls too far behind gets what it had and then a typed error; the others go on", async () => {
  const feed = new MessageFeed<number>(() => undefined);
  const slow = feed.read();
  const quick = feed.read();
  for (let i = 0; i < unreadPerReaderMax; i++) {
    feed.publish(i);
    expect((await quick.next()).value).toBe(i);
  }
  feed.publish(unreadPerReaderMax);
  for (let i = 0; i < unreadPerReaderMax; i++) expect((await slow.next()).value).toBe(i);
  await expect(slow.next()).rejects.toMatchObject({ code: "ERR_FEED_OVERFLOW" });
  expect((await quick.next()).value).toBe(unreadPerReaderMax);
});
