/** Blocking somebody while something waits for him in the outbox. */
import { expect, test } from "vitest";
import type { BareJid } from "../../../src/base/jid.js";
import { encodeReceipt } from "../../../src/transport/xep/xep0184.js";
import { encodeDisplayed } from "../../../src/transport/xep/xep0333.js";
import { body, juliet, mercutio, OutboxWorld, quiet } from "../../support/outbox-world.js";

test("V04 receipts and markers that waited for somebody who was blocked meanwhile never leave; what the user wrote is the server's to refuse", async () => {
  const world = new OutboxWorld();
  const blocked = new Set<BareJid>();
  const run = await world.run(undefined, { isBlocked: (jid) => blocked.has(jid) });
  for (const to of [juliet, mercutio]) {
    await run.ledger.run((tx) => run.sender.intake.notify(tx, to, [encodeReceipt("x")], { purpose: "receipt", protection: "none" }));
    await run.ledger.run((tx) => run.sender.intake.notify(tx, to, [encodeDisplayed("x")], { purpose: "marker", protection: "omemo" }));
    await run.sender.intake.accept(to, [body("words")]).reached("stored");
  }
  blocked.add(juliet);
  const link = world.fresh();
  run.sender.attach(link.connection);
  await quiet();
  const sent = (to: BareJid): number => link.stream.sent.filter(({ stanza }) => stanza.attrs["to"] === to).length;
  expect([sent(mercutio), sent(juliet)]).toEqual([3, 1]);
  link.stream.acknowledge();
  await quiet();
  expect(run.sender.waiting).toBe(0);
  expect([...world.disk.rows.keys()].filter((key) => key.startsWith("client/outbox/"))).toEqual([]);
  expect(run.errors).toEqual([]);
});

test("V04 what waits for somebody who can get nothing now goes when he is blocked, without asking anybody for his keys; the user's message waits on", async () => {
  const world = new OutboxWorld();
  const blocked = new Set<BareJid>();
  const run = await world.run(undefined, { isBlocked: (jid) => blocked.has(jid) });
  world.omemo.outcome = { kind: "no-device", retryable: true, report: [] };
  const link = world.fresh();
  run.sender.attach(link.connection);
  for (const purpose of ["receipt", "marker"] as const) {
    await run.ledger.run((tx) => run.sender.intake.notify(tx, juliet, [encodeReceipt("x")], { purpose, protection: "omemo" }));
  }
  await quiet();
  await world.clock.pass(300_000);
  expect(run.sender.waiting).toBe(2);
  const asked = world.omemo.prepared;
  blocked.add(juliet);
  await world.clock.pass(300_000);
  expect([run.sender.waiting, world.omemo.prepared - asked]).toEqual([0, 0]);
  const words = run.sender.intake.accept(juliet, [body("words")]);
  await quiet();
  expect([words.getSnapshot().state, run.sender.waiting, run.errors]).toEqual(["stored", 1, []]);
  expect([...world.disk.rows.keys()].filter((key) => key.startsWith("client/outbox/"))).toHaveLength(1);
});

test("V04 a marker that is sealed already does not leave if its addressee is blocked while what is before it is written", async () => {
  const world = new OutboxWorld();
  const blocked = new Set<BareJid>();
  const run = await world.run(undefined, { isBlocked: (jid) => blocked.has(jid) });
  await run.sender.intake.accept(juliet, [body("words")]).reached("stored");
  await run.ledger.run((tx) => run.sender.intake.notify(tx, juliet, [encodeDisplayed("x")], { purpose: "marker", protection: "omemo" }));
  const link = world.fresh();
  link.stream.onSend = () => { blocked.add(juliet); };
  run.sender.attach(link.connection);
  await quiet();
  expect([link.stream.sent.length, world.omemo.used.length, run.sender.waiting]).toEqual([1, 2, 1]);
});
