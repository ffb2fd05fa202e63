/** A renewed device makes a bundle of new prekeys: nobody has used up those of the former one. */
import { expect, test } from "vitest";
import { juliet, World } from "../../support/omemo-world.js";

test("R24 R21 a device that is renewed while it runs tells nothing of used-up prekeys, and still does when they are", async () => {
  const world = new World();
  const b = await world.device(juliet);
  const told = (): number => b.events.filter(({ kind }) => kind === "prekeys-drained").length;
  await b.omemo.renewDevice();
  await b.omemo.announce();
  expect(told()).toBe(0);
  for (let round = 0; round < 2; round++) {
    await b.ledger.run(async (tx) => { for (const { key } of (await tx.list({ prefix: "omemo/2/prekey/" })).slice(0, 60)) tx.delete(key); });
    await b.omemo.announce();
    expect(told()).toBe(round);
  }
});
