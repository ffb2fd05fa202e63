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
    await run.ledger.run((tx) => run.sender.intake.acceptIn(tx, to, [encodeReceipt("x")], { purpose: "receipt", protection: "none" }));
    await run.ledger.run((tx) => run.sender.intake.acceptIn(tx, to, [encodeDisplayed("x")], { purpose: "marker" }));
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
