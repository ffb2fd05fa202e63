/** The inbox of services: each message until it is acknowledged, answers in the same commit. */
import { describe, expect, test } from "vitest";
import { account, arrive, disks, open, soon } from "./support/stage.js";
import { take } from "../support/take.js";

describe.each(disks)("with $kind", ({ disk }) => {
  test("each message is handled once, and its answer leaves with the acknowledgement", async () => {
    const { open: store } = await disk();
    const romeo = await arrive("romeo");
    const bot = await arrive("bot", { store: store() });
    const inbox = await bot.inbox();
    const stop = new AbortController();
    const handled: string[] = [];
    const serving = inbox.process(async ({ message }) => {
      handled.push(message.text);
      return [{ text: `You said: ${message.text}` }];
    }, { signal: stop.signal });
    const answers = take(romeo.messages({ signal: soon() }), 3);
    for (const text of ["one", "two", "three"]) romeo.conversation(bot.device.jid).send({ text });
    expect((await answers).map(({ text }) => text)).toEqual(["You said: one", "You said: two", "You said: three"]);
    stop.abort();
    await serving;
    expect(handled).toEqual(["one", "two", "three"]);
    await expect(bot.inbox()).rejects.toMatchObject({ code: "ERR_INBOX_BUSY" });
    inbox.close();
    (await bot.inbox()).close();
  });

  test("what was not acknowledged comes again after a reload, with its attempt counted", async () => {
    const { open: store } = await disk();
    const romeo = await arrive("romeo");
    const address = await account("bot");
    const before = await arrive(address, { store: store() });
    await romeo.conversation(address).send({ text: "first" }).reached("sent", { signal: soon() });
    await romeo.conversation(address).send({ text: "second" }).reached("sent", { signal: soon() });
    const inbox = (await before.inbox())[Symbol.asyncIterator]();
    const [first] = await take(inbox, 1);
    expect([first?.message.text, first?.attempt]).toEqual(["first", 1]);
    await first?.ack();
    const [second] = await take(inbox, 1);
    expect([second?.message.text, second?.attempt]).toEqual(["second", 1]);
    await before.close(); // the handler never came to its end

    const after = await open(address, { store: store(), autoConnect: false });
    const [again] = await take((await after.inbox())[Symbol.asyncIterator](), 1);
    expect([again?.message.text, again?.attempt]).toEqual(["second", 2]);
    await again?.ack();
  });
});

test("a message whose handler fails goes aside after its attempts, and does not hold up the next one", async () => {
  const romeo = await arrive("romeo");
  const bot = await arrive("bot");
  const inbox = await bot.inbox();
  const stop = new AbortController();
  const tried: string[] = [];
  const done = inbox.process(async ({ message }) => {
    tried.push(message.text);
    if (message.text === "poison") throw new Error("cannot be handled");
    stop.abort();
    return undefined;
  }, { signal: stop.signal, attemptsMax: 2 });
  for (const text of ["poison", "honey"]) await romeo.conversation(bot.device.jid).send({ text }).reached("sent", { signal: soon() });
  await done;
  expect(tried).toEqual(["poison", "poison", "honey"]);
  expect((await inbox.deadLetters()).map(({ text }) => text)).toEqual(["poison"]);
  inbox.close();
});
