/** How much may wait, how much may be on the wire, and what a message costs. */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { ClientError } from "../../../src/client/errors.js";
import { outboxBytesMax, outboxEntriesMax, Slots } from "../../../src/client/outbox/slots.js";
import { windowEntriesMax } from "../../../src/client/outbox/window.js";
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
