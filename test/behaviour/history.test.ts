/** What was said: the timeline to render, pages of history, what was missed, and who has read what. */
import { expect, test } from "vitest";
import { account, arrive, befriend, couple, disks, nextEvent, open, soon, until, way } from "./support/stage.js";
import { take } from "../support/take.js";

const texts = (messages: readonly { readonly text: string }[]): string[] => messages.map(({ text }) => text);

test("a timeline shows what comes and what goes with its state, while somebody looks", async () => {
  const { romeo, juliet } = await couple();
  await befriend(romeo, juliet);
  const timeline = romeo.conversation(juliet.device.jid).timeline();
  const stop = timeline.subscribe(() => undefined);
  await until(timeline, ({ loading }) => !loading);
  expect(timeline.getSnapshot().messages).toEqual([]);
  romeo.conversation(juliet.device.jid).send({ text: "question" });
  await until(timeline, ({ messages }) => messages[0]?.delivery?.state === "delivered");
  juliet.conversation(romeo.device.jid).send({ text: "answer" });
  const shown = await until(timeline, ({ messages }) => messages.length === 2);
  expect(shown.messages.map(({ text, direction }) => [text, direction])).toEqual([["question", "sent"], ["answer", "received"]]);
  expect(timeline.getSnapshot()).toBe(shown); // the same object until something changes
  stop();
});

test("a timeline goes back page by page until there is nothing older", async () => {
  const { romeo, juliet } = await couple();
  const conversation = romeo.conversation(juliet.device.jid);
  for (let i = 1; i <= 7; i++) await conversation.send({ text: `${i}` }).reached("sent", { signal: soon() });
  const timeline = conversation.timeline();
  const stop = timeline.subscribe(() => undefined);
  await until(timeline, ({ messages }) => messages.length === 7);
  while (!timeline.getSnapshot().complete) await timeline.loadOlder({ limit: 3, signal: soon() });
  expect(texts(timeline.getSnapshot().messages)).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
  stop();
});

test("pages of history come oldest or newest first, and go on where the last one ended", async () => {
  const { romeo, juliet } = await couple();
  const conversation = romeo.conversation(juliet.device.jid);
  for (let i = 1; i <= 5; i++) await conversation.send({ text: `${i}` }).reached("stored");
  const first = await conversation.history({ limit: 2 });
  expect(texts(first)).toEqual(["1", "2"]);
  expect(texts(await conversation.history({ after: first[1]!.position, limit: 2 }))).toEqual(["3", "4"]);
  expect(texts((await romeo.history({ reverse: true, limit: 2 })))).toEqual(["5", "4"]);
});

test.each(disks)("what was missed while offline comes once and in order, with $kind", async ({ disk }) => {
  const { open: store } = await disk();
  const romeo = await arrive("romeo");
  const address = await account("juliet");
  const before = await arrive(address, { store: store() });
  await romeo.conversation(address).send({ text: "0" }).reached("sent", { signal: soon() });
  await expect.poll(() => before.history(), { timeout: 20_000 }).toHaveLength(1);
  await before.close();
  for (let i = 1; i <= 12; i++) await romeo.conversation(address).send({ text: `${i}` }).reached("sent", { signal: soon() });
  const after = await open(address, { store: store(), autoConnect: false });
  const caughtUp = nextEvent(after, "catch-up", ({ done }) => done);
  after.connect();
  await caughtUp;
  await after.ready({ signal: soon() });
  expect(texts(await after.conversation(romeo.device.jid).history({ limit: 100 }))).toEqual(Array.from({ length: 13 }, (_, i) => `${i}`));
});

test("a connection that breaks in the middle of a conversation loses nothing and doubles nothing", async () => {
  const road = await way();
  const juliet = await arrive("juliet", { service: road.service });
  const romeo = await arrive("romeo");
  const heard = take(juliet.messages({ signal: soon() }), 9);
  const conversation = romeo.conversation(juliet.device.jid);
  for (const round of [0, 1, 2]) {
    const sent = [1, 2, 3].map((i) => conversation.send({ text: `${round}.${i}` }));
    await road.cut();
    await Promise.all(sent.map((handle) => handle.reached("sent", { signal: soon() })));
    await road.mend();
    juliet.connect(); // at once; a network that comes back tells a browser
    await juliet.ready({ signal: soon() });
  }
  expect(texts(await heard)).toEqual(["0.1", "0.2", "0.3", "1.1", "1.2", "1.3", "2.1", "2.2", "2.3"]);
  expect(await juliet.history({ limit: 100 })).toHaveLength(9);
});

test("a new device says honestly what it cannot read", async () => {
  const { romeo, juliet } = await couple();
  const conversation = romeo.conversation(juliet.device.jid);
  await conversation.send({ text: "for the old device only" }).reached("sent", { signal: soon() });
  const fresh = await open(juliet.device.jid, { autoConnect: false });
  const told = nextEvent(fresh, "history-unreadable");
  fresh.connect();
  expect((await told).before).toBeGreaterThan(0);
  await fresh.ready({ signal: soon() });
  const [old] = await fresh.conversation(romeo.device.jid).history({ reverse: true }, { signal: soon() });
  expect(old).toMatchObject({ text: "", unreadable: "not-for-this-device", security: { level: "unknown" } });
});

test("a reader goes on behind the position it kept, and a second one sees the same", async () => {
  const { romeo, juliet } = await couple();
  for (const text of ["one", "two", "three"]) await romeo.conversation(juliet.device.jid).send({ text }).reached("sent", { signal: soon() });
  const [one] = await take(juliet.messages({ signal: soon() }), 1);
  expect(one?.text).toBe("one");
  expect(texts(await take(juliet.messages({ after: one!.position, signal: soon() }), 2))).toEqual(["two", "three"]);
  expect(texts(await take(juliet.messages({ after: 0, signal: soon() }), 3))).toEqual(["one", "two", "three"]);
});

test("what one device of the account has read, the other one knows", async () => {
  const { romeo, juliet } = await couple();
  const phone = await arrive(juliet.device.jid);
  const [atDesk, atPhone] = [take(juliet.messages({ signal: soon() }), 1), take(phone.messages({ signal: soon() }), 1)];
  await romeo.conversation(juliet.device.jid).send({ text: "read me" }).reached("sent", { signal: soon() });
  const [[message], [copy]] = await Promise.all([atDesk, atPhone]);
  const read = nextEvent(phone, "read");
  await juliet.conversation(romeo.device.jid).markDisplayed(message!);
  expect(await read).toMatchObject({ conversation: romeo.device.jid, position: copy!.position });
  expect(await phone.conversation(romeo.device.jid).readUpTo()).toBe(copy!.position);
  expect(await juliet.conversation(romeo.device.jid).readUpTo()).toBe(message!.position);
});

test("deleted history is gone on this device, and what has not left yet stays", async () => {
  const { romeo, juliet } = await couple();
  const conversation = romeo.conversation(juliet.device.jid);
  await conversation.send({ text: "gone" }).reached("sent", { signal: soon() });
  await expect.poll(() => romeo.waiting).toBe(0);
  await romeo.disconnect();
  await conversation.send({ text: "still to leave" }).reached("stored");
  await conversation.deleteHistory();
  expect(texts(await conversation.history())).toEqual(["still to leave"]);
  expect(await romeo.deleteHistory({ before: Date.now() - 3_600_000 })).toBe(0);
});

test("one message is deleted on this device, for good, and the rest of the conversation stays", async () => {
  const { romeo, juliet } = await couple();
  const conversation = romeo.conversation(juliet.device.jid);
  for (const text of ["one", "two", "three"]) await conversation.send({ text }).reached("sent", { signal: soon() });
  const [, two] = await conversation.history();
  expect(await conversation.deleteMessage(two!)).toBe(true);
  await romeo.disconnect();
  romeo.connect();
  await romeo.ready({ signal: soon() });
  expect(texts(await conversation.history({ reverse: true, limit: 10 }))).toEqual(["three", "one"]);
  expect(await conversation.deleteMessage(two!)).toBe(true);
});
