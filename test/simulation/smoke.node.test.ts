import { Session } from "node:inspector/promises";
import { mkdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { juliet, romeo, usualServer, World } from "./world.js";

test("smoke", async () => {
  const world = new World(1, usualServer);
  world.romeo.start();
  world.juliet.start();
  await world.rest();
  console.log(world.steps, world.wrongs, world.romeo.life?.counts, world.romeo.errors);
  world.romeo.send(juliet, "one");
  await world.rest();
  world.juliet.send(romeo, "two");
  await world.rest();
  world.romeo.send(juliet, "three");
  await world.rest();
  console.log(world.steps, world.wrongs, world.romeo.life?.counts, world.romeo.errors, world.juliet.errors, world.romeo.intents, world.juliet.intents);
  console.log((await world.juliet.log()).map((m) => [m.text, m.delivery?.state, m.unreadable]));
  console.log((await world.romeo.log()).map((m) => [m.text, m.delivery?.state, m.unreadable]));
  await Promise.all([world.romeo.client?.close(), world.until(() => world.romeo.client?.status.getSnapshot().kind === "closed")]);
  await Promise.all([world.juliet.client?.close(), world.until(() => world.juliet.client?.status.getSnapshot().kind === "closed")]);
  const snap = world.snapshot();
  const ins = new Session(); ins.connect(); await ins.post('Profiler.enable'); await ins.post('Profiler.start');
  for (let round = 0; round < 6; round++) {
    const t = performance.now();
    const N = 30;
    let c = {};
    for (let i = 0; i < N; i++) {
      const w = new World(i + 5, usualServer, snap);
      w.romeo.start(); w.juliet.start();
      await w.rest();
      w.romeo.send(juliet, "four"); w.romeo.send(juliet, "five");
      await w.rest();
      w.juliet.send(romeo, "six");
      await w.rest();
      c = { ...w.romeo.life?.counts, steps: w.steps, wrongs: w.wrongs, told: w.romeo.intents.map((x) => x.told.join()) };
      w.end();
    }
    console.log((performance.now() - t) / N, "ms per world", c);
  }
  const { profile } = await ins.post('Profiler.stop'); mkdirSync('/tmp/prof', { recursive: true }); writeFileSync('/tmp/prof/p.json', JSON.stringify(profile));
  expect(1).toBe(1);
});
