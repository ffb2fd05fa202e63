import { expect, test } from "vitest";
import type { MessageDraft } from "../../../src/client/draft.js";
import type { InboxHandler } from "../../../src/client/inbox/types.js";
import { removeMessage } from "../../../src/client/log/removal.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk } from "../../../src/storage/memory.js";
import { type FaultKind, type FaultyStore, faultyStore } from "../../../src/testing/faulty-store.js";
import { inboxRows, next, open, replies, type Service, service } from "../../support/inbox-service.js";
import { append, openLog, received, sent, textsOf } from "../../support/log-world.js";
import { mercutio, romeo } from "../../support/omemo-world.js";

test("received messages are handed out in order, from the log's beginning; own and unreadable ones are not; nothing is written before", async () => {
  const { inbox, disk, ...world } = await service();
  await append({ disk, ...world }, received("1"), sent("mine"), received("", romeo, { unreadable: "ERR_X" }), received("2"));
  expect(inboxRows(disk)).toEqual([]);
  const first = await next(inbox);
  expect([first.message.text, first.attempt]).toEqual(["1", 1]);
  await first.ack();
  const second = await next(inbox);
  expect(second.message.text).toBe("2");
  await second.ack();
  expect(inboxRows(disk)).toHaveLength(1);
});

test("one conversation waits for its acknowledgement, others go on; what comes later is seen", async () => {
  const world = await service();
  await append(world, received("r1"), received("r2"), received("m1", mercutio));
  const r1 = await next(world.inbox);
  const m1 = await next(world.inbox);
  expect([r1.message.text, m1.message.text]).toEqual(["r1", "m1"]);
  const waiting = next(world.inbox);
  await m1.ack();
  await append(world, received("m2", mercutio));
  const m2 = await waiting;
  expect(m2.message.text).toBe("m2");
  await r1.ack();
  expect((await next(world.inbox)).message.text).toBe("r2");
});

test("Q22 what was not acknowledged is handed out again after a restart, counted, and with its place to recognise it by", async () => {
  const world = await service();
  await append(world, received("1"), received("2", mercutio), received("3"));
  const first = await next(world.inbox);
  await (await next(world.inbox)).ack();
  const again = await service(world.disk);
  const second = await next(again.inbox);
  expect([second.message.position, second.attempt]).toEqual([first.message.position, 2]);
  await second.ack();
  expect((await next(again.inbox)).message.text).toBe("3");
});

test("Q22 the attempt is durable before the handler sees the message: a poison message that kills the process goes aside, and blocks nobody", async () => {
  let disk = memoryDisk();
  await append(await openLog(disk), received("poison"), received("behind"), received("other", mercutio));
  const seen: string[] = [];
  for (let life = 1; life <= 8; life++) {
    const world = await service(disk);
    const stop = new AbortController();
    // The "process" ends in the handler: what it would have done afterwards never happens.
    const died = new Promise<void>((resolve) => {
      void world.inbox.process(async (delivery) => {
        seen.push(`${delivery.message.text} ${delivery.attempt.toString()}`);
        if (delivery.message.text === "poison") { resolve(); await new Promise(() => undefined); }
      }, { signal: stop.signal, attemptsMax: 3 }).catch(() => undefined);
    });
    await Promise.race([died, new Promise((resolve) => { setTimeout(resolve, 50); })]);
    stop.abort();
    disk = { ...disk, rows: new Map(disk.rows) };
  }
  expect(seen).toEqual(["poison 1", "poison 2", "poison 3", "behind 1", "other 1"]);
  const after = await service(disk);
  expect(textsOf(await after.inbox.deadLetters())).toBe("poison");
});

test("a handler that throws gets the message again, later each time, while other conversations are served; then it goes aside", async () => {
  const world = await service();
  await append(world, received("bad"), received("behind"), received("other", mercutio));
  const seen: string[] = [];
  const stop = new AbortController();
  const done = world.inbox.process(async ({ message, attempt }) => {
    seen.push(`${message.text} ${attempt.toString()}`);
    if (message.text === "bad") throw new RangeError("cannot");
  }, { signal: stop.signal, attemptsMax: 3 });
  await expect.poll(() => seen.length).toBe(2);
  for (const wait of [1_000, 2_000]) {
    const before = seen.length;
    world.clock.advance(wait / 2 - 1);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
    expect(seen.length).toBe(before);
    world.clock.advance(wait);
    await expect.poll(() => seen.length).toBeGreaterThan(before);
  }
  await expect.poll(() => seen).toEqual(["bad 1", "other 1", "bad 2", "bad 3", "behind 1"]);
  expect(world.errors).toHaveLength(3);
  const [dead] = await world.inbox.deadLetters();
  await world.inbox.retryDeadLetter(dead!.position);
  await expect.poll(() => seen.at(-1)).toBe("bad 1");
  expect(await world.inbox.deadLetters()).toEqual([]);
  stop.abort();
  await done;
});

test.each<[string, unknown]>([["a text", "Thanks!"], ["an object", { text: "Thanks!" }], ["a promise of a number", Promise.resolve(0)], ["false", false]])(
  "a handler that returns %s has said what nobody can send: that is told, and a failed attempt, not an acknowledgement", async (_, returned) => {
    const world = await service();
    await append(world, received("1"));
    const stop = new AbortController();
    const done = world.inbox.process((() => returned) as unknown as InboxHandler, { signal: stop.signal, attemptsMax: 1 });
    await expect.poll(() => world.errors).toMatchObject([{ name: "UsageError", code: "ERR_INVALID_ARGUMENT" }]);
    await expect.poll(async () => textsOf(await world.inbox.deadLetters())).toBe("1");
    stop.abort();
    await done;
    expect(replies(world.disk)).toEqual([]);
  });

test("a dead letter is named by its position, and what is none is not looked for", async () => {
  const { inbox } = await service();
  for (const position of [undefined, null, "1", {}, Number.NaN, 0.5]) await expect(inbox.retryDeadLetter(position as never)).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  await inbox.retryDeadLetter(1);
});

test("what is no list of replies settles nothing, and nothing at all is no reply", async () => {
  const world = await service();
  await append(world, received("1"), received("2"));
  const delivery = await next(world.inbox);
  for (const given of ["Thanks!", { text: "Thanks!" }, 0, new Set([{ text: "Thanks!" }])]) {
    const acknowledging = delivery.ack({ replies: given as never }); // must not throw
    await expect(acknowledging).rejects.toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  }
  expect(await delivery.ack({ replies: null as never })).toEqual([]);
  const stop = new AbortController();
  await world.inbox.process((() => { stop.abort(); return null; }) as unknown as InboxHandler, { signal: stop.signal });
  expect([world.errors, await world.inbox.deadLetters()]).toEqual([[], []]);
  world.inbox.close();
  await append(world, received("3"));
  expect((await next((await service(world.disk)).inbox)).message.text).toBe("3");
});

test("replies are in the commit of the acknowledgement; one that cannot be sent settles nothing", async () => {
  const world = await service();
  await append(world, received("1"));
  const delivery = await next(world.inbox);
  await expect(delivery.ack({ replies: [{ text: "ok" }, { text: "" }] })).rejects.toThrow("empty");
  expect(replies(world.disk)).toEqual([]);
  const commits: string[][] = [];
  const commit = world.store.commit.bind(world.store);
  world.store.commit = (changes, fence) => { commits.push(changes.map(({ key }) => key)); return commit(changes, fence); };
  expect(await delivery.ack({ replies: [{ text: "ok" }] })).toHaveLength(1);
  await delivery.ack({ replies: [{ text: "ok" }] });
  expect(replies(world.disk)).toEqual(["ok 1"]);
  expect(commits).toHaveLength(1);
});

test("conversations are served side by side up to the concurrency, each in its order", async () => {
  const world = await service();
  const peers = [romeo, mercutio, "nurse@example.org" as typeof romeo];
  await append(world, ...[1, 2, 3].flatMap((i) => peers.map((peer) => received(`${peer} ${i.toString()}`, peer))));
  const seen: string[] = [];
  let running = 0;
  let most = 0;
  const stop = new AbortController();
  const done = world.inbox.process(async ({ message }) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => { setTimeout(resolve, 2); });
    running -= 1;
    seen.push(message.text);
    if (seen.length === 9) stop.abort();
  }, { signal: stop.signal, concurrency: 2 });
  await done;
  expect(most).toBe(2);
  for (const peer of peers) expect(seen.filter((text) => text.startsWith(peer))).toEqual([1, 2, 3].map((i) => `${peer} ${i.toString()}`));
});

test("one consumer at a time; the next one may come when it has closed", async () => {
  const world = await service();
  expect(() => open(world, world.clock, [])).toThrow(expect.objectContaining({ code: "ERR_INBOX_BUSY" }));
  const waiting = world.inbox.process(() => Promise.resolve());
  await world.inbox.deadLetters();
  world.inbox.close();
  await waiting;
  const next = open(world, world.clock, []);
  next.close();
});

test("a message that was deleted meanwhile is passed by", async () => {
  const world = await service();
  await append(world, received("1"), received("2"));
  await world.inbox.deadLetters();
  await world.ledger.run(async (tx) => { removeMessage(tx, world.log, (await world.log.record(tx, 1))!); });
  expect((await next(world.inbox)).message.text).toBe("2");
});

test("Q17 Q22 dying before or after any commit, no message goes unanswered and none is answered twice", async () => {
  const texts = ["1", "2", "3", "4"];
  for (const kind of ["die-before", "die-after", "fail"] as const satisfies readonly FaultKind[]) {
    for (let at = 1, more = true; more; at++) {
      const disk = memoryDisk();
      await append(await openLog(disk), ...texts.map((text, i) => received(text, i % 2 === 0 ? romeo : mercutio)));
      let store!: FaultyStore;
      await live(await service(disk, (inner) => (store = faultyStore(inner, { at, kind }))));
      more = store.counted >= at;
      await live(await service(disk));
      expect(replies(disk), `${kind} at ${at.toString()}`).toEqual(texts.map((text) => `re_${text} 1`));
      const rest = await service(disk);
      expect(await Promise.race([next(rest.inbox), new Promise((resolve) => { setTimeout(resolve, 5, "nothing"); })])).toBe("nothing");
    }
  }
});

/** Answers everything there is, or until the store dies. */
async function live(world: Service): Promise<void> {
  const stop = new AbortController();
  const handled = world.inbox.process(({ message }): Promise<readonly MessageDraft[]> => Promise.resolve([{ text: `re ${message.text}` }]), { signal: stop.signal, concurrency: 2 });
  const end = handled.catch(() => undefined);
  await Promise.race([end, new Promise((resolve) => { setTimeout(resolve, 20); })]);
  stop.abort();
  await end;
}

test("P18 what a handler throws is told as its own failure, with the cause; a row that it could not read ends nothing; it may return plainly", async () => {
  const world = await service();
  await append(world, received("1"), received("2", mercutio), received("3", "nurse@example.org" as typeof romeo));
  const thrown = new RangeError("of the application");
  const damaged = new StorageError("ERR_STORE_CORRUPT", "one row");
  const stop = new AbortController();
  await world.inbox.process(({ message: { text } }) => {
    if (text === "1") throw thrown;
    if (text === "2") throw damaged;
    stop.abort();
    return [{ text: "ok" }];
  }, { signal: stop.signal, attemptsMax: 1 });
  expect(world.errors).toMatchObject([thrown, damaged].map((cause) => ({ name: "ClientError", code: "ERR_HANDLER_FAILED", retryable: false, cause })));
  expect(textsOf(await world.inbox.deadLetters())).toBe("1 2");
  expect(replies(world.disk)).toEqual(["ok 1"]);
});
