/** What the server shows of us is ours, whole and listed, or it is put right: threats T03, T16, R21. @module */
import { expect, test } from "vitest";
import type { DeviceDirectory, DeviceId, WireBundle } from "../../../src/session/ports.js";
import { juliet, keyFor, romeo, World, type TestDevice } from "../../support/omemo-world.js";

const week = 7 * 24 * 60 * 60 * 1000;

function shown(world: World, device: TestDevice): WireBundle {
  const bundle = world.server.bundles.get(`${device.jid} ${device.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  return bundle;
}
const altered = <T extends Uint8Array>(bytes: T): T => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) as T;
const publications = (world: World): readonly string[] => world.server.log.filter((line) => line.startsWith("publish bundle"));

test("T16 a stored bundle that differs from ours in one part alone is published anew", async () => {
  const parts: readonly ((own: WireBundle, first: WireBundle["preKeys"][number]) => Partial<WireBundle>)[] = [
    ({ identityKey }) => ({ identityKey: altered(identityKey) }),
    ({ signedPreKeyId }) => ({ signedPreKeyId: signedPreKeyId + 1 }),
    ({ signedPreKey }) => ({ signedPreKey: altered(signedPreKey) }),
    ({ signedPreKeySignature }) => ({ signedPreKeySignature: altered(signedPreKeySignature) }),
    ({ preKeys }, first) => ({ preKeys: [{ ...first, key: altered(first.key) }, ...preKeys.slice(1)] }),
    ({ preKeys }, first) => ({ preKeys: [{ ...first, id: 4711 }, ...preKeys.slice(1)] }),
    ({ preKeys }) => ({ preKeys: preKeys.slice(1) }),
    ({ preKeys }, first) => ({ preKeys: [...preKeys, { ...first, id: 4711 }] }),
    ({ preKeys }, first) => ({ preKeys: [first, first, ...preKeys.slice(2)] }),
  ];
  const world = new World();
  const device = await world.device(romeo);
  const own = shown(world, device);
  for (const [i, part] of parts.entries()) {
    world.server.bundles.set(`${romeo} ${device.id}`, { ...own, ...part(own, own.preKeys[0] as WireBundle["preKeys"][number]) });
    world.server.log.length = 0;
    await world.device(romeo, { disk: device.disk });
    expect([i, publications(world).length, shown(world, device)]).toEqual([i, 1, own]);
  }
  world.server.log.length = 0;
  world.server.bundles.set(`${romeo} ${device.id}`, { ...own, preKeys: [...own.preKeys].reverse() }); // the same, in another order
  await world.device(romeo, { disk: device.disk });
  expect(publications(world)).toEqual([]);
});

test("T16 R23 an old bundle of ours that the server shows again, from before a prekey was used or the signed one was rotated, is published anew", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const first = shown(world, b);
  const message = await a.send(juliet, "hello");
  const used = keyFor(message, b.address).data[1] as number;
  await b.open(romeo, message);
  await b.omemo.announce();
  const second = shown(world, b);
  world.clock.time += week;
  await b.omemo.announce();
  const third = shown(world, b);
  expect([second.signedPreKeyId, third.signedPreKeyId, first.preKeys.some(({ id }) => id === used), third.preKeys.some(({ id }) => id === used)]).toEqual([1, 2, true, false]);
  for (const old of [first, second]) {
    world.server.bundles.set(`${juliet} ${b.id}`, old);
    await world.device(juliet, { disk: b.disk });
    expect(shown(world, b)).toEqual(third);
  }
});

test("T16 an own bundle that cannot be looked at is not published anew for that, nor taken for ours: the next announcement looks again", async () => {
  const world = new World();
  const { disk, id } = await world.device(romeo);
  const directory = world.server.directoryOf(romeo);
  let silent = true;
  const device = await world.device(romeo, { disk, announce: false, directory: {
    ...directory, fetchBundles: async (...of) => (silent ? of[1].map(() => ({ kind: "unavailable", retryable: true })) : directory.fetchBundles(...of)),
  } });
  world.server.log.length = 0;
  world.server.bundles.clear();
  await device.omemo.announce();
  expect(publications(world)).toEqual([]);
  silent = false;
  await device.omemo.announce();
  expect([publications(world).length, [...world.server.bundles.keys()]]).toEqual([1, [`${romeo} ${String(id)}`]]);
});

test("T14 a former id of ours that somebody puts back leaves the list again; nobody else does", async () => {
  const world = new World();
  const device = await world.device(romeo);
  const [former, other] = [{ id: device.id }, { id: 4711 as DeviceId }];
  await device.omemo.renewDevice();
  await device.omemo.announce();
  const own = { id: device.id };
  expect(world.server.lists.get(romeo)).toEqual([own]);
  await device.omemo.onDeviceList(romeo, [former, other, own]);
  expect(world.server.lists.get(romeo)).toEqual([other, own]);
});

test("T03 an own bundle that cannot be fetched is not somebody else's: the device keeps its id, leaves no ghost on the list, and asks again later", async () => {
  for (const retryable of [true, false]) {
    const world = new World();
    const directory = world.server.directoryOf(romeo);
    let failing = false;
    const unsteady: DeviceDirectory = {
      ...directory,
      fetchBundles: async (...of) => (failing ? of[1].map(() => ({ kind: "unavailable", retryable })) : directory.fetchBundles(...of)),
      publishDeviceList: async (...of) => { // the server has it, and the answer is lost
        await directory.publishDeviceList(...of);
        if (!failing) throw new RangeError("cut off");
      },
    };
    const device = await world.device(romeo, { announce: false, directory: unsteady });
    const { id } = device;
    await expect(device.omemo.announce()).rejects.toThrow("cut off");
    failing = true;
    await expect(device.omemo.announce()).rejects.toMatchObject({ code: "ERR_DIRECTORY_UNAVAILABLE", retryable: true });
    failing = false;
    await device.omemo.announce();
    expect([device.id, world.server.lists.get(romeo)]).toEqual([id, [{ id }]]);
  }
});

test("T03 T14 an own list that cannot be read takes nobody off it whom we know: ours is added to those", async () => {
  const world = new World();
  const directory = world.server.directoryOf(romeo);
  let malformed = false;
  const device = await world.device(romeo, { announce: false, directory: {
    ...directory, fetchDeviceList: async (...of) => (malformed ? { kind: "malformed" } : directory.fetchDeviceList(...of)),
  } });
  const other = { id: 4711 as DeviceId, label: "the other one" };
  await device.omemo.onDeviceList(romeo, [other]);
  malformed = true;
  await device.omemo.announce();
  expect(world.server.lists.get(romeo)).toEqual([other, { id: device.id }]);
});

test("T03 before this device is announced, no list that lacks it is repaired: its bundle is not published", async () => {
  const world = new World();
  const device = await world.device(romeo, { announce: false });
  expect(await device.omemo.onDeviceList(romeo, [{ id: 4711 as DeviceId }])).toBeUndefined();
  expect(world.server.log).toEqual([]);
});

test("T03 an announcement that finds the list contested fails, so that it is made again", async () => {
  const world = new World();
  const device = await world.device(romeo);
  const other = { id: 4711 as DeviceId };
  for (let i = 0; i < 3; i++) await device.omemo.onDeviceList(romeo, [other]);
  world.server.lists.set(romeo, [other]);
  await expect(device.omemo.announce()).rejects.toMatchObject({ code: "ERR_DEVICE_LIST_CONTESTED", retryable: true });
});

test("T03 a list by notification that is not repaired for now is reported as contested, and a later announcement puts it right", async () => {
  const world = new World();
  const device = await world.device(romeo);
  const other = { id: 4711 as DeviceId };
  const removed = (): Promise<"contested" | undefined> => {
    world.server.lists.set(romeo, [other]);
    return device.omemo.onDeviceList(romeo, [other]);
  };
  const outcomes = [await removed(), await removed(), await removed(), await removed()];
  expect(outcomes).toEqual([undefined, undefined, "contested", "contested"]); // the first announcement counts too
  expect(await device.omemo.onDeviceList(juliet, [other])).toBeUndefined();
  expect(world.server.lists.get(romeo)).toEqual([other]);
  world.clock.time += 61_000;
  await device.omemo.announce();
  expect(world.server.lists.get(romeo)).toEqual([other, { id: device.id }]);
});
