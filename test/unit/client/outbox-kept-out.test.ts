/** After a cut: an archive that is announced, and refuses. */
import { expect, test } from "vitest";
import { TransportError } from "../../../src/transport/errors.js";
import { body, juliet, type Link, type OutboxRun, OutboxWorld, quiet, textsOn } from "../../support/outbox-world.js";

/** A run with three messages written and none confirmed. */
async function threeWritten(world: OutboxWorld): Promise<{ readonly run: OutboxRun; readonly link: Link }> {
  const run = await world.run();
  const link = world.fresh();
  run.sender.attach(link.connection);
  for (const text of ["1", "2", "3"]) run.sender.intake.accept(juliet, [body(text)]);
  await quiet();
  expect(textsOn(link)).toEqual(["1", "2", "3"]);
  return { run, link };
}

test.each(["forbidden", "not-allowed", "service-unavailable", "feature-not-implemented"])("Q03 an archive that is announced and refuses with %s, twice, is none: the identical bytes leave again, and what is newer after them", async (condition) => {
  const refusal = new TransportError("ERR_STANZA_ERROR", "no", { details: { condition, type: "cancel" } });
  for (const refusing of ["query", "supported"] as const) {
    const world = new OutboxWorld();
    const { run, link } = await threeWritten(world);
    link.stream.cut();
    run.sender.detach();
    if (refusing === "query") world.archive.onQuery = () => { throw refusal; };
    else world.archive.supported = () => Promise.reject(refusal);
    run.sender.intake.accept(juliet, [body("newer")]);
    const next = world.fresh();
    run.sender.attach(next.connection);
    await world.looks();
    expect(textsOn(next)).toEqual(["1", "2", "3", "newer"]);
    expect(next.stream.sent.slice(0, 3).map(({ text }) => text)).toEqual(link.stream.sent.map(({ text }) => text));
    expect(world.archive.queries.length).toBe(refusing === "query" ? 2 : 0);
  }
});

test("Q03 an archive that refuses once and answers the second time is believed: nothing that it has leaves again", async () => {
  const world = new OutboxWorld();
  const { run, link } = await threeWritten(world);
  for (const { text } of link.stream.sent.slice(0, 2)) world.archive.store(text, 500);
  link.stream.cut();
  run.sender.detach();
  world.archive.onQuery = () => {
    if (world.archive.queries.length === 1) throw new TransportError("ERR_STANZA_ERROR", "no", { details: { condition: "forbidden" } });
    return undefined;
  };
  const next = world.fresh();
  run.sender.attach(next.connection);
  await world.looks();
  await world.looks();
  expect(textsOn(next)).toEqual(["3"]);
});
