/** Who waits for whom in the inbox: a conversation that is slow, long, damaged or closed holds up itself and nobody else. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { heldMax, InboxWindow, openMax } from "../../../src/client/inbox/window.js";
import { removeMessage } from "../../../src/client/log/removal.js";
import type { StoreKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk, type MemoryDisk } from "../../../src/storage/memory.js";
import { inboxRows, next, open, type Service, service } from "../../support/inbox-service.js";
import { append, openLog, received, textsOf } from "../../support/log-world.js";
import { mercutio, romeo } from "../../support/omemo-world.js";

const fail = (error: unknown): void => { throw error; };
const forEver = (): Promise<never> => new Promise(() => undefined);

/** Serves; whoever is `hung` never gets an end. */
function serve({ inbox }: Pick<Service, "inbox">, hung: string, concurrency: number): string[] {
  const seen: string[] = [];
  void inbox.process(async ({ message, attempt }) => {
    seen.push(`${message.text} ${attempt.toString()}`);
    if (message.text === hung) await forEver();
  }, { concurrency });
  return seen;
}

test("a handler that never ends holds up its own conversation: the other lanes go on with what waits, and with what comes", async () => {
  const world = await service();
  await append(world, received("r1"), received("m1", mercutio), received("r2"));
  const seen = serve(world, "r1", 4);
  await expect.poll(() => seen).toEqual(["r1 1", "m1 1"]);
  await append(world, received("m2", mercutio));
  await expect.poll(() => seen.at(-1)).toBe("m2 1");

  const idle = await service();
  const burst = serve(idle, "r1", 4);
  await idle.inbox.deadLetters(); // everybody sleeps
  await append(idle, received("r1"), received("m1", mercutio));
  await expect.poll(() => burst).toEqual(["r1 1", "m1 1"]);
});

test("the log is read once at a time, and what comes meanwhile is handed out once", async () => {
  let reading = 0;
  let most = 0;
  let meanwhile = (): Promise<unknown> => Promise.resolve();
  const world = await service(memoryDisk(), (inner) => {
    const list = inner.list.bind(inner);
    inner.list = async (range) => {
      if (range.prefix !== "client/timeline/" || range.limit === 1) return list(range);
      most = Math.max(most, ++reading);
      const rows = await list(range);
      await meanwhile();
      reading -= 1;
      return rows;
    };
    return inner;
  });
  meanwhile = async () => {
    meanwhile = () => Promise.resolve();
    await append(world, received("r2"), received("m2", mercutio));
  };
  await append(world, received("r1"), received("m1", mercutio));
  const seen = serve(world, "", 4);
  await expect.poll(() => [...seen].sort()).toEqual(["m1 1", "m2 1", "r1 1", "r2 1"]);
  expect(most).toBe(1);
});

test("L02 Q22 a conversation with more waiting than is held hides no other, and goes on itself in order, also across a restart", async () => {
  const world = await service();
  await append(world, ...Array.from({ length: openMax + 600 }, (_, i) => received(`r${i.toString()}`)), received("m1", mercutio));
  const first = await next(world.inbox);
  const other = await next(world.inbox);
  expect([first.message.text, other.message.text]).toEqual(["r0", "m1"]);
  await other.ack();
  await first.ack();
  for (let i = 1; i < heldMax; i++) await (await next(world.inbox)).ack();
  const again = await service(world.disk); // all that was held is settled, and nothing else
  const seen: string[] = [];
  for (let i = 0; i <= heldMax; i++) {
    const delivery = await next(again.inbox);
    seen.push(delivery.message.text);
    await delivery.ack();
  }
  expect(seen).toEqual(Array.from({ length: heldMax + 1 }, (_, i) => `r${(heldMax + i).toString()}`));
});

/** Settles one after the other; the positions in the order in which they were handed out. */
async function drain(window: InboxWindow): Promise<readonly number[]> {
  const handed: number[] = [];
  for (;;) {
    const open = window.take();
    if (open === undefined) {
      await window.fill();
      if (window.held === 0) return handed;
      continue;
    }
    handed.push(open.position);
    window.settle(open, window.afterSettling(open, 0).settled);
    window.giveBack(open);
  }
}

test("L02 however many conversations wait, little of each is held, and all of it is handed out", async () => {
  const { log, ...world } = await openLog();
  const peers = Array.from({ length: 20 }, (_, i) => `p${i.toString()}@example.org` as typeof romeo);
  for (let i = 0; i < 100; i++) await append({ log, ...world }, ...peers.map((peer) => received(i.toString(), peer)));
  await append({ log, ...world }, ...Array.from({ length: heldMax + 50 }, (_, i) => received(i.toString())));
  const window = new InboxWindow(log, 0, [], fail);
  while (await window.fill());
  expect(window.held).toBe(openMax + 1);
  const handed = await drain(window);
  expect([...handed].sort((a, b) => a - b)).toEqual(Array.from({ length: 2_000 + heldMax + 50 }, (_, i) => i + 1));
  for (let peer = 0; peer < peers.length; peer++) {
    const own = handed.filter((position) => position <= 2_000 && (position - 1) % peers.length === peer);
    expect(own).toEqual([...own].sort((a, b) => a - b));
  }
  expect(window.held).toBe(0);
});

test("a conversation that is read on is not read past what was deleted meanwhile", async () => {
  let behindList = (): Promise<unknown> => Promise.resolve();
  const world = await openLog(memoryDisk(), (inner) => {
    const list = inner.list.bind(inner);
    inner.list = async (range) => { const rows = await list(range); if (range.prefix.startsWith("client/log/")) await behindList(); return rows; };
    return inner;
  });
  await append(world, ...Array.from({ length: heldMax * 3 }, (_, i) => received(i.toString())));
  const window = new InboxWindow(world.log, 0, [], fail);
  while (await window.fill());
  behindList = async () => {
    behindList = () => Promise.resolve();
    await world.ledger.run(async (tx) => {
      for (let position = heldMax + 1; position <= heldMax * 2; position++) removeMessage(tx, world.log, (await world.log.record(tx, position))!);
    });
  };
  const handed = await drain(window);
  expect(handed.at(-1)).toBe(heldMax * 3);
});

test("what is given back late sets nothing else free, and a message taken back before the log is read up to it is held once", async () => {
  const { log, ...world } = await openLog();
  await append({ log, ...world }, received("1"), received("2"), received("3"));
  const window = new InboxWindow(log, 0, [{ position: 3, attempts: 0, acked: true }], fail);
  window.add(3, romeo);
  await window.fill();
  expect(window.held).toBe(3);
  const first = window.take()!;
  window.settle(first, 1);
  window.giveBack(first);
  expect(window.take()?.position).toBe(2);
  window.giveBack(first);
  expect(window.take()).toBeUndefined();
});

test("what could not be read from the log is read by the next call", async () => {
  let failing = true;
  const world = await service(memoryDisk(), (inner) => {
    const list = inner.list.bind(inner);
    inner.list = async (range) => { if (failing && range.limit === 500) throw new StorageError("ERR_STORE_FAILED", "scripted"); return list(range); };
    return inner;
  });
  await append(world, received("1"));
  await expect(world.inbox.process(() => Promise.resolve(), { concurrency: 2 })).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  failing = false;
  const seen = serve(world, "", 2);
  await expect.poll(() => seen).toEqual(["1 1"]);
});

/** Makes the row of a message one that this version did not write. */
function damage(disk: MemoryDisk, position: number): void {
  const suffix = (position + 2 ** 52).toString(16).padStart(14, "0");
  const key = [...disk.rows.keys()].find((each) => each.startsWith("client/log/") && each.endsWith(suffix));
  disk.rows.set(key as StoreKey, utf8('{"v":1,"position":1}'));
}

test("D13 a message that cannot be read goes aside and is told, and what is behind it is handed out; taken back it goes aside again", async () => {
  const disk = memoryDisk();
  const before = await openLog(disk);
  await append(before, received("bad"), received("behind"), received("other", mercutio));
  damage(disk, 1);
  const world = await service(disk);
  const seen = serve(world, "", 1);
  await expect.poll(() => seen).toEqual(["behind 1", "other 1"]);
  expect(world.errors).toEqual([expect.objectContaining({ code: "ERR_RECORD_INVALID" })]);
  expect(await world.inbox.deadLetters()).toEqual([]);
  expect(inboxRows(disk).filter((key) => key.includes("/dead/"))).toHaveLength(1); // a version that can read it finds it there
  await world.inbox.retryDeadLetter(1);
  expect([world.errors.length, inboxRows(disk).filter((key) => key.includes("/dead/")).length]).toEqual([2, 1]);
  await append(world, received("next"));
  await expect.poll(() => seen.at(-1)).toBe("next 1");
});

test("D13 a message that was taken back from the dead letters and is damaged then does not keep the inbox shut", async () => {
  const disk = memoryDisk();
  const world = await service(disk);
  await append(world, received("poison"), received("behind"));
  const stop = new AbortController();
  await world.inbox.process(async ({ message }) => {
    if (message.text === "poison") throw new RangeError("cannot");
    stop.abort();
  }, { attemptsMax: 1, signal: stop.signal });
  await world.inbox.retryDeadLetter(1);
  damage(disk, 1);
  const again = await service(disk);
  await append(again, received("next"));
  const seen = serve(again, "", 1);
  await expect.poll(() => seen).toEqual(["next 1"]);
  expect(again.errors).toHaveLength(1);
});

test("D13 a damaged message among those that a conversation is read on with goes aside alone", async () => {
  const disk = memoryDisk();
  await append(await openLog(disk), ...Array.from({ length: heldMax + 20 }, (_, i) => received(i.toString())), received("m", mercutio));
  const prefix = "client/log/romeo";
  const world = await service(disk, (inner) => { // as a store does that checks what it reads
    const [list, get] = [inner.list.bind(inner), inner.get.bind(inner)];
    const isBad = (key: string): boolean => key.startsWith(prefix) && key.endsWith((2 ** 52 + heldMax + 5).toString(16));
    const corrupt = new StorageError("ERR_STORE_CORRUPT", "that record");
    inner.list = async (range) => { const rows = await list(range); if (rows.some(({ key }) => isBad(key))) throw corrupt; return rows; };
    inner.get = async (key) => { if (isBad(key)) throw corrupt; return get(key); };
    return inner;
  });
  const seen = serve(world, "", 1);
  await expect.poll(() => seen.length).toBe(heldMax + 20);
  expect([seen.includes("m 1"), seen.includes(`${(heldMax + 4).toString()} 1`), world.errors]).toEqual([true, false, [expect.objectContaining({ code: "ERR_STORE_CORRUPT" })]]);
});

test("a store that fails under an acknowledgement ends the call, and the next one serves the conversation again", async () => {
  let full = false;
  const world = await service(memoryDisk(), (inner) => {
    const commit = inner.commit.bind(inner);
    inner.commit = async (changes, fence) => { if (full) throw new StorageError("ERR_STORE_FULL", "scripted", { retryable: true }); return commit(changes, fence); };
    return inner;
  });
  await append(world, received("r1"), received("m1", mercutio));
  await expect(world.inbox.process(async () => { full = true; })).rejects.toMatchObject({ code: "ERR_STORE_FULL" });
  full = false;
  const seen = serve(world, "", 1);
  await expect.poll(() => seen).toEqual(["r1 2", "m1 1"]);
});

test("closing ends whoever reads, at once and however often it is called, also where the store closes with it", async () => {
  let closed = false;
  let whileReading = (): void => undefined;
  const world = await service(memoryDisk(), (inner) => {
    const list = inner.list.bind(inner);
    inner.list = async (range) => {
      if (range.limit === 500) whileReading();
      if (closed) throw new StorageError("ERR_STORE_CLOSED", "scripted");
      return list(range);
    };
    return inner;
  });
  const reading = world.inbox[Symbol.asyncIterator]();
  const ended = Promise.all([world.inbox.process(() => Promise.resolve(), { concurrency: 3 }), reading.next()]);
  await world.inbox.deadLetters(); // they sleep
  world.inbox.close();
  world.inbox.close();
  expect((await ended)[1]).toEqual({ done: true, value: undefined });
  const during = open(world, world.clock, []);
  whileReading = () => { closed = true; during.close(); };
  await during.process(() => Promise.resolve());
  closed = false;
  const after = open(world, world.clock, []);
  const opening = Promise.all([after.process(() => Promise.resolve()), after[Symbol.asyncIterator]().next()]); // not loaded yet
  closed = true;
  after.close();
  await opening;
  await after.process(() => Promise.resolve());
  expect(await after[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
});

test("a message whose attempt is being counted when the inbox closes is not handed out any more", async () => {
  let close = (): void => undefined;
  const world = await service(memoryDisk(), (inner) => {
    const commit = inner.commit.bind(inner);
    inner.commit = async (changes, fence) => { await commit(changes, fence); if (changes.some(({ key }) => key.startsWith("client/inbox/item/"))) close(); };
    return inner;
  });
  await append(world, received("1"));
  close = () => { world.inbox.close(); };
  const seen: string[] = [];
  await world.inbox.process(async ({ message }) => { seen.push(message.text); });
  expect(seen).toEqual([]);
  expect(textsOf([(await next((await service(world.disk)).inbox)).message])).toBe("1");
});
