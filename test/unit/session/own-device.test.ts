/** Own bundle and device list: threats R23, T02, T03, T16; docs/protocol.md 1.5, 4.3. @module */
import { expect, test } from "vitest";
import type { SessionContext } from "../../../src/session/context.js";
import { redrawDeviceId, retireDeviceId, retiredDeviceIds, type DeviceIdentity } from "../../../src/session/own-device.js";
import { systemRng } from "../../../src/base/rng.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { storeKey, type DeviceId, type ListedDevice, type WireBundle } from "../../../src/session/ports.js";
import type { Transaction } from "../../../src/session/transaction.js";
import { juliet, keyFor, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

function published(world: World, device: TestDevice): WireBundle {
  const bundle = world.server.bundles.get(`${device.jid} ${device.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  return bundle;
}
const ids = (bundle: WireBundle): readonly number[] => bundle.preKeys.map((key) => key.id);
const week = 7 * 24 * 60 * 60 * 1000;

test("a new device publishes its bundle first, then the list with its id beside the others", async () => {
  const world = new World();
  const [r1, r2] = [await world.device(romeo), await world.device(romeo)];
  expect(world.server.log.filter((line) => line.startsWith("publish"))).toEqual([
    "publish bundle romeo@example.org", "publish list romeo@example.org", "publish bundle romeo@example.org", "publish list romeo@example.org",
  ]);
  expect(world.server.lists.get(romeo)?.map((device) => device.id)).toEqual([r1.id, r2.id]);
  expect(ids(published(world, r1))).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

test("identity, signed prekey and prekeys are stored in one commit before anything is published", async () => {
  const world = new World();
  world.server.offline = true;
  const device = await world.device(romeo, { announce: false });
  expect([...device.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/prekey/")).length).toBe(100);
  await expect(device.omemo.announce()).rejects.toMatchObject({ code: "ERR_DIRECTORY_UNAVAILABLE", retryable: true });
  expect(world.server.bundles.size).toBe(0);
});

test("announcing again publishes nothing while nothing changed", async () => {
  const world = new World();
  const device = await world.device(romeo);
  world.server.log.length = 0;
  await device.omemo.announce();
  const again = await world.device(romeo, { disk: device.disk });
  expect(again.id).toBe(device.id);
  expect(world.server.log.filter((line) => line.startsWith("publish"))).toEqual([]);
});

test("T16 a bundle on the server that is not ours is published anew", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const own = published(world, a);
  world.server.bundles.set(`${romeo} ${a.id}`, published(world, b));
  await world.device(romeo, { disk: a.disk });
  expect(published(world, a)).toEqual(own);
});

test("R23 a used prekey leaves the bundle and is replaced under a new id; its private half goes when told", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "hello");
  const used = keyFor(message, b.address).data[1] as number;
  expect(await b.open(romeo, message)).toMatchObject({ followUps: [{ kind: "republish-bundle" }] });
  await b.omemo.announce();
  const after = ids(published(world, b));
  expect(after).toHaveLength(100);
  expect(after).not.toContain(used);
  expect(after).toContain(101);
  const row = `omemo/2/prekey/${String(used).padStart(10, "0")}`;
  expect([...b.disk.rows.keys()]).toContain(row);
  await b.ledger.run((tx) => b.omemo.settlePreKeys(tx));
  expect([...b.disk.rows.keys()]).not.toContain(row);
  expect(Math.min(...after)).toBeGreaterThan(0);
});

test("R23 the signed prekey is rotated after a week, one old one is kept, and ids only grow", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const plans = [await a.omemo.prepare([juliet])];
  world.clock.time += week - 1;
  await b.omemo.announce();
  expect(published(world, b).signedPreKeyId).toBe(1);
  world.clock.time += 1;
  await b.omemo.announce();
  expect(published(world, b).signedPreKeyId).toBe(2);
  world.clock.time += week;
  // One rotation ago: still accepted. Two: refused.
  const [one, two] = [await world.device(romeo), await world.device(romeo)];
  const late = await a.ledger.run((tx) => a.omemo.seal(tx, plans[0] as (typeof plans)[0], [], { to: juliet }));
  if (late.kind !== "sealed") throw new RangeError("not sealed");
  const fresh = await one.send(juliet, "on the second");
  await b.omemo.announce();
  expect(published(world, b).signedPreKeyId).toBe(3);
  expect(textOfOutcome(await b.open(romeo, fresh))).toBe("on the second");
  expect(textOfOutcome(await b.open(romeo, late.message))).toBe("failed ERR_SESSION_UNKNOWN_PREKEY");
  expect(textOfOutcome(await b.open(romeo, await two.send(juliet, "on the third")))).toBe("on the third");
});

test("a device id that is taken on our list is drawn anew before the first announcement", async () => {
  const world = new World();
  const device = await world.device(romeo, { announce: false });
  const taken = device.id;
  world.server.lists.set(romeo, [{ id: taken }]);
  await device.omemo.announce();
  expect(device.id).not.toBe(taken);
  expect(world.server.lists.get(romeo)?.map((entry) => entry.id)).toEqual([taken, device.id]);
  expect(world.server.bundles.has(`${romeo} ${taken}`)).toBe(false);
});

test("T03 an id that is drawn anew is none of those that are taken", () => {
  const draws = [4711, 4712, 4713].map((id) => id - 1);
  const rng = (): Uint8Array<ArrayBuffer> => new Uint8Array(new Uint32Array([draws.shift() ?? 0]).buffer).reverse();
  const context = { rng, keys: { ownDevice: () => storeKey("omemo/own") } } as unknown as SessionContext; // no other part of them is asked for
  const own = { record: { account: romeo, deviceId: 1, seed: new Uint8Array(32), createdAt: 0, announced: false }, identity: undefined } as unknown as DeviceIdentity;
  const tx = { put: () => undefined } as unknown as Transaction;
  expect(redrawDeviceId(tx, context, own, new Set([4711, 4712])).address.deviceId).toBe(4713);
});

test("T14 H06 of our former ids the last 512 are kept off our list", async () => {
  const rows = new Map<string, Uint8Array>();
  const tx = { get: async (key: string) => rows.get(key), put: (key: string, row: Uint8Array) => { rows.set(key, row); } } as unknown as Transaction;
  const context = { rng: systemRng(), keys: new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2") } as unknown as SessionContext;
  const record = { account: romeo, deviceId: 1, seed: new Uint8Array(32), createdAt: 0, announced: true };
  let own = { record, address: { jid: romeo, deviceId: 1 }, identity: undefined } as unknown as DeviceIdentity;
  const former: number[] = [];
  for (let n = 0; n < 514; n++) {
    former.push(own.address.deviceId);
    own = await retireDeviceId(tx, context, own);
  }
  expect(await retiredDeviceIds(tx, context)).toEqual(former.slice(-512));
  expect([former.includes(own.address.deviceId), own.record.announced]).toEqual([false, false]);
});

test("an id that is ours already, from before a crash, is kept", async () => {
  const world = new World();
  const device = await world.device(romeo, { announce: false });
  const { id } = device;
  await device.omemo.announce();
  await device.ledger.run(async (tx) => {
    const key = [...device.disk.rows.keys()].find((name) => name === "omemo/own");
    const row = key === undefined ? undefined : await tx.get(key);
    if (key === undefined || row === undefined) throw new RangeError("no own device");
    row[row.length - 1] = 0; // the announcement was not noted
    tx.put(key, row);
  });
  const again = await world.device(romeo, { disk: device.disk });
  expect(again.id).toBe(id);
});

test("T03 our id is put back into our list with all others, three times a minute at most, then we are told", async () => {
  const world = new World();
  const device = await world.device(romeo);
  const other = { id: 4711 as DeviceId };
  world.clock.time += 61_000;
  world.server.log.length = 0;
  for (let i = 0; i < 5; i++) await device.omemo.onDeviceList(romeo, [other]);
  expect(world.server.log.filter((line) => line.startsWith("publish list"))).toHaveLength(3);
  expect(world.server.lists.get(romeo)).toEqual([other, { id: device.id }]);
  expect(device.events.filter((event) => event.kind === "device-list-contested")).toHaveLength(2);
  world.clock.time += 61_000;
  await device.omemo.onDeviceList(romeo, [other]);
  expect(world.server.log.filter((line) => line.startsWith("publish list"))).toHaveLength(4);
});

test("T02 a list of more than 512 entries is not believed, the last good one stays; doubled entries count once", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await a.omemo.prepare([juliet]);
  await a.omemo.onDeviceList(juliet, Array.from({ length: 513 }, (_, i) => ({ id: (i + 1) as DeviceId })));
  expect((await a.omemo.devices(juliet)).filter((device) => device.active).map((device) => device.device.deviceId)).toEqual([b.id]);
  await a.omemo.onDeviceList(juliet, [{ id: b.id }, { id: b.id }]);
  expect((await a.trySend(juliet, "once")).report).toHaveLength(1);
});

test("T02 512 entries are believed; a longer list that is fetched costs nobody the devices of the last good one; of two entries with one id the first counts", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await a.send(juliet, "first");
  const others = Array.from({ length: 512 }, (_, i) => ({ id: (i + 1) as DeviceId }));
  const known = world.server.lists.get(juliet) ?? [];
  world.server.lists.set(juliet, [...known, ...others]);
  a.omemo.expireDeviceLists();
  expect((await a.trySend(juliet, "second")).report).toMatchObject([{ device: b.address, result: "encrypted" }]);
  await a.omemo.onDeviceList(juliet, others);
  expect((await a.omemo.devices(juliet)).filter(({ active }) => active)).toHaveLength(512);
  const labelled = (label: string): ListedDevice => ({ id: 1 as DeviceId, label });
  await a.omemo.onDeviceList(romeo, [labelled("first"), { id: 2 as DeviceId }, labelled("second")]);
  expect(world.server.lists.get(romeo)).toHaveLength(3);
  expect(world.server.lists.get(romeo)).toContainEqual(labelled("first"));
});

test("an error is not an empty list: with the server silent a known contact is still written to", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await a.send(juliet, "first");
  world.server.offline = true;
  world.clock.time += 24 * 60 * 60 * 1000;
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "second"), { stanzaTime: world.clock.now() }))).toBe("second");
});

test("a second look within ten minutes asks the server nothing", async () => {
  const world = new World();
  const a = await world.device(romeo);
  await world.device(juliet);
  await a.send(juliet, "first");
  world.server.log.length = 0;
  await a.send(juliet, "second");
  expect(world.server.log).toEqual([]);
  a.omemo.expireDeviceLists();
  await a.send(juliet, "third");
  expect(world.server.log).toEqual([`list ${juliet}`, `list ${romeo}`]);
});

test("a store of another account is refused", async () => {
  const world = new World();
  const a = await world.device(romeo);
  await expect(world.device(juliet, { disk: a.disk })).rejects.toMatchObject({ code: "ERR_OWN_DEVICE_MISMATCH" });
});
