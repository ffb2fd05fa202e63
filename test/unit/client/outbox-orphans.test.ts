/** Messages whose entries cannot be read when the client starts: none waits for ever, and none is sent twice. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { xml } from "../../../src/base/xml.js";
import { createClient } from "../../../src/client/create-client.js";
import type { ClientEvent } from "../../../src/client/events.js";
import type { Message } from "../../../src/client/message.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { damagedStore } from "../../support/damaged-store.js";
import { body, juliet, type Link, mercutio, OutboxWorld, quiet, romeo, textsOn } from "../../support/outbox-world.js";

const isEntry = (key: string): boolean => key.startsWith("client/outbox/");

/** Runs until all of `texts` are sealed and written, and ends without an answer. */
async function unconfirmed(world: OutboxWorld, texts: readonly string[]): Promise<Link> {
  const { sender } = await world.run();
  const link = world.fresh();
  sender.attach(link.connection);
  for (const text of texts) sender.intake.accept(juliet, [body(text)]);
  await quiet();
  sender.detach();
  return link;
}

test.each([["has it", "sent+archived"], ["does not have it", "failed"]])("D13 Q01 a message whose entry cannot be read when the client starts, and may have left, is what the archive says: it %s", async (archive, state) => {
  const world = new OutboxWorld();
  const link = await unconfirmed(world, ["good", "bad"]);
  const [good, bad] = link.stream.sent;
  world.archive.store(good!.text, world.clock.now());
  if (archive === "has it") world.archive.store(bad!.text, world.clock.now());
  const [, key] = [...world.disk.rows.keys()].filter(isEntry).sort();
  world.disk.rows.set(key!, utf8("?"));
  const failed: Message[] = [];
  const run = await world.run(undefined, { onFailed: (message) => { failed.push(message); } });
  expect([run.sender.waiting, failed]).toEqual([2, []]); // nobody knows yet
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  await world.looks();
  expect(textsOn(next)).toEqual([]);
  expect(await run.states()).toEqual({ good: "sent+archived", bad: state });
  expect([run.sender.waiting, failed.length, world.disk.rows.has(key!)]).toEqual([0, state === "failed" ? 1 : 0, false]);
});

test("D13 R21 a message whose entry cannot be read in an old copy of the store may have been sent by the state that was lost: the archive is asked", async () => {
  const world = new OutboxWorld();
  const first = await world.run();
  const waiting = first.sender.intake.accept(juliet, [body("perhaps sent")]);
  await waiting.reached("stored");
  await first.sender.suspect();
  world.disk.rows.set([...world.disk.rows.keys()].find(isEntry)!, utf8("?"));
  const run = await world.run();
  expect(await run.states()).toEqual({ "perhaps sent": "stored" });
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  expect([textsOn(next), await run.states()]).toEqual([[], { "perhaps sent": "failed" }]);
});

test("D13 receipts that cannot be read when the client starts are dropped, and no message is taken for one of them", async () => {
  const world = new OutboxWorld();
  const first = await world.run();
  await first.sender.intake.accept(juliet, [body("waits")]).reached("stored");
  const [message] = [...world.disk.rows.keys()].filter(isEntry);
  await first.ledger.run((tx) => first.sender.intake.notify(tx, juliet, [xml("urn:xmpp:receipts", "received", { id: "1" })], { protection: "omemo", purpose: "receipt" }));
  for (const key of [...world.disk.rows.keys()].filter((each) => isEntry(each) && each !== message)) world.disk.rows.set(key, utf8("?"));
  const run = await world.run();
  expect([run.errors.length, run.sender.waiting, await run.states()]).toEqual([1, 1, { waits: "stored" }]);
  expect([...world.disk.rows.keys()].filter(isEntry)).toEqual([message]);
});

test("D13 an application hears of it once, though nobody could listen yet when it was noticed", async () => {
  const disk = memoryDisk();
  const open = () => createClient({ account: romeo, password: "secret", service: "wss://example.org/ws", store: memoryStore(disk), autoConnect: false });
  const first = await open();
  const { id } = first.conversation(juliet).send({ text: "lost" });
  await first.conversation(juliet).send({ text: "kept" }).reached("stored");
  await first.close();
  disk.rows.set([...disk.rows.keys()].filter(isEntry).sort()[0]!, utf8("?"));
  const client = await open();
  const events: ClientEvent[] = [];
  client.onEvent((event) => { events.push(event); });
  client.onEvent((event) => { events.push(event); });
  await quiet();
  expect(events.filter(({ kind }) => kind === "send-failed")).toMatchObject([{ message: { id, delivery: { error: { code: "ERR_STORE_CORRUPT" } } } }, { message: { id } }]);
  expect((await client.conversation(juliet).sendHandle(id))?.getSnapshot()).toMatchObject({ state: "failed", error: { code: "ERR_STORE_CORRUPT" } });
  expect(client.waiting).toBe(1);
  await client.close();
  const again = await open();
  const later: ClientEvent[] = [];
  again.onEvent((event) => { later.push(event); });
  await quiet();
  expect(later).toEqual([]);
  await again.close();
});

test("H06 what nobody could hear of yet is kept for the first listener up to a bound", async () => {
  const disk = memoryDisk();
  const open = () => createClient({ account: romeo, password: "secret", service: "wss://example.org/ws", store: memoryStore(disk), autoConnect: false });
  const first = await open();
  await Promise.all(Array.from({ length: 120 }, (_, i) => first.conversation(juliet).send({ text: `${i}` }).reached("stored")));
  await first.close();
  for (const key of disk.rows.keys()) if (isEntry(key)) disk.rows.set(key, utf8("?"));
  const client = await open();
  let heard = 0;
  client.onEvent(() => { heard++; });
  await quiet();
  expect(heard).toBe(100);
  expect((await client.history({ limit: 200 })).filter(({ delivery }) => delivery?.state === "failed").length).toBe(120);
  await client.close();
});

test.each(["sealed", "stored"] as const)("D13 Q01 C09 a row that the medium finds again, and that is of another message, is not sent in the place of one whose own row is lost (%s)", async (state) => {
  const world = new OutboxWorld();
  const first = await world.run();
  if (state === "sealed") first.sender.attach(world.fresh().connection);
  await first.sender.intake.accept(juliet, [body("lost")]).reached(state);
  await first.ledger.run((tx) => first.sender.intake.notify(tx, mercutio, [xml("urn:xmpp:receipts", "received", { id: "1" })], { protection: "omemo", purpose: "receipt" }));
  await quiet();
  first.sender.detach();
  if (state === "stored") await first.sender.suspect();
  const bad = new Set([...world.disk.rows.keys()].filter(isEntry));
  expect(bad.size).toBe(2);
  const run = await world.run(damagedStore(world.disk, bad));
  bad.clear(); // a cable that is plugged in again
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  next.stream.acknowledge();
  await quiet();
  expect([textsOn(next), await run.states(), run.sender.waiting]).toEqual([[], { lost: "failed" }, 0]);
});
