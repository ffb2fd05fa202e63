/** Replies for which the outbox has no room (Q15): whose failure that is, and what becomes of the message. */
import { expect, test } from "vitest";
import { systemRng } from "../../../src/base/rng.js";
import { ClientError } from "../../../src/client/errors.js";
import { openInbox } from "../../../src/client/inbox/inbox.js";
import type { Inbox, InboxDelivery } from "../../../src/client/inbox/types.js";
import { SendTracker } from "../../../src/client/outbox/send-handle.js";
import { append, type LogWorld, openLog, received, textsOf } from "../../support/log-world.js";
import { mercutio } from "../../support/omemo-world.js";
import { TickingClock } from "../../support/reception.js";

/** An outbox that has no room before somebody makes some. */
class Full {
  readonly clock = new TickingClock();
  readonly errors: unknown[] = [];
  readonly sent: string[] = [];
  readonly inbox: Inbox;
  /** Replies that find room. */
  room = 0;
  /** Messages that wait, beside replies. */
  others = 1_000;
  /** Why a reply cannot leave for which there is room. */
  refusal: ClientError | undefined;
  tries = 0;

  constructor(world: LogWorld) {
    this.inbox = openInbox({
      ...world, clock: this.clock, rng: systemRng(), onError: (error) => this.errors.push(error),
      reply: async (tx, to, { text }) => {
        this.tries += 1;
        if (this.room <= 0) throw new ClientError("ERR_OUTBOX_FULL", "planned", { retryable: true, details: { waiting: this.others, bytes: 1 } });
        if (this.refusal !== undefined) throw this.refusal;
        this.room -= 1;
        tx.onUndone(() => { this.room += 1; });
        tx.afterCommit(() => this.sent.push(text));
        return new SendTracker(text, to, () => Promise.resolve(false));
      },
    });
  }

  /** So much time passes that whoever waits has looked again, and how often that was. */
  async wait(): Promise<number> {
    const before = this.tries;
    for (let second = 0; second < 600; second++) {
      this.clock.advance(1_000);
      await new Promise((resolve) => { setTimeout(resolve, 0); });
    }
    return this.tries - before;
  }
}

const full = { code: "ERR_OUTBOX_FULL" };

test("Q22 Q15 a reply for which the outbox has no room waits for some: the handler is not called again, and no message goes aside for it", async () => {
  const world = await openLog();
  const service = new Full(world);
  await append(world, received("1"), received("2"));
  const seen: string[] = [];
  const stop = new AbortController();
  const done = service.inbox.process(({ message: { text }, attempt }) => {
    seen.push(`${text} ${String(attempt)}`);
    return [{ text: `to ${text}` }];
  }, { signal: stop.signal, attemptsMax: 2 });
  await expect.poll(() => service.errors).toMatchObject([full]);
  const tries = await service.wait(); // ten minutes
  expect(tries).toBeGreaterThan(5);
  expect(tries).toBeLessThan(40); // less often with time
  expect([seen, service.sent, await service.inbox.deadLetters()]).toEqual([["1 1"], [], []]);
  service.room = 2;
  await service.wait();
  expect([seen, service.sent]).toEqual([["1 1", "2 1"], ["to 1", "to 2"]]);
  expect(service.errors).toHaveLength(1); // told once
  stop.abort();
  await done;
});

test("Q22 whoever stops while replies wait for room gets the message again, as the same attempt", async () => {
  const world = await openLog();
  const service = new Full(world);
  await append(world, received("1"));
  const seen: number[] = [];
  for (let times = 1; times <= 4; times++) {
    const stop = new AbortController();
    const done = service.inbox.process(({ attempt }) => {
      seen.push(attempt);
      return [{ text: "late" }];
    }, { signal: stop.signal, attemptsMax: 2 });
    await expect.poll(() => service.errors.length).toBe(times);
    stop.abort();
    await done;
  }
  expect(seen).toEqual([1, 1, 1, 1]);
  const ending = service.inbox.process(() => [{ text: "late" }]);
  await expect.poll(() => service.errors.length).toBe(5);
  service.inbox.close();
  await ending;
  expect(service.sent).toEqual([]);
  // Nor has it failed in the eyes of a later process.
  const later = new Full(await openLog(world.disk));
  for await (const { attempt } of later.inbox) {
    expect(attempt).toBe(1);
    break;
  }
});

test("Q22 a handler that acknowledges by itself, and finds no room, is called again without having failed", async () => {
  const world = await openLog();
  const service = new Full(world);
  await append(world, received("1"), received("other", mercutio));
  const seen: string[] = [];
  const stop = new AbortController();
  const done = service.inbox.process(async (delivery) => {
    seen.push(`${delivery.message.text} ${String(delivery.attempt)}`);
    await delivery.ack({ replies: [{ text: `to ${delivery.message.text}` }] });
  }, { signal: stop.signal, attemptsMax: 2 });
  await expect.poll(() => service.errors.length).toBe(1);
  await service.wait();
  expect(new Set(seen)).toEqual(new Set(["1 1"]));
  service.room = 2;
  await service.wait();
  expect([seen.at(-1), service.sent]).toEqual(["other 1", ["to 1", "to other"]]);
  expect(await service.inbox.deadLetters()).toEqual([]);
  stop.abort();
  await done;
});

test("Q22 L02 replies for which there is no room in an outbox where nothing else waits are the handler's failure, and hold nobody up", async () => {
  const world = await openLog();
  const service = new Full(world);
  service.others = 1; // the first of them
  await append(world, received("too much"));
  const done = service.inbox.process(() => [{ text: "a" }, { text: "b" }], { attemptsMax: 1 });
  await expect.poll(async () => textsOf(await service.inbox.deadLetters())).toBe("too much");
  service.inbox.close();
  await done;
});

test.each([
  ["acknowledges by itself with more than there is room for", (delivery: InboxDelivery) => delivery.ack({ replies: [{ text: "a" }, { text: "b" }] })],
  ["sends by itself, and finds no room", () => { throw new ClientError("ERR_OUTBOX_FULL", "planned", { retryable: true, details: { waiting: 10_000, bytes: 1 } }); }],
])("Q22 L02 a handler that %s has failed, and holds nobody up", async (_, handler) => {
  const world = await openLog();
  const service = new Full(world);
  service.others = 1;
  await append(world, received("too much"));
  const done = service.inbox.process(async (delivery) => { await handler(delivery); }, { attemptsMax: 1 });
  await expect.poll(async () => textsOf(await service.inbox.deadLetters())).toBe("too much");
  service.inbox.close();
  await done;
});

test("Q22 a handler that is called again, since its own acknowledgement found no room, is counted before it is called: also that call may kill the process", async () => {
  const world = await openLog();
  const service = new Full(world);
  await append(world, received("1"));
  let calls = 0;
  void service.inbox.process(async (delivery) => {
    if (++calls === 3) await new Promise(() => undefined); // here the process dies
    await delivery.ack({ replies: [{ text: "late" }] });
  });
  await expect.poll(async () => { await service.wait(); return calls; }).toBe(3);
  expect(service.errors).toMatchObject([full]); // told once
  for await (const { attempt } of new Full(await openLog(world.disk)).inbox) {
    expect(attempt).toBe(2);
    break;
  }
});

test("Q22 a handler whose own acknowledgement found no room, and then its replies, has made no attempt yet: whoever gets the message next makes it", async () => {
  const world = await openLog();
  const service = new Full(world);
  await append(world, received("1"));
  let calls = 0;
  void service.inbox.process(async (delivery) => {
    if (++calls === 1) await delivery.ack({ replies: [{ text: "late" }] });
    return [{ text: "late" }];
  });
  await expect.poll(async () => { await service.wait(); return service.tries; }).toBeGreaterThan(3); // here the process dies
  expect(calls).toBe(2);
  for await (const { attempt } of new Full(await openLog(world.disk)).inbox) {
    expect(attempt).toBe(1);
    break;
  }
});

test("Q22 L02 replies that cannot leave once there is room for them are a failed attempt, like all others", async () => {
  const world = await openLog();
  const service = new Full(world);
  await append(world, received("1"));
  const attempts: number[] = [];
  const done = service.inbox.process(({ attempt }) => {
    attempts.push(attempt);
    return [{ text: "to nobody" }];
  }, { attemptsMax: 2 });
  await expect.poll(() => service.errors).toMatchObject([full]);
  service.room = 1;
  service.refusal = new ClientError("ERR_MESSAGE_TOO_LARGE", "planned");
  await expect.poll(async () => { await service.wait(); return textsOf(await service.inbox.deadLetters()); }).toBe("1");
  expect(attempts).toEqual([1, 2]);
  service.inbox.close();
  await done;
});

test("Q22 replies of a handler that acknowledges by itself and does not wait for it wait for room as well", async () => {
  const world = await openLog();
  const service = new Full(world);
  await append(world, received("1"));
  const done = service.inbox.process((delivery) => { void delivery.ack({ replies: [{ text: "own" }] }); });
  await expect.poll(() => service.errors).toMatchObject([full]);
  service.room = 1;
  await service.wait();
  expect(service.sent).toEqual(["own"]);
  service.inbox.close();
  await done;
});
