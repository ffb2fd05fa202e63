/** Confirmed messages leave the outbox, whenever they are confirmed. */
import { expect, test } from "vitest";
import { systemRng } from "../../../src/base/rng.js";
import { Settler } from "../../../src/client/outbox/settler.js";
import type { Slot } from "../../../src/client/outbox/slots.js";
import { Ledger } from "../../../src/session/ledger.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { ManualClock, quiet } from "../../support/outbox-world.js";

test("Q01 what is confirmed in the very moment in which the last batch is through leaves as well", async () => {
  const store = memoryStore();
  const ledger = new Ledger(store, await store.acquire());
  for (let turns = 0; turns < 40; turns++) {
    const settled: string[] = [];
    const settler = new Settler({
      ledger, clock: new ManualClock(), rng: systemRng(), onError: () => undefined,
      settle: (_, confirmed) => {
        settled.push(...confirmed.map(({ id }) => id));
        return Promise.resolve();
      },
    });
    settler.add([{ id: "first" } as Slot]);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    settler.add([{ id: "second" } as Slot]);
    await quiet();
    expect([turns, settled]).toEqual([turns, ["first", "second"]]);
  }
});

test("Q21 an outbox that is stopped while a commit fails leaves no timer behind", async () => {
  const store = memoryStore();
  const clock = new ManualClock();
  let fail = (): void => undefined;
  const settler = new Settler({
    ledger: new Ledger(store, await store.acquire()), clock, rng: systemRng(), onError: () => undefined,
    settle: () => new Promise((_resolve, reject) => { fail = () => { reject(new TypeError("not now")); }; }),
  });
  settler.add([{ id: "1" } as Slot]);
  await quiet();
  const stopping = settler.stop();
  fail();
  await stopping;
  await quiet();
  expect(clock.timers).toBe(0);
});
