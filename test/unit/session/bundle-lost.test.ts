/** A server that loses what we published, or goes back to an old state of it, while this process runs: threats T16, T03, R23. @module */
import { expect, test } from "vitest";
import type { DeviceDirectory, WireBundle } from "../../../src/session/ports.js";
import { juliet, keyFor, mercutio, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

const keyOf = (device: TestDevice): string => `${device.jid} ${device.id}`;
function shown(world: World, device: TestDevice): WireBundle {
  const bundle = world.server.bundles.get(keyOf(device));
  if (bundle === undefined) throw new RangeError("no bundle");
  return bundle;
}
/** What a stream begins with that does not continue the one before. */
const reconnect = (device: TestDevice): Promise<void> => {
  device.omemo.expireDeviceLists();
  return device.omemo.announce();
};

test("T16 a bundle that the server has lost is put back by the next connection, with the list or without it", async () => {
  for (const withList of [true, false]) {
    const world = new World();
    const [a, b] = [await world.device(romeo), await world.device(juliet)];
    const own = shown(world, b);
    world.server.bundles.delete(keyOf(b));
    if (withList) world.server.lists.delete(juliet);
    await reconnect(b);
    expect([shown(world, b), world.server.lists.get(juliet)]).toEqual([own, [{ id: b.id }]]);
    expect((await a.trySend(juliet, "hello")).report).toMatchObject([{ result: "encrypted" }]);
  }
});

test("T16 R23 a server that was restored from a backup shows our present bundle again: nobody begins with a prekey whose private half is gone", async () => {
  const world = new World();
  const [a, b, m] = [await world.device(romeo), await world.device(juliet), await world.device(mercutio)];
  const backup = shown(world, b);
  const first = await a.send(juliet, "one");
  const used = keyFor(first, b.address).data[1] as number;
  await b.open(romeo, first);
  await b.omemo.announce();
  await b.ledger.run((tx) => b.omemo.settlePreKeys(tx));
  const present = shown(world, b);
  world.server.bundles.set(keyOf(b), { ...backup, preKeys: backup.preKeys.filter(({ id }) => id === used) });
  await reconnect(b);
  expect(shown(world, b)).toEqual(present);
  expect(textOfOutcome(await b.open(mercutio, await m.send(juliet, "my first words")))).toBe("my first words");
});

test("T16 a bundle of another identity under our id gives way to ours, and is told", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const own = shown(world, b);
  world.server.bundles.set(keyOf(b), shown(world, a));
  await reconnect(b);
  expect(shown(world, b)).toEqual(own);
  const told = (): number => b.events.filter(({ kind }) => kind === "bundle-replaced").length;
  expect(told()).toBe(1);
  world.server.bundles.set(keyOf(b), { ...own, signedPreKeyId: own.signedPreKeyId + 1 });
  await reconnect(b);
  expect([shown(world, b), told()]).toEqual([own, 1]); // not ours as it is, but nobody else's
});

test("T16 L04 the server's bundle is looked at once for each connection, and nothing is published while it is ours", async () => {
  const world = new World();
  const device = await world.device(romeo);
  world.server.log.length = 0;
  for (let n = 0; n < 3; n++) {
    await reconnect(device);
    await device.omemo.announce();
  }
  expect(world.server.log.filter((line) => line.startsWith("bundles"))).toHaveLength(3);
  expect(world.server.log.filter((line) => line.startsWith("publish"))).toEqual([]);
  // What was just published is not looked at again on the same connection.
  world.server.bundles.clear();
  await reconnect(device);
  world.server.log.length = 0;
  await device.omemo.announce();
  expect(world.server.log).toEqual([`list ${device.jid}`]);
});

/** A directory that stores lists or loses them, and answers neither way until it is told to. */
function unsteady(world: World, stores: boolean): DeviceDirectory & { cut: boolean } {
  const inner = world.server.directoryOf(juliet);
  return {
    ...inner, cut: true,
    async publishDeviceList(...of) {
      if (stores || !this.cut) await inner.publishDeviceList(...of);
      if (this.cut) throw new RangeError("no answer");
    },
  };
}

test.each([false, true])("T03 T16 an id of ours that is listed stays ours when the server loses the bundle before the announcement is noted (restarted: %s)", async (restarted) => {
  const world = new World();
  const directory = unsteady(world, true);
  const b = await world.device(juliet, { announce: false, directory });
  await expect(b.omemo.announce()).rejects.toThrow("no answer");
  const { id } = b;
  directory.cut = false;
  world.server.bundles.delete(keyOf(b));
  const later = restarted ? await world.device(juliet, { disk: b.disk }) : b;
  if (!restarted) await b.omemo.announce();
  expect([later.id, world.server.lists.get(juliet)]).toEqual([id, [{ id }]]); // no ghost
  const a = await world.device(romeo);
  expect((await a.trySend(juliet, "hello")).report).toMatchObject([{ result: "encrypted" }]);
});

test("T03 an id that turns out to be taken after our bundle was published under it is drawn anew, with a bundle of its own", async () => {
  const world = new World();
  const directory = unsteady(world, false);
  const b = await world.device(juliet, { announce: false, directory });
  await expect(b.omemo.announce()).rejects.toThrow("no answer");
  const taken = b.id;
  const other = await world.device(mercutio);
  world.server.bundles.set(keyOf(b), shown(world, other)); // another device of ours has drawn the same
  world.server.lists.set(juliet, [{ id: taken }]);
  directory.cut = false;
  await b.omemo.announce();
  expect(b.id).not.toBe(taken);
  expect(world.server.lists.get(juliet)).toEqual([{ id: taken }, { id: b.id }]);
  expect(shown(world, b).preKeys).toHaveLength(100);
});
