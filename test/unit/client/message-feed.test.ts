import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import type { Message } from "../../../src/client/message.js";
import { heldPerReaderMax, MessageFeed } from "../../../src/client/message-feed.js";
import { append, type LogWorld, openLog, received, sent, textsOf } from "../../support/log-world.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk } from "../../../src/storage/memory.js";
import { juliet, romeo } from "../../support/omemo-world.js";

const openFeed = (world: LogWorld): Promise<MessageFeed> => MessageFeed.load({ ...world, onError: (error) => { throw error; } });

async function take(source: AsyncIterator<Message>, count: number): Promise<string> {
  const all: Message[] = [];
  while (all.length < count) all.push((await source.next()).value as Message);
  return textsOf(all);
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

test("every reader sees every message from the moment it was made, own ones and unreadable ones left out", async () => {
  const world = await openLog();
  const feed = await openFeed(world);
  const first = feed.read();
  await append(world, received("1"), sent("mine"), received("", romeo, { unreadable: "ERR_X" }));
  const second = feed.read();
  await append(world, received("2"), sent("3", romeo, "sent"), { ...sent("my other device"), delivery: undefined } as never);
  expect(await take(first, 3)).toBe("1 2 my other device");
  expect(await take(second, 2)).toBe("2 my other device");
});

test("a cursor reads the log and goes on live, with neither gap nor double, while messages come in", async () => {
  const world = await openLog();
  const feed = await openFeed(world);
  const messages = await append(world, ...numbers(1, 250).map((text) => received(text)));
  const reader = feed.read({ after: messages[99]!.position });
  const reading = take(reader, 350);
  for (let i = 251; i <= 450; i++) await append(world, received(i.toString()));
  expect(await reading).toBe(numbers(101, 450).join(" "));
});

test("without a cursor the first reader begins where the last one ended, also across a restart", async () => {
  const world = await openLog();
  await append(world, ...numbers(1, 5).map((text) => received(text)));
  const feed = await openFeed(world);
  const reader = feed.read();
  expect(await take(reader, 2)).toBe("1 2");
  await reader.return?.();
  expect(await take(feed.read(), 1)).toBe("3");
  await feed.close();
  const again = await openLog(world.disk);
  expect(await take((await openFeed(again)).read(), 2)).toBe("4 5");
});

test("readers with a cursor do not move where the others begin", async () => {
  const world = await openLog();
  await append(world, received("1"), received("2"));
  const feed = await openFeed(world);
  await take(feed.read({ after: 0 }), 2);
  expect(await take(feed.read(), 1)).toBe("1");
});

test("what is committed while the log is being read is handed out once, whichever comes first: the row or the news of it", async () => {
  const disk = memoryDisk();
  let afterList = (): Promise<unknown> => Promise.resolve();
  let afterCommit = (): Promise<unknown> => Promise.resolve();
  const world = await openLog(disk, (inner) => {
    const list = inner.list.bind(inner);
    const commit = inner.commit.bind(inner);
    inner.list = async (range) => { const rows = await list(range); await afterList(); return rows; };
    inner.commit = async (changes, fence) => { await commit(changes, fence); await afterCommit(); };
    return inner;
  });
  const feed = await openFeed(world);
  const reader = feed.read({ after: 0 });
  // The page is empty, and before the reader learns of that a message is committed and told.
  afterList = async () => { afterList = () => Promise.resolve(); await append(world, received("1")); };
  expect(await take(reader, 1)).toBe("1");
  // The row is there, the reader has seen it, and only then the commit is told.
  const behind = feed.read({ after: 0 });
  afterCommit = async () => {
    afterCommit = () => Promise.resolve();
    expect(await take(behind, 2)).toBe("1 2");
    void behind.next();
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  };
  await append(world, received("2"));
  await append(world, received("3"));
  expect(await take(reader, 2)).toBe("2 3");
  await append(world, received("4"));
  expect(await take(behind, 1)).toBe("4"); // the pending call has had "3"
});

test("H06 a reader that falls behind holds little and misses nothing", async () => {
  const world = await openLog();
  await append(world, received("before"));
  const feed = await openFeed(world);
  const quick = feed.read();
  const slow = feed.read();
  expect(await take(quick, 1)).toBe("before");
  const all = numbers(1, heldPerReaderMax * 3);
  for (const text of all) {
    await append(world, received(text));
    expect(await take(quick, 1)).toBe(text);
  }
  expect(await take(slow, all.length)).toBe(all.join(" "));
  await append(world, received("live again"));
  expect(await take(slow, 1)).toBe("live again");
});

test("a reader that waits is ended by its signal, by return() or by the end of the feed, without an error", async () => {
  const world = await openLog();
  const feed = await openFeed(world);
  const stop = new AbortController();
  const aborted = feed.read({ signal: stop.signal });
  const returned = feed.read();
  const closed = feed.read();
  const waiting = [aborted.next(), returned.next(), closed.next()];
  stop.abort();
  await returned.return?.();
  await feed.close();
  expect(await Promise.all(waiting)).toEqual([1, 2, 3].map(() => ({ done: true, value: undefined })));
  expect(feed.readers).toBe(0);
});

test("history from before this device is not offered as new", async () => {
  const world = await openLog();
  const feed = await openFeed(world);
  const reader = feed.read({ after: -1_000 });
  const fromNow = feed.read();
  await world.ledger.run((tx) => world.log.prepend(tx, received("old")));
  await append(world, received("new", juliet));
  expect(await take(fromNow, 1)).toBe("new");
  expect(await take(reader, 1)).toBe("new");
});

test("a reader that the store has failed is over: the next one goes on where it ended, and nothing in between is lost", async () => {
  let failing = false;
  const world = await openLog(memoryDisk(), (inner) => {
    const list = inner.list.bind(inner);
    inner.list = async (range) => { if (failing) throw new StorageError("ERR_STORE_FAILED", "scripted"); return list(range); };
    return inner;
  });
  await append(world, ...numbers(1, 150).map((text) => received(text)));
  const feed = await openFeed(world);
  const seen: string[] = [];
  const loop = async (): Promise<void> => {
    for await (const { text } of feed.read()) {
      seen.push(text);
      failing = seen.length === 100; // the end of a page
      if (seen.length === 151) return;
    }
  };
  await expect(loop()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  expect(feed.readers).toBe(0);
  failing = false;
  await append(world, received("151"));
  await loop();
  expect(seen).toEqual(numbers(1, 151));
});

test("D13 a message that cannot be read is told and passed by, and so it is by the next run", async () => {
  const world = await openLog();
  await append(world, ...numbers(1, 5).map((text) => received(text)));
  for (const [i, key] of [...world.disk.rows.keys()].filter((each) => each.startsWith("client/log/romeo")).sort().entries()) {
    if (i === 1 || i === 4) world.disk.rows.set(key, utf8('{"v":1}'));
  }
  const errors: unknown[] = [];
  const feed = await MessageFeed.load({ ...world, onError: (error) => { errors.push(error); } });
  const reader = feed.read();
  expect(await take(reader, 3)).toBe("1 3 4");
  expect(errors).toEqual(Array(2).fill(expect.objectContaining({ code: "ERR_RECORD_INVALID" })));
  const waiting = take(reader, 1);
  await append(world, received("6"));
  expect(await waiting).toBe("6");
  await feed.close();
  const again = await openLog(world.disk);
  await append(again, received("7"));
  expect(await take((await MessageFeed.load({ ...again, onError: (error) => { errors.push(error); } })).read(), 1)).toBe("7");
});
