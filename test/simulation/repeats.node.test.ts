/** What the simulation has found, in its shortest form. @module */
import { expect, test } from "vitest";
import { base } from "./points.js";
import { Verifier } from "./verifier.js";
import { juliet, romeo, usualServer, World } from "./world.js";

test("Q16 a receipt that came live and comes again with the archive, many turns later, is no message that cannot be read", async () => {
  const from = await base("acquainted", "usual");
  const world = new World(3, usualServer, from);
  const verifier = new Verifier(world, from);
  for (const person of world.people) person.start();
  await world.rest();
  for (let turn = 1; turn <= 8; turn++) {
    world.romeo.send(juliet, `question ${String(turn)}`);
    await world.rest();
    world.juliet.send(romeo, `answer ${String(turn)}`);
    await world.rest();
  }
  for (const person of world.people) {
    person.life?.die();
    world.server.expire();
    person.start();
    await world.until(() => false, 300_000);
  }
  await world.rest();
  expect(world.wrongs).toEqual([]);
  expect(await verifier.look({ receipts: true })).toEqual([]);
  world.end();
});
