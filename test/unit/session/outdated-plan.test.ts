/** Messages that were planned before a session went: threats R05, R22, T07. @module */
import { expect, test } from "vitest";
import type { SendPlan, SealOutcome } from "../../../src/session/outcome.js";
import { body, juliet, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

/** Sessions of one device with the two of a contact, and what was planned with them. */
async function planned(world: World): Promise<{ readonly a: TestDevice; readonly devices: readonly [TestDevice, TestDevice]; readonly seal: (plan: SendPlan) => Promise<SealOutcome> }> {
  const a = await world.device(romeo);
  const devices = [await world.device(juliet), await world.device(juliet)] as const;
  const first = await a.send(juliet, "first");
  for (const device of devices) expect(textOfOutcome(await device.open(romeo, first))).toBe("first");
  return { a, devices, seal: (plan) => a.ledger.run((tx) => a.omemo.seal(tx, plan, [body("second")], { to: juliet })) };
}

test("R22 a message that was planned before a reset is planned anew: it misses no device", async () => {
  const { a, devices, seal } = await planned(new World());
  const plan = await a.omemo.prepare([juliet]);
  await a.ledger.run((tx) => a.omemo.resetSession(tx, devices[0].address));
  const before = a.snapshot();
  expect(await seal(plan)).toMatchObject({ kind: "no-device", retryable: true, report: [{ result: "unavailable" }, { result: "encrypted" }] });
  expect(a.snapshot()).toBe(before); // no key was used
  const message = await a.send(juliet, "second");
  for (const device of devices) expect(textOfOutcome(await device.open(romeo, message))).toBe("second");
});

test("R05 T07 one that was planned before the user accepted the new key of a device is planned anew as well", async () => {
  const world = new World();
  const { a, devices: [replaced, other], seal } = await planned(world);
  const lists = world.server.lists.get(juliet) ?? [];
  const successor = await world.device(juliet);
  world.server.lists.set(juliet, lists);
  const bundle = world.server.bundles.get(`${juliet} ${successor.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${juliet} ${replaced.id}`, bundle);
  await a.omemo.prepareDevice(replaced.address); // its other key is seen, and waits
  const plan = await a.omemo.prepare([juliet]);
  await a.omemo.setTrust(juliet, successor.omemo.self.identityKey, "authenticated");
  expect(await seal(plan)).toMatchObject({ kind: "no-device", retryable: true });
  const message = await a.send(juliet, "second");
  expect(message.keys.map(({ rid, kex }) => [rid, kex])).toEqual([[replaced.id, true], [other.id, true]]);
});

test("R01 a device whose bundle could not be had holds nobody else up", async () => {
  const world = new World();
  const { a, devices: [without, other] } = await planned(world);
  world.server.bundles.delete(`${juliet} ${without.id}`);
  await a.ledger.run((tx) => a.omemo.resetSession(tx, without.address));
  expect((await a.send(juliet, "second")).keys.map(({ rid }) => rid)).toEqual([other.id]);
});
