/** A message whose plan has become old while it was handed in: threats R22. @module */
import { expect, test } from "vitest";
import { body, juliet, OutboxWorld, quiet, textsOn } from "../../support/outbox-world.js";

test("R22 in a busy conversation a message to a device that was just reset is planned anew and leaves at once", async () => {
  const world = new OutboxWorld();
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  await run.sender.intake.accept(juliet, [body("first")]).reached("sealed");
  await quiet();
  world.omemo.outcome = { kind: "no-device", retryable: true, report: [] }; // what sealing says of the plan that is remembered
  world.omemo.onPrepare = () => { world.omemo.outcome = undefined; };
  const handle = run.sender.intake.accept(juliet, [body("second")]);
  await handle.reached("sealed");
  await quiet();
  expect([textsOn(link), world.omemo.prepared, handle.getSnapshot().obstacle]).toEqual([["first", "second"], 2, undefined]);
});
