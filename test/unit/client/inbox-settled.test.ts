/** What the store says is settled, and by whom: memory of one consumer knows neither what another has done nor what the same commit does. */
import { expect, test } from "vitest";
import type { InboxDelivery } from "../../../src/client/inbox/types.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk } from "../../../src/storage/memory.js";
import { inboxRows, next, open, replies, type Service, service } from "../../support/inbox-service.js";
import { append, received, textsOf } from "../../support/log-world.js";
import { mercutio, romeo } from "../../support/omemo-world.js";

/** What is handed out next, if anything is. */
const soon = (inbox: Service["inbox"]): Promise<InboxDelivery | "nothing"> =>
  Promise.race([next(inbox), new Promise<"nothing">((resolve) => { setTimeout(resolve, 20, "nothing"); })]);

/** Fails the next message, whose attempt is the last one; its position. */
async function bury(world: Service, attemptsMax = 1): Promise<number> {
  const stop = new AbortController();
  await world.inbox.process(async () => {
    stop.abort();
    throw new RangeError("cannot");
  }, { attemptsMax, signal: stop.signal });
  return (await world.inbox.deadLetters()).at(-1)!.position;
}

test("Q22 a dead letter that is taken back beside an acknowledgement is open or dead at each moment, also after a restart", async () => {
  for (const order of ["retry", "ack"] as const) {
    for (let turns = 0; turns < 40; turns++) {
      const world = await service();
      await append(world, received("busy"), received("poison", mercutio));
      const busy = await next(world.inbox);
      const position = await bury(world);
      const both = [(): Promise<unknown> => world.inbox.retryDeadLetter(position), (): Promise<unknown> => busy.ack()];
      const [first, second] = order === "retry" ? both : both.reverse();
      const begun = first!();
      for (let i = 0; i < turns; i++) await Promise.resolve();
      await Promise.all([begun, second!()]);
      world.inbox.close();
      const again = await service(world.disk);
      expect([await again.inbox.deadLetters(), (await next(again.inbox)).message.text], `${order} first, ${turns} turns`).toEqual([[], "poison"]);
    }
  }
});

test("Q22 a dead letter that another consumer has taken back is not lost with an acknowledgement of the one before it", async () => {
  const world = await service();
  await append(world, received("busy"), received("poison", mercutio));
  const busy = await next(world.inbox);
  const position = await bury(world);
  world.inbox.close();
  const second = open(world, world.clock, world.errors);
  await second.retryDeadLetter(position);
  await busy.ack();
  second.close();
  const again = await service(world.disk);
  expect((await next(again.inbox)).message.text).toBe("poison");
});

test("Q22 what a handler of a closed inbox acknowledges is not handed out again by the consumer that was opened before, nor after", async () => {
  const world = await service();
  await append(world, received("1"), received("m", mercutio), received("behind", mercutio));
  await next(world.inbox);
  const m = await next(world.inbox);
  world.inbox.close();
  const second = open(world, world.clock, world.errors);
  const one = await next(second);
  await m.ack({ replies: [{ text: "once" }] });
  const behind = await next(second);
  expect(behind.message.text).toBe("behind");
  await behind.ack();
  await one.ack();
  expect(await soon(second)).toBe("nothing");
  second.close();
  const again = await service(world.disk);
  expect(await soon(again.inbox)).toBe("nothing");
  expect([replies(world.disk), inboxRows(world.disk)]).toEqual([["once 1"], ["client/inbox/state"]]);
});

test("Q22 of two deliveries of one message the first acknowledgement counts, and the second sends nothing", async () => {
  for (const later of ["old", "new"] as const) {
    const world = await service();
    await append(world, received("1"));
    const old = await next(world.inbox);
    world.inbox.close();
    const second = open(world, world.clock, world.errors);
    const again = await next(second);
    const [winner, loser] = later === "old" ? [again, old] : [old, again];
    expect(await winner.ack({ replies: [{ text: "answer" }] })).toHaveLength(1);
    expect(await loser.ack({ replies: [{ text: "answer" }] })).toEqual([]);
    expect([replies(world.disk), await soon(second)]).toEqual([["answer 1"], "nothing"]);
  }
});

test("Q22 what was acknowledged does not become a dead letter, however often it was handed out", async () => {
  const world = await service();
  await append(world, received("1"), received("2", mercutio));
  const old = await next(world.inbox);
  world.inbox.close();
  const second = open(world, world.clock, world.errors);
  await second.deadLetters(); // it has read that there was one attempt
  await old.ack();
  await bury({ ...world, inbox: second });
  expect(textsOf(await second.deadLetters())).toBe("2");
});

test("Q22 a late acknowledgement of what has gone aside sends nothing and leaves it there", async () => {
  const world = await service();
  await append(world, received("1"));
  const old = await next(world.inbox);
  world.inbox.close();
  const second = open(world, world.clock, world.errors);
  await bury({ ...world, inbox: second }, 2);
  expect(await old.ack({ replies: [{ text: "late" }] })).toEqual([]);
  expect([textsOf(await second.deadLetters()), replies(world.disk)]).toEqual(["1", []]);
});

test("Q22 a store that fails for a moment when the inbox is used first does not close it for good", async () => {
  for (const operation of ["get", "list"] as const) {
    let failing = false;
    const world = await service(memoryDisk(), (inner) => {
      const [get, list] = [inner.get.bind(inner), inner.list.bind(inner)];
      const check = (failed: typeof operation): void => { if (failing && operation === failed) throw new StorageError("ERR_STORE_FAILED", "scripted"); };
      inner.get = async (key) => { check("get"); return get(key); };
      inner.list = async (range) => { check("list"); return list(range); };
      return inner;
    });
    await append(world, received("1", romeo));
    failing = true;
    const calls = [world.inbox.process(() => Promise.resolve()), world.inbox.deadLetters(), world.inbox[Symbol.asyncIterator]().next()];
    for (const each of await Promise.allSettled(calls)) expect(each).toMatchObject({ status: "rejected", reason: { code: "ERR_STORE_FAILED" } });
    failing = false;
    expect((await next(world.inbox)).message.text).toBe("1");
    world.inbox.close();
    open(world, world.clock, world.errors).close();
  }
});

test("Q22 only a dead letter is taken back: a message that was acknowledged is not answered once more", async () => {
  const world = await service();
  await append(world, received("1"), received("2"));
  const first = await next(world.inbox);
  await first.ack();
  await world.inbox.retryDeadLetter(first.message.position);
  expect((await next(world.inbox)).message.text).toBe("2");
  expect((await next((await service(world.disk)).inbox)).message.text).toBe("2");
});

test("Q22 a message that a handler acknowledges after all, when it has failed already, holds up no longer what is behind it", async () => {
  const world = await service();
  await append(world, received("1"), received("2"));
  const seen: InboxDelivery[] = [];
  const done = world.inbox.process((delivery) => {
    seen.push(delivery);
    if (seen.length === 1) throw new RangeError("too early");
  });
  await expect.poll(() => world.errors).toHaveLength(1);
  await seen[0]?.ack();
  await expect.poll(() => seen.map(({ message }) => message.text)).toEqual(["1", "2"]);
  world.inbox.close();
  await done;
});
