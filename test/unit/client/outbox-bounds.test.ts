/** How much may wait, how much may be on the wire, and what a message costs. */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { ClientError } from "../../../src/client/errors.js";
import { nextBatch } from "../../../src/client/outbox/batch.js";
import { outboxBytesMax, outboxEntriesMax, type Slot, Slots } from "../../../src/client/outbox/slots.js";
import { Window, windowBytesMax, windowEntriesMax } from "../../../src/client/outbox/window.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { body, juliet, OutboxWorld, quiet, textOfStanza } from "../../support/outbox-world.js";

test("Q15 the outbox is bounded by count and bytes, says so, and has room again when messages have left", async () => {
  const slots = new Slots();
  slots.reserve(outboxBytesMax - 1);
  slots.reserve(1);
  expect(() => { slots.reserve(1); }).toThrow(ClientError);
  slots.release(1);
  slots.reserve(1);

  const world = new OutboxWorld();
  const run = await world.run();
  const handles = Array.from({ length: outboxEntriesMax - 1 }, () => run.sender.intake.accept(juliet, [body("x")]));
  const last = run.sender.intake.accept(juliet, [body("last")]);
  const refused = run.sender.intake.accept(juliet, [body("too many")]);
  await expect(refused.reached("stored")).rejects.toMatchObject({ code: "ERR_OUTBOX_FULL", retryable: true, details: { waiting: outboxEntriesMax } });
  await expect(run.ledger.run((tx) => run.sender.intake.acceptIn(tx, juliet, [body("nor here")]))).rejects.toMatchObject({ code: "ERR_OUTBOX_FULL" });
  await last.reached("stored");
  expect(run.sender.waiting).toBe(outboxEntriesMax);
  expect(await handles[0]?.cancel()).toBe(true);
  await run.sender.intake.accept(juliet, [body("fits")]).reached("stored");
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  expect(link.stream.sent.length).toBe(windowEntriesMax); // no more are on the wire than may be lost with it
  link.stream.acknowledge(10);
  await quiet();
  expect(link.stream.sent.length).toBe(windowEntriesMax + 10);
});

test("Q15 what is on the wire unconfirmed is bounded over all conversations together, and each goes on when there is room", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const jids = Array.from({ length: 12 }, (_, i) => bareJid(`friend${i}@example.org`));
  for (let i = 0; i < 60; i++) for (const jid of jids) run.sender.intake.accept(jid, [body(`${i}`)]);
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet(40);
  expect(link.stream.sent.length).toBe(windowEntriesMax);
  link.stream.acknowledge();
  await quiet(40);
  expect(link.stream.sent.length).toBe(12 * 60);
  for (const jid of jids) {
    expect(link.stream.sent.filter(({ stanza }) => stanza.attrs["to"] === jid).map(({ stanza }) => textOfStanza(stanza).replace(/<.*$/, ""))).toEqual(Array.from({ length: 60 }, (_, i) => `${i}`));
  }
});

test("sixty messages at once cost three commits: stored, sealed, settled", async () => {
  const world = new OutboxWorld();
  let commits = 0;
  const inner = memoryStore(world.disk);
  const store = Object.assign(Object.create(inner) as typeof inner, {
    acquire: () => inner.acquire(), owns: (f: never) => inner.owns(f), get: (k: never) => inner.get(k), getMany: (k: never) => inner.getMany(k),
    list: (r: never) => inner.list(r), close: () => inner.close(), commit: (c: never, f: never) => { commits += 1; return inner.commit(c, f); },
  });
  const run = await world.run(store);
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  commits = 0;
  const handles = Array.from({ length: 60 }, (_, i) => run.sender.intake.accept(juliet, [body(`${i}`)]));
  await quiet();
  expect(link.stream.sent.length).toBe(60);
  expect(world.omemo.prepared).toBe(1);
  link.stream.acknowledge();
  await Promise.all(handles.map((handle) => handle.reached("sent")));
  await quiet();
  expect(run.sender.waiting).toBe(0);
  expect(commits).toBe(3);
});

test("Q15 what is dealt with together is at most 64 messages and 1 MiB of them, one in any case, and not more than there is room for", () => {
  const waiting = (...bytes: readonly number[]): readonly Slot[] => bytes.map((each, seq) => ({ seq, bytes: each, sealed: false }) as Slot);
  const mib = 1024 * 1024;
  const counts = [
    [Array.from({ length: 65 }, () => 1), 500], [[mib - 1, 1, 1], 500], [[mib, 1], 500], [[mib + 1, 1], 500], [[1, 1, 1], 2], [[1], 0],
  ] as const;
  expect(counts.map(([bytes, room]) => nextBatch(waiting(...bytes), room).length)).toEqual([64, 2, 1, 1, 2, 0]);
});

test("Q15 what is on the wire unconfirmed is bounded by bytes as well, and memory keeps the contents of no more than 256 KiB", () => {
  const slot = (seq: number, bytes: number): Slot => ({ seq, id: String(seq), to: juliet, purpose: "message", bytes, kept: 0, kills: 0 }) as unknown as Slot;
  const window = new Window();
  window.push(slot(1, 1), 1, windowBytesMax - 1);
  expect(window.room).toBe(windowEntriesMax - 1);
  window.push(slot(2, 1), 2, 1);
  expect(window.room).toBe(0);
  window.confirm(1);
  expect(window.room).toBe(windowEntriesMax - 1);

  const slots = new Slots();
  const [first, second, third] = [slot(1, 256 * 1024), slot(2, 1), slot(3, 1)];
  for (const each of [first, second]) slots.add(each, [body("x")]);
  slots.drop(first);
  slots.add(third, [body("x")]);
  expect([first, second, third].map(({ content }) => content?.length)).toEqual([undefined, undefined, 1]);
});

test("Q15 a conversation that finds the window full by what others wrote while it was sealed goes on when there is room", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  for (let i = 0; i < windowEntriesMax - 10; i++) run.sender.intake.accept(juliet, [body("x")], { protection: "none" });
  await quiet(100);
  expect(link.stream.sent.length).toBe(windowEntriesMax - 10);
  for (const name of ["one", "two"]) for (let i = 0; i < 10; i++) run.sender.intake.accept(bareJid(`${name}@example.org`), [body("x")]);
  await quiet(100);
  expect(link.stream.sent.length).toBe(windowEntriesMax);
  link.stream.acknowledge();
  await quiet(100);
  expect(link.stream.sent.length).toBe(windowEntriesMax + 10);
});
