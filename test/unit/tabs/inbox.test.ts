/** The durable consumer of services through a facade: at least once, one consumer at a time, replies exactly once - whoever leads. */
import { afterEach, expect, test } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import type { InboxDelivery } from "../../../src/client/inbox/types.js";
import type { Client } from "../../../src/client/surface.js";
import { calm, FacadeWorld, juliet, romeo, when } from "../../support/facade-world.js";
import { unhandledRejections } from "../../support/unhandled-rejections.js";

const worlds: FacadeWorld[] = [];
afterEach(async () => { for (const each of worlds.splice(0)) await each.end(); });

/** A tab, online, and a friend who writes to it. */
async function stage(): Promise<{ readonly there: FacadeWorld; readonly client: Client; readonly friend: SottoClient; readonly say: (text: string) => Promise<void> }> {
  const there = new FacadeWorld({ autoConnect: true });
  worlds.push(there);
  const { client } = await there.open();
  await client.ready();
  const friend = await there.other(juliet);
  return { there, client, friend, say: async (text) => { await friend.conversation(romeo).send({ text }).reached("sent"); } };
}

/** Resolves when the friend has got `count` messages. */
async function got(friend: SottoClient, count: number): Promise<string[]> {
  const timeline = friend.conversation(romeo).timeline();
  const stop = timeline.subscribe(() => undefined);
  const texts = (): string[] => timeline.getSnapshot().messages.filter(({ direction }) => direction === "received").map(({ text }) => text);
  await when(timeline, () => texts().length >= count);
  stop();
  return texts();
}

/** A promise and how to settle it. */
function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => { open = resolve; });
  return { open, passed };
}

test("handlers run in the tab, what they return is sent with the acknowledgement, and process() ends when told", async () => {
  const { client, friend, say } = await stage();
  const inbox = await client.inbox();
  const abort = new AbortController();
  const attempts: number[] = [];
  const done = inbox.process(async ({ message, attempt }) => {
    attempts.push(attempt);
    return Promise.resolve([{ text: `re: ${message.text}` }]);
  }, { signal: abort.signal });
  await say("a");
  await say("b");
  expect(await got(friend, 2)).toEqual(["re: a", "re: b"]);
  expect(attempts).toEqual([1, 1]);
  abort.abort();
  await done;
  expect(await inbox.deadLetters()).toEqual([]);
  inbox.close();
});

test("a handler that returns null has dealt with its message, as without tabs; what is no handler is refused before a message suffers", async () => {
  const { client, say } = await stage();
  const inbox = await client.inbox();
  const refused = { name: "UsageError", code: "ERR_INVALID_ARGUMENT" };
  await expect(inbox.process(undefined as never)).rejects.toMatchObject(refused);
  await expect(inbox.process(undefined as never, { signal: AbortSignal.abort() })).rejects.toMatchObject(refused);
  for (const options of [{ attemptsMax: "3" }, { concurrency: "2" }, { attemptsMax: 0 }]) await expect(inbox.process(() => undefined, options as never)).rejects.toMatchObject(refused);
  const abort = new AbortController();
  const attempts: string[] = [];
  const second = gate();
  const done = inbox.process(({ message, attempt }) => {
    attempts.push(`${message.text} ${attempt.toString()}`);
    if (message.text === "b") second.open();
    return null as never;
  }, { signal: abort.signal });
  await say("a");
  await say("b");
  await second.passed;
  abort.abort();
  await done;
  expect([attempts, await inbox.deadLetters()]).toEqual([["a 1", "b 1"], []]);
  inbox.close();
});

test("what is no list of replies is a failed attempt of a handler, and settles nothing, as without tabs", async () => {
  const { client, say } = await stage();
  const inbox = await client.inbox();
  const given: unknown[] = ["Thanks!", { text: "Thanks!" }, 0, new Set([{ text: "Thanks!" }])];
  const abort = new AbortController();
  const refused: unknown[] = [];
  const done = inbox.process(async (delivery) => {
    for (const replies of given) refused.push(await delivery.ack({ replies: replies as never }).catch((error: unknown) => error));
    return "Thanks!" as never;
  }, { signal: abort.signal, attemptsMax: 1 });
  await say("a");
  await expect.poll(async () => (await inbox.deadLetters()).map(({ text }) => text)).toEqual(["a"]);
  expect(refused).toMatchObject(given.map(() => ({ name: "UsageError", code: "ERR_INVALID_ARGUMENT" })));
  abort.abort();
  await done;
  inbox.close();
});

test("one consumer at a time, in whichever tab; a tab that leaves makes room", async () => {
  const { there, client } = await stage();
  const { client: second } = await there.tab();
  const inbox = await client.inbox();
  for (const each of [client, second]) await expect(each.inbox()).rejects.toMatchObject({ name: "ClientError", code: "ERR_INBOX_BUSY" });
  inbox.close();
  const again = await second.inbox();
  await expect(client.inbox()).rejects.toMatchObject({ code: "ERR_INBOX_BUSY" });
  await second.close();
  await calm();
  const third = await client.inbox();
  again.close();
  await calm();
  await expect(client.inbox()).rejects.toMatchObject({ code: "ERR_INBOX_BUSY" });
  third.close();
});

test("a handler that throws gets its message again, and then the message goes to the dead letters, from where it can be taken back", async () => {
  const { there, client, say } = await stage();
  const inbox = await client.inbox();
  const errors: string[] = [];
  const dead = gate();
  there.host?.client.onEvent((event) => {
    if (event.kind !== "error") return;
    errors.push(event.error.code);
    dead.open();
  });
  const first = new AbortController();
  const done = inbox.process(async (): Promise<void> => Promise.reject(new TypeError("no")), { attemptsMax: 1, signal: first.signal });
  await say("x");
  await dead.passed;
  await calm();
  first.abort();
  await done;
  expect(errors).toEqual(["ERR_HANDLER_FAILED"]);
  const [letter] = await inbox.deadLetters();
  expect(letter).toMatchObject({ text: "x" });
  await inbox.retryDeadLetter(letter?.position ?? 0);
  const handled = gate();
  const second = new AbortController();
  const retried = inbox.process(async ({ message }) => {
    expect(message.text).toBe("x");
    handled.open();
    return Promise.resolve(undefined);
  }, { signal: second.signal });
  await handled.passed;
  second.abort();
  await retried;
  expect(await inbox.deadLetters()).toEqual([]);
});

test("as an iterable it hands out what is acknowledged one by one, with replies whose handles go on", async () => {
  const { client, friend, say } = await stage();
  const inbox = await client.inbox();
  await say("one");
  await say("two");
  const texts: string[] = [];
  for await (const delivery of inbox) {
    texts.push(delivery.message.text);
    const [handle] = await delivery.ack({ replies: [{ text: `got ${delivery.message.text}` }] });
    expect(await delivery.ack({ replies: [{ text: "twice" }] })).toEqual([handle]);
    await handle?.reached("sent");
    if (texts.length === 2) break;
  }
  expect(texts).toEqual(["one", "two"]);
  expect(await got(friend, 2)).toEqual(["got one", "got two"]);
});

test("a handler that is running while the leader goes is not called again, and its reply is sent once", async () => {
  const { there, client, friend, say } = await stage();
  const inbox = await client.inbox();
  const [begun, go] = [gate(), gate()];
  let calls = 0;
  const abort = new AbortController();
  const done = inbox.process(async () => {
    calls += 1;
    begun.open();
    await go.passed;
    return [{ text: "slow answer" }];
  }, { signal: abort.signal });
  await say("question");
  await begun.passed;
  await there.lead();
  await client.ready();
  go.open();
  expect(await got(friend, 1)).toEqual(["slow answer"]);
  await say("another");
  expect(await got(friend, 2)).toEqual(["slow answer", "slow answer"]);
  expect(calls).toBe(2);
  abort.abort();
  await done;
});

test("an outcome that the leader took with it is handed in again, without another call, and never twice", async () => {
  for (const lost of ["handled", "none"] as const) {
    const { there, client, friend, say } = await stage();
    const inbox = await client.inbox();
    let calls = 0;
    const handled = gate();
    const abort = new AbortController();
    const done = inbox.process(async () => {
      calls += 1;
      handled.open();
      return Promise.resolve([{ text: `answer ${String(calls)}` }]);
    }, { signal: abort.signal });
    there.lose = (frame) => frame.kind === lost;
    await say("question");
    await handled.passed;
    await calm();
    there.lose = () => false;
    await there.lead();
    await client.ready();
    await say("next");
    expect(await got(friend, 2), lost).toEqual(["answer 1", "answer 2"]);
    expect(calls).toBe(2);
    abort.abort();
    await done;
  }
});

test("ack() is answered by the next leader: done if it was committed; else it is rejected, and the message comes again", async () => {
  for (const direction of ["up", "down"] as const) {
    const { there, client, friend, say } = await stage();
    const inbox = await client.inbox();
    const iterator = inbox[Symbol.asyncIterator]();
    await say("to settle");
    const delivery = (await iterator.next()).value as InboxDelivery;
    there.lose = (frame, way) => way === direction && (frame.kind === "call" || frame.kind === "result" || frame.kind === "progress");
    const acked = delivery.ack({ replies: [{ text: "settled" }] });
    acked.catch(() => undefined);
    if (direction === "down") await got(friend, 1);
    await calm();
    there.lose = () => false;
    await there.lead();
    if (direction === "down") {
      const [handle] = await acked;
      await handle?.reached("sent");
    } else {
      await expect(acked).rejects.toMatchObject({ code: "ERR_LEADER_LOST", retryable: true });
      const again = (await iterator.next()).value as InboxDelivery;
      expect([again.message.text, again.attempt]).toEqual(["to settle", 2]);
      await again.ack({ replies: [{ text: "settled" }] });
    }
    expect(await got(friend, 1), direction).toEqual(["settled"]);
    await iterator.return?.();
  }
});

test("D07 Q22 ack() of a message that is gone with its store settles no other one that has its place in the next store", async () => {
  const { there, client, say } = await stage();
  const iterator = (await client.inbox())[Symbol.asyncIterator]();
  const next = async (): Promise<InboxDelivery> => (await iterator.next()).value as InboxDelivery;
  await say("old");
  const old = await next();
  there.crash();
  there.disk.rows.clear();
  await there.lead();
  await (await there.tab()).client.ready(); // the new device is known
  await say("new");
  const fresh = await next();
  expect([fresh.message.text, fresh.message.position]).toEqual(["new", old.message.position]);
  const gone = { code: "ERR_STORE_UNAVAILABLE", retryable: false, details: { reason: "evicted" } };
  await expect(old.ack()).rejects.toMatchObject(gone);
  await there.lead();
  const again = await next();
  expect([again.message.text, again.attempt]).toEqual(["new", 2]);
  await again.ack();
  await expect(old.ack()).rejects.toMatchObject(gone);
  await fresh.ack(); // it is settled, whoever asks
});

test("close() waits for the handlers that are running: what comes of them counts, and nobody else gets their messages meanwhile", async () => {
  const { there, client, friend, say } = await stage();
  const { client: second } = await there.tab();
  const inbox = await client.inbox();
  const [begun, done] = [gate(), gate()];
  const processing = inbox.process(async () => {
    begun.open();
    await done.passed;
    return [{ text: "an answer" }];
  });
  await say("a question");
  await begun.passed;
  inbox.close();
  await calm();
  await expect(second.inbox()).rejects.toMatchObject({ code: "ERR_INBOX_BUSY" });
  const reopening = client.inbox(); // in this tab it waits for them
  await calm();
  done.open();
  await processing;
  const again = await reopening;
  let calls = 0;
  const abort = new AbortController();
  const serving = again.process(async () => {
    calls += 1;
    return Promise.resolve(undefined);
  }, { signal: abort.signal });
  expect(await got(friend, 1)).toEqual(["an answer"]);
  await calm();
  expect(calls).toBe(0);
  abort.abort();
  await serving;
  again.close();
});

test("H07 an iterator that finds the inbox busy under the next leader says so when it is asked, and nobody else has to hear of it", async () => {
  const { there, client } = await stage();
  const unhandled = unhandledRejections();
  const [first] = there.links;
  const { client: second } = await there.tab();
  const iterator = (await client.inbox())[Symbol.asyncIterator]();
  await calm();
  if (first !== undefined) { // the other tab is heard first
    there.links.delete(first);
    there.links.add(first);
  }
  there.crash();
  for (const each of there.links) each.epochs.emit(there.epoch);
  const taking = second.inbox();
  await there.lead();
  await taking;
  await new Promise((resolve) => { setTimeout(resolve, 0); });
  await calm();
  expect(unhandled).toEqual([]);
  await expect(iterator.next()).rejects.toMatchObject({ code: "ERR_INBOX_BUSY" });
});
