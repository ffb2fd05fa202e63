/** Somebody with very many devices: who writes to him keeps answering meanwhile. Threats L01, T02. */
import { expect, test } from "vitest";
import { body, FakeClock, juliet, romeo, World } from "../../support/omemo-world.js";

/** Each look at it finds that much time has gone. */
class HurryingClock extends FakeClock {
  override monotonic(): number {
    return this.time += 10;
  }
}

/** Counts tasks of their own, as input of a user would be, while `work` runs. */
async function tasksDuring(work: () => Promise<unknown>): Promise<number> {
  let tasks = 0;
  let over = false;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    tasks += 1;
    if (over) port1.close();
    else port2.postMessage(undefined);
  };
  port2.postMessage(undefined);
  await work();
  over = true;
  return tasks;
}

test("L01 looking at bundles, and sealing for many devices, lets others have the thread between two of them", async () => {
  const devices = 12;
  const world = Object.assign(new World(), { clock: new HurryingClock() });
  for (let n = 0; n < devices; n++) await world.device(juliet);
  const a = await world.device(romeo);
  a.omemo.expireDeviceLists();
  let plan: Awaited<ReturnType<typeof a.omemo.prepare>> = { recipients: [] };
  expect(await tasksDuring(async () => { plan = await a.omemo.prepare([juliet]); })).toBeGreaterThanOrEqual(devices);
  expect(await tasksDuring(async () => {
    const sealed = await a.ledger.run((tx) => a.omemo.seal(tx, plan, [body("x")], { to: juliet }));
    expect(sealed).toMatchObject({ kind: "sealed", report: Array.from({ length: devices }, () => ({ result: "encrypted" })) });
  })).toBeGreaterThanOrEqual(devices);
});
