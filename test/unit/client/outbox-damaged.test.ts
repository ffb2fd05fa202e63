/** Rows of the outbox and of its messages that cannot be read: each takes nothing else with it. */
import { expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { xml } from "../../../src/base/xml.js";
import { encodeJson } from "../../../src/client/json-record.js";
import { decodeEntry } from "../../../src/client/outbox/entry.js";
import type { Message } from "../../../src/client/message.js";
import type { Store, StoreKey } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { TransportError } from "../../../src/transport/errors.js";
import { body, juliet, mercutio, OutboxWorld, quiet, textsOn } from "../../support/outbox-world.js";

/** A store that finds its checksum of one row wrong. */
function corrupt(inner: Store, bad: () => string | undefined): Store {
  const check = <T>(keys: readonly string[], value: T): T => {
    const key = bad();
    if (key !== undefined && keys.includes(key)) throw new StorageError("ERR_STORE_CORRUPT", "planned");
    return value;
  };
  return {
    acquire: () => inner.acquire(), destroy: () => inner.destroy(), owns: (fence) => inner.owns(fence), commit: (changes, fence) => inner.commit(changes, fence), close: () => inner.close(),
    get: async (key) => check([key], await inner.get(key)),
    getMany: async (keys) => check(keys, await inner.getMany(keys)),
    list: async (range) => {
      const rows = await inner.list(range);
      return check(rows.map(({ key }) => key), rows);
    },
  };
}

const rowOf = (world: OutboxWorld, prefix: string, text: string): StoreKey =>
  [...world.disk.rows].find(([key, value]) => key.startsWith(prefix) && new TextDecoder().decode(value).includes(text))![0];

test("T05 D13 an entry that does not say how it is to travel is none, and surely none in clear text", () => {
  const entry = { seq: 1, id: "1", to: juliet, protection: "omemo", purpose: "message", storedAt: 0 };
  expect(decodeEntry(encodeJson(entry)).protection).toBe("omemo");
  for (const protection of [undefined, "", "OMEMO", "plain"]) expect(() => decodeEntry(encodeJson({ ...entry, protection }))).toThrow(expect.objectContaining({ code: "ERR_RECORD_INVALID" }));
});

test("D13 an outbox that has a row which the store cannot read is opened all the same: the others leave, and the one has failed", async () => {
  const world = new OutboxWorld();
  const first = await world.run();
  for (const text of ["one", "two", "three"]) await first.sender.intake.accept(juliet, [body(text)]).reached("stored");
  const bad = rowOf(world, "client/outbox/", "three");
  const failed: Message[] = [];
  const run = await world.run(corrupt(memoryStore(world.disk), () => bad), { onFailed: (message) => { failed.push(message); } });
  expect(run.errors.map(({ code }) => code)).toEqual(["ERR_STORE_CORRUPT"]);
  expect(failed).toMatchObject([{ text: "three", delivery: { state: "failed", error: { code: "ERR_STORE_CORRUPT", retryable: false } } }]);
  expect(world.disk.rows.has(bad)).toBe(false); // should the medium find it again, it is not sent
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  expect(textsOn(link)).toEqual(["one", "two"]);
  await run.sender.intake.accept(juliet, [body("four")]).reached("stored"); // at a place of its own
  expect(world.disk.rows.has(bad)).toBe(false);
  expect(await (await world.run()).states()).toMatchObject({ three: "failed" });
});

test.each(["the entry", "the message in the log"])("D13 where %s cannot be read, the rest of the conversation leaves, and what is told is true", async (what) => {
  const world = new OutboxWorld();
  const bad: { key?: StoreKey } = {};
  const run = await world.run(corrupt(memoryStore(world.disk), () => bad.key));
  const [first, second] = ["bad", "good"].map((text) => run.sender.intake.accept(juliet, [body(text)]));
  await second!.reached("stored");
  bad.key = rowOf(world, what === "the entry" ? "client/outbox/" : "client/log/", "bad");
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  link.stream.acknowledge();
  await quiet();
  expect(textsOn(link)).toEqual(what === "the entry" ? ["good"] : ["bad", "good"]);
  expect([first!.getSnapshot().state, second!.getSnapshot().state]).toEqual(what === "the entry" ? ["failed", "sent"] : ["sent", "sent"]);
  expect(run.sender.waiting).toBe(0);
});

test("D13 a damaged message keeps neither those of others from being settled nor itself from being taken back", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const bad = run.sender.intake.accept(juliet, [body("bad")]);
  const late = run.sender.intake.accept(juliet, [body("taken back")]);
  await late.reached("stored");
  for (const text of ["bad", "taken back"]) world.disk.rows.set(rowOf(world, "client/log/", text), utf8("?"));
  expect(await late.cancel()).toBe(true);
  const link = world.fresh();
  run.sender.attach(link.connection);
  for (let i = 0; i < 5; i++) run.sender.intake.accept(mercutio, [body(`${i}`)]);
  await quiet();
  link.stream.acknowledge();
  await quiet();
  expect([run.sender.waiting, bad.getSnapshot().state, late.getSnapshot().state]).toEqual([0, "sent", "failed"]);
});

test("D13 a sealed entry that cannot be read when it is to be written again fails alone", async () => {
  const world = new OutboxWorld();
  const first = await world.run();
  const link = world.fresh();
  first.sender.attach(link.connection);
  for (const text of ["one", "two"]) await first.sender.intake.accept(juliet, [body(text)]).reached("sealed");
  await quiet();
  const [bad] = [...world.disk.rows.keys()].filter((key) => key.startsWith("client/outbox/")).sort();
  const run = await world.run();
  world.disk.rows.set(bad as StoreKey, utf8("?"));
  const next = world.fresh(0);
  run.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next)).toEqual(["two"]);
  next.stream.acknowledge();
  await quiet();
  expect(run.sender.waiting).toBe(0);
});

test("Q13 a message that was refused before the stream ended is nobody to be suspected: all others leave together", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  const refused = run.sender.intake.accept(juliet, [body("refused")]);
  await quiet();
  await run.sender.refused(refused.id, juliet, "not-acceptable", "cancel");
  link.stream.cut(new TransportError("ERR_STREAM_ERROR", "planned", { retryable: true, details: { condition: "policy-violation" } }));
  run.sender.detach();
  const next = world.fresh(0);
  run.sender.attach(next.connection);
  for (let i = 0; i < 5; i++) run.sender.intake.accept(juliet, [body(`${i}`)]);
  await quiet();
  expect([textsOn(next).length, world.pings]).toEqual([5, 0]);
});

test("R21 what an old copy of the store may have sent is not taken back before the archive was asked", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const handle = run.sender.intake.accept(juliet, [body("perhaps sent")]);
  await handle.reached("stored");
  await run.sender.suspect();
  expect(await handle.cancel()).toBe(false);
  expect(handle.getSnapshot().state).toBe("stored");
});

test.each([["client/outbox/", "failed"], ["client/log/", "failed"], ["client/sent/", "sent"]])("D13 Q13 an error that comes back about a message ends no stream, though a row under %s cannot be read", async (prefix, state) => {
  const world = new OutboxWorld();
  const bad: { key?: StoreKey } = {};
  const run = await world.run(corrupt(memoryStore(world.disk), () => bad.key));
  const link = world.fresh();
  run.sender.attach(link.connection);
  const handle = run.sender.intake.accept(juliet, [body("bad")]);
  await quiet();
  if (prefix !== "client/outbox/") link.stream.acknowledge(); // then nothing is known of it but what the log says
  await quiet();
  const before = handle.getSnapshot().state;
  bad.key = [...world.disk.rows.keys()].find((key) => key.startsWith(prefix))!;
  await run.sender.refused(handle.id, mercutio, "not-acceptable", "cancel"); // whom it is none of his business
  expect(handle.getSnapshot().state).toBe(before);
  await run.sender.refused(handle.id, juliet, "not-acceptable", "cancel");
  expect(handle.getSnapshot().state).toBe(state);
});

test.each(["client/written", "client/outbox-suspect"])("D13 R21 Q03 where %s cannot be read, the archive is asked before anything that waits is written or taken back", async (key) => {
  const world = new OutboxWorld();
  const first = await world.run();
  const link = world.fresh();
  first.sender.attach(link.connection);
  const sealed = first.sender.intake.accept(juliet, [body("sealed")]);
  await quiet();
  first.sender.detach();
  world.archive.store(link.stream.sent[0]!.text, world.clock.now());
  const waiting = first.sender.intake.accept(juliet, [body("waiting")]);
  await waiting.reached("stored");
  await first.sender.suspect();
  world.disk.rows.set(key as StoreKey, utf8("?"));
  const run = await world.run();
  expect([run.errors.map(({ code }) => code), await run.sender.intake.cancel(waiting.id)]).toEqual([["ERR_RECORD_INVALID"], false]);
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  expect(textsOn(next)).toEqual(["waiting"]);
  expect((await run.states())["sealed"]).toBe("sent+archived");
  expect(sealed.id).not.toBe(waiting.id);
});

test("D13 R21 an id that this device has sealed is known although the row that says so cannot be read", async () => {
  const world = new OutboxWorld();
  const bad: { key?: StoreKey } = {};
  const run = await world.run(corrupt(memoryStore(world.disk), () => bad.key));
  await run.ledger.run((tx) => { run.sender.noteOwn(tx, "receipt"); });
  bad.key = [...world.disk.rows.keys()].find((key) => key.startsWith("client/own/"))!;
  expect(await run.ledger.run((tx) => run.sender.archived(tx, "receipt", "a1"))).toBe("known");
  expect(await run.ledger.run((tx) => run.sender.archived(tx, "another", "a2"))).toBe("unknown");
});

test("D13 Q14 what the archive has leaves the outbox although its row cannot be read, and holds nothing of its conversation back", async () => {
  const world = new OutboxWorld();
  const first = await world.run();
  const link = world.fresh();
  first.sender.attach(link.connection);
  await first.sender.intake.accept(juliet, [body("one")]).reached("sealed");
  await quiet();
  world.archive.store(link.stream.sent[0]!.text, world.clock.now());
  first.sender.detach();
  await first.sender.intake.accept(juliet, [body("two")]).reached("stored");
  const bad: { key?: StoreKey } = {};
  const run = await world.run(corrupt(memoryStore(world.disk), () => bad.key));
  bad.key = [...world.disk.rows.keys()].filter((key) => key.startsWith("client/outbox/")).sort()[0]!;
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  next.stream.acknowledge();
  await quiet();
  expect(textsOn(next).at(-1)).toBe("two");
  expect([run.sender.waiting, run.errors]).toEqual([0, []]);
});

test.each(["store", "record"])("D13 a receipt that waits and cannot be read keeps no further one from being stored, nor the message that it is about out (%s)", async (way) => {
  const world = new OutboxWorld();
  const bad: { key?: StoreKey } = {};
  const run = await world.run(corrupt(memoryStore(world.disk), () => bad.key));
  const receipt = (id: string): Promise<void> =>
    run.ledger.run((tx) => run.sender.intake.notify(tx, juliet, [xml("urn:xmpp:receipts", "received", { id })], { protection: "omemo", purpose: "receipt" }));
  await receipt("1");
  const key = rowOf(world, "client/outbox/", "received");
  if (way === "store") bad.key = key;
  else world.disk.rows.set(key, utf8("?"));
  await receipt("2");
  expect(run.sender.waiting).toBe(2);
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  link.stream.acknowledge();
  await quiet();
  expect([link.stream.sent.length, run.sender.waiting]).toEqual([1, 0]);
});

test("D13 H07 a message that is handed in again, of which nothing is left but an entry that cannot be read, fails with that, and nothing else with it", async () => {
  const world = new OutboxWorld();
  const { sender } = await world.run();
  const first = sender.intake.accept(juliet, [body("again")]);
  await first.reached("stored");
  const run = await world.run();
  for (const key of [...world.disk.rows.keys()]) if (/^client\/(log|sent|timeline)\//.test(key)) world.disk.rows.delete(key);
  world.disk.rows.set([...world.disk.rows.keys()].find((key) => key.startsWith("client/outbox/"))!, utf8("?"));
  const again = run.sender.intake.acceptAs(first.id, juliet, [body("again")]);
  const next = run.sender.intake.accept(juliet, [body("next")]); // in the same commit
  await expect(again.reached("stored")).rejects.toMatchObject({ code: "ERR_RECORD_INVALID" });
  await next.reached("stored");
});
