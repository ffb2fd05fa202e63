/** Messages of a tab's inbox that outlast their leaders, and acknowledgements that come late. */
import { expect, test } from "vitest";
import { Emitter } from "../../../src/base/events.js";
import type { SottoClient } from "../../../src/client/client.js";
import type { InboxDelivery } from "../../../src/client/inbox/types.js";
import type { Client } from "../../../src/client/surface.js";
import { calm, type FacadeWorld, juliet, romeo, testWorld, when } from "../../support/facade-world.js";

/** A tab, and messages in its log. */
async function stage(...texts: readonly string[]): Promise<{ readonly there: FacadeWorld; readonly client: Client }> {
  const there = testWorld({ autoConnect: true });
  const { client } = await there.open();
  await client.ready();
  const friend: SottoClient = await there.other(juliet);
  const timeline = client.conversation(juliet).timeline();
  const stop = timeline.subscribe(() => undefined);
  for (const text of texts) await friend.conversation(romeo).send({ text }).reached("sent");
  await when(timeline, () => timeline.getSnapshot().messages.length === texts.length);
  stop();
  return { there, client };
}

/** A handler whose calls a test ends, one by one. */
class Handler {
  readonly attempts: number[] = [];
  readonly #calls = new Emitter<undefined>();
  readonly #ends: ((error?: Error) => void)[] = [];

  readonly run = ({ attempt }: InboxDelivery): Promise<{ readonly text: string }[]> => new Promise((resolve, reject) => {
    this.attempts.push(attempt);
    this.#ends.push((error) => {
      if (error === undefined) resolve([{ text: "at last" }]);
      else reject(error);
    });
    this.#calls.emit(undefined);
  });

  /** Resolves when it has been called so often. */
  called(times: number): Promise<void> {
    return when(this.#calls, () => this.attempts.length >= times);
  }

  end(error?: Error): void {
    this.#ends.shift()?.(error);
  }
}

/** What the tab has answered. */
async function answers(client: Client): Promise<string[]> {
  const messages = await client.conversation(juliet).history();
  return messages.flatMap(({ direction, text }) => (direction === "sent" ? [text] : []));
}

test("Q22 a handler that runs while many leaders come and go is one attempt: its message is settled by what it returns", async () => {
  const { there, client } = await stage("a long question");
  const inbox = await client.inbox();
  const [handler, abort] = [new Handler(), new AbortController()];
  const done = inbox.process(handler.run, { attemptsMax: 2, signal: abort.signal });
  await handler.called(1);
  for (let i = 0; i < 6; i++) {
    await there.lead();
    await calm();
  }
  handler.end();
  await calm();
  expect([handler.attempts, await answers(client), await inbox.deadLetters()]).toEqual([[1], ["at last"], []]);
  abort.abort();
  await done;
});

test("Q22 a handler that fails after many leaders have come and gone has failed once, and does not run twice at a time", async () => {
  const { there, client } = await stage("a long question");
  const inbox = await client.inbox();
  const [handler, abort] = [new Handler(), new AbortController()];
  const done = inbox.process(handler.run, { attemptsMax: 9, signal: abort.signal });
  await handler.called(1);
  for (let i = 0; i < 3; i++) {
    await there.lead();
    await calm();
  }
  handler.end(new TypeError("no"));
  await calm();
  expect(handler.attempts).toEqual([1]);
  await there.lead(); // which waits no longer
  await handler.called(2);
  expect(handler.attempts).toEqual([1, 2]);
  handler.end();
  await calm();
  expect(await answers(client)).toEqual(["at last"]);
  abort.abort();
  await done;
});

test("Q22 an attempt that had failed under the former leader counts, and the next one is another call", async () => {
  const { there, client } = await stage("a question");
  const inbox = await client.inbox();
  const [handler, abort] = [new Handler(), new AbortController()];
  const done = inbox.process(handler.run, { attemptsMax: 2, signal: abort.signal });
  await handler.called(1);
  handler.end(new TypeError("no"));
  await calm();
  await there.lead(); // which waits no longer
  await handler.called(2);
  expect(handler.attempts).toEqual([1, 2]);
  handler.end(new TypeError("no"));
  await calm();
  expect((await inbox.deadLetters()).map(({ text }) => text)).toEqual(["a question"]);
  abort.abort();
  await done;
});

test("Q22 an attempt is not forgotten with the leader that counted it: after the tab whose handler runs the next one sees another number", async () => {
  const { there, client } = await stage("a long question");
  const [link] = there.links;
  const inbox = await client.inbox();
  const [handler, abort] = [new Handler(), new AbortController()];
  void inbox.process(handler.run, { signal: abort.signal });
  await handler.called(1);
  abort.abort(); // which waits for the handler
  const host = await there.lead();
  await calm();
  expect(host.use.inboxes).toBe(1);
  const { client: second } = await there.tab();
  host.leave(link?.id ?? "");
  await calm();
  const [next, stop] = [new Handler(), new AbortController()];
  const done = (await second.inbox()).process(next.run, { signal: stop.signal });
  await next.called(1);
  expect([handler.attempts, next.attempts]).toEqual([[1], [2]]);
  next.end();
  stop.abort();
  await done;
});

test("an inbox that is being opened when its tab begins anew with the same leader is open, and goes on", async () => {
  const { there, client } = await stage();
  const [link] = there.links;
  const opening = client.inbox();
  await Promise.resolve(); // the leader hears of it
  await Promise.resolve();
  for (let i = 0; i < 3; i++) link?.epochs.emit(there.epoch);
  const inbox = await opening;
  for (let i = 0; i < 3; i++) link?.epochs.emit(there.epoch);
  await calm();
  expect(await inbox.deadLetters()).toEqual([]);
  expect(there.host?.use.inboxes).toBe(1);
});

test("replies to a message that its handler has settled are not stored, and there are no handles on them", async () => {
  const { client } = await stage("a question");
  const inbox = await client.inbox();
  const abort = new AbortController();
  let late: InboxDelivery | undefined;
  const done = inbox.process((delivery) => {
    late = delivery;
    return Promise.resolve([{ text: "an answer" }]);
  }, { signal: abort.signal });
  const timeline = client.conversation(juliet).timeline();
  const stop = timeline.subscribe(() => undefined);
  await when(timeline, () => timeline.getSnapshot().messages.some(({ direction }) => direction === "sent"));
  stop();
  expect(await late?.ack({ replies: [{ text: "another one" }] })).toEqual([]);
  expect(await answers(client)).toEqual(["an answer"]);
  abort.abort();
  await done;
});

test("nor are they to one that has gone aside, under whichever leader", async () => {
  const { there, client } = await stage("a question");
  const inbox = await client.inbox();
  const abort = new AbortController();
  const late: InboxDelivery[] = [];
  const aside = new Promise<void>((resolve) => { client.onEvent(({ kind }) => { if (kind === "error") resolve(); }); });
  const done = inbox.process((delivery): Promise<void> => {
    late.push(delivery);
    return Promise.reject(new TypeError("no"));
  }, { attemptsMax: 1, signal: abort.signal });
  await aside;
  await calm();
  expect(await inbox.deadLetters()).toHaveLength(1);
  await there.lead();
  await calm();
  expect(await Promise.all(late.map((delivery) => delivery.ack({ replies: [{ text: "too late" }] })))).toEqual([[]]);
  expect(await answers(client)).toEqual([]);
  abort.abort();
  await done;
});
