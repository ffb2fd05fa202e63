/** A long catch-up, broken off at random again and again (Node only: it takes a while). */
import { expect, test } from "vitest";

import { juliet, romeo, World } from "../../support/omemo-world.js";
import { faultyStore } from "../../../src/testing/faulty-store.js";
import { Reception, sealedLetter, ServerArchive } from "../../support/reception.js";

const count = 10_000;
const seed = Number(process.env["SOTTO_SEED"] ?? Date.now() % 0x7fff_ffff);

/** Numbers from 0 to below 1, the same for a seed. */
function numbers(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("Q17 Q16 D01 10,000 archived encrypted messages are caught up completely, once and in order, though the process dies at random", { timeout: 600_000 }, async () => {
  console.info(`SOTTO_SEED=${seed.toString()}`);
  const random = numbers(seed);
  const world = new World();
  const a = await world.device(romeo);
  const first = await Reception.open(world, juliet);
  await first.omemo.announce();
  const archive = new ServerArchive(juliet, world.clock);
  await first.catchUp.run(first.connect(archive));
  for (let i = 0; i < count; i++) {
    const text = `text ${i.toString()}`;
    archive.store(sealedLetter(`${romeo}/orchard`, juliet, text, await a.send(juliet, text)));
  }
  const { disk } = first;
  let deaths = 0;
  let done: Reception | undefined;
  while (done === undefined) {
    // A life lasts for some commits; each of them holds a page.
    const at = 1 + Math.floor(random() * 25);
    const kind = (["die-before", "die-after", "fail"] as const)[Math.floor(random() * 3)] ?? "fail";
    try {
      const b = await Reception.open(world, juliet, { disk, store: (inner) => faultyStore(inner, { at, kind, operations: ["commit"] }) });
      const connection = b.connect(archive);
      await b.catchUp.run(connection);
      done = b;
    } catch {
      deaths += 1;
    }
  }
  const texts: string[] = [];
  for (let after = 0; ;) {
    const page = await done.log.page({ after, limit: 1_000 });
    texts.push(...page.map(({ text, unreadable }) => unreadable ?? text));
    if (page.length < 1_000) break;
    after = page.at(-1)?.position ?? after;
  }
  expect(texts).toHaveLength(count);
  expect(texts.every((text, i) => text === `text ${i.toString()}`)).toBe(true);
  expect(deaths).toBeGreaterThan(3);
  // One commit per page, and few besides: not one per message.
  const pages = archive.queries.length;
  expect(pages).toBeLessThan((count / archive.pageMax) * 2 + deaths * 2);
});
