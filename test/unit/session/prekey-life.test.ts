/** What the server shows of us we can read: private prekeys outlive failed publications and starts without a connection. Threats R03, R23, R24, Q18. @module */
import { expect, test } from "vitest";
import { decodeOwnBundle, decodePreKey, encodeOwnBundle, encodePreKey, type OwnBundleRecord } from "../../../src/session/records/own-records.js";
import { storeKey, type WireBundle } from "../../../src/session/ports.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { juliet, keyFor, mercutio, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

const hourMs = 60 * 60 * 1000;
const day = 24 * hourMs;
const preKeyRow = (id: number): string => `omemo/2/prekey/${String(id).padStart(10, "0")}`;

function shown(world: World, device: TestDevice): WireBundle {
  const bundle = world.server.bundles.get(`${device.jid} ${device.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  return bundle;
}

/** The server shows nothing but this one-time prekey of `bundle`. */
function showOnly(world: World, device: TestDevice, id: number, bundle: WireBundle = shown(world, device)): void {
  world.server.bundles.set(`${device.jid} ${device.id}`, { ...bundle, preKeys: bundle.preKeys.filter((key) => key.id === id) });
}

/** Juliet's device; her publications fail while `failing`, before or after the server has taken them. */
async function unlucky(world: World, taken: boolean): Promise<{ readonly b: TestDevice; readonly luck: { failing: boolean } }> {
  const luck = { failing: false };
  const directory = world.server.directoryOf(juliet);
  const b = await world.device(juliet, { directory: {
    ...directory,
    publishBundle: async (...of) => {
      if (!luck.failing || taken) await directory.publishBundle(...of);
      if (luck.failing) throw new RangeError("no answer");
    },
  } });
  return { b, luck };
}

const settle = (device: TestDevice): Promise<void> => device.ledger.run((tx) => device.omemo.settlePreKeys(tx));

async function changeBundle(device: TestDevice, change: (bundle: OwnBundleRecord) => OwnBundleRecord): Promise<void> {
  await device.ledger.run(async (tx) => {
    const row = await tx.get(storeKey("omemo/2/bundle"));
    if (row === undefined) throw new RangeError("no bundle row");
    tx.put(storeKey("omemo/2/bundle"), encodeOwnBundle(change(decodeOwnBundle(row))));
  });
}

test("R23 R03 starts without a connection, weeks apart, keep the signed prekey that the server shows; once the new one is shown it has a week more", async () => {
  const world = new World();
  const [a, c, { disk }] = [await world.device(romeo), await world.device(mercutio), await world.device(juliet)];
  const late = await c.omemo.prepare([juliet]);
  for (let start = 0; start < 3; start++) {
    world.clock.time += 8 * day;
    await world.device(juliet, { disk, announce: false });
  }
  const b = await world.device(juliet, { disk, announce: false });
  expect(shown(world, b).signedPreKeyId).toBe(1);
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "by what the server shows")))).toBe("by what the server shows");
  await b.omemo.announce();
  expect(shown(world, b).signedPreKeyId).toBe(2);
  world.clock.time += 7 * day - 1;
  await b.omemo.announce();
  expect(shown(world, b).signedPreKeyId).toBe(2);
  const outcome = await c.ledger.run((tx) => c.omemo.seal(tx, late, [], { to: juliet }));
  if (outcome.kind !== "sealed") throw new RangeError(outcome.kind);
  expect((await b.open(mercutio, outcome.message)).kind).toBe("content");
  world.clock.time += 1;
  await b.omemo.announce();
  expect(shown(world, b).signedPreKeyId).toBe(3);
});

for (const taken of [false, true]) {
  test(`R23 R03 publications that fail for weeks, ${taken ? "after" : "before"} the server has taken them, lose no key that it shows`, async () => {
    const world = new World();
    const [a, c] = [await world.device(romeo), await world.device(mercutio)];
    const { b, luck } = await unlucky(world, taken);
    const before = await c.omemo.prepare([juliet]);
    luck.failing = true;
    for (let week = 0; week < 3; week++) {
      world.clock.time += 8 * day;
      await expect(b.omemo.announce()).rejects.toThrow("no answer");
    }
    expect(shown(world, b).signedPreKeyId).toBe(taken ? 2 : 1);
    expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "hello")))).toBe("hello");
    const outcome = await c.ledger.run((tx) => c.omemo.seal(tx, before, [], { to: juliet }));
    if (outcome.kind !== "sealed") throw new RangeError(outcome.kind);
    expect((await b.open(mercutio, outcome.message)).kind).toBe("content");
    luck.failing = false;
    await b.omemo.announce();
    expect(shown(world, b).signedPreKeyId).toBe(2);
  });
}

test("R23 one-time prekeys that are used up all the time do not hold the signed prekey back", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  for (let week = 1; week <= 3; week++) {
    world.clock.time += 7 * day;
    await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
    await b.open(romeo, await a.send(juliet, "takes one"));
    await b.omemo.announce();
    expect(shown(world, b).signedPreKeyId).toBe(week + 1);
  }
});

test("R23 a publication that a renewal overtakes does not begin the week of the new signed prekey", async () => {
  const world = new World();
  const { disk } = await world.device(romeo);
  const directory = world.server.directoryOf(romeo);
  world.clock.time += 8 * day;
  const device = await world.device(romeo, { disk, announce: false, directory: {
    ...directory,
    publishBundle: async (...of) => { await device.omemo.renewDevice(); await directory.publishBundle(...of); },
  } });
  await device.omemo.announce();
  let createdAt: number | undefined;
  await changeBundle(device, (bundle) => { createdAt = bundle.current.createdAt; return bundle; });
  expect(createdAt).toBe(0);
});

test("R23 R03 the private half of a used prekey stays while the server may show its public half, and goes after the next publication", async () => {
  const world = new World();
  const [a, c, { b, luck }] = [await world.device(romeo), await world.device(mercutio), await unlucky(world, false)];
  const message = await a.send(juliet, "one");
  const used = keyFor(message, b.address).data[1] as number;
  await b.open(romeo, message);
  await settle(b); // caught up; the link dies before the announcement
  expect(shown(world, b).preKeys.map(({ id }) => id)).toContain(used);
  showOnly(world, b, used);
  expect(textOfOutcome(await b.open(mercutio, await c.send(juliet, "two")))).toBe("two");
  luck.failing = true;
  await expect(b.omemo.announce()).rejects.toThrow("no answer");
  await settle(b);
  expect([...b.disk.rows.keys()]).toContain(preKeyRow(used));
  luck.failing = false;
  await b.omemo.announce();
  await settle(b);
  expect([...b.disk.rows.keys()]).not.toContain(preKeyRow(used));
});

test("R23 a prekey that is used while the bundle is on its way stays until the publication after that", async () => {
  const world = new World();
  const [a, c] = [await world.device(romeo), await world.device(mercutio)];
  const directory = world.server.directoryOf(juliet);
  let meanwhile = async (): Promise<void> => undefined;
  const b = await world.device(juliet, { directory: { ...directory, publishBundle: async (...of) => { await directory.publishBundle(...of); await meanwhile(); } } });
  const bundle = shown(world, b);
  showOnly(world, b, 1);
  await b.open(romeo, await a.send(juliet, "one"));
  showOnly(world, b, 2, bundle);
  const second = await c.send(juliet, "two");
  expect(keyFor(second, b.address).data[1]).toBe(2);
  meanwhile = async () => { await b.open(mercutio, second); };
  await b.omemo.announce();
  await settle(b);
  expect([...b.disk.rows.keys()]).toContain(preKeyRow(2));
  meanwhile = async () => undefined;
  await b.omemo.announce();
  await settle(b);
  expect([...b.disk.rows.keys()]).not.toContain(preKeyRow(2));
});

test("R24 H06 a bundle is never published with less than the full number, and of what a flood has used up the last five hundred stay", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const rows = (): readonly string[] => [...b.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/prekey/")).sort();
  const useUp = (ids: readonly number[]): Promise<void> => b.ledger.run(async (tx) => {
    for (const id of ids) {
      const row = await tx.get(storeKey(preKeyRow(id)));
      if (row === undefined) throw new RangeError("no such prekey");
      tx.put(storeKey(preKeyRow(id)), encodePreKey({ ...decodePreKey(row), used: true }));
    }
    const row = await tx.get(storeKey("omemo/2/bundle"));
    if (row === undefined) throw new RangeError("no bundle row");
    const bundle = decodeOwnBundle(row);
    tx.put(storeKey("omemo/2/bundle"), encodeOwnBundle({ ...bundle, revision: bundle.revision + ids.length }));
  });
  for (let n = 0; n < 7; n++) {
    await useUp(shown(world, b).preKeys.map(({ id }) => id).slice(0, 90)); // far below the 25 that a bundle should have
    await b.omemo.announce();
    expect(shown(world, b).preKeys).toHaveLength(100);
  }
  expect(rows()).toHaveLength(100 + 500);
  const unused = shown(world, b).preKeys.map(({ id }) => preKeyRow(id));
  expect(rows()).toEqual(expect.arrayContaining(unused));
  expect(rows()).not.toContain(preKeyRow(1));
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "hello")))).toBe("hello");
});

test("R24 a bundle full of prekeys used up within an hour is told, once; as many in a longer time are not", async () => {
  const world = new World();
  const b = await world.device(juliet);
  const told = (): number => b.events.filter(({ kind }) => kind === "prekeys-drained").length;
  const useUp = async (count: number): Promise<void> => {
    await b.ledger.run(async (tx) => {
      for (const { id } of shown(world, b).preKeys.slice(0, count)) tx.delete(storeKey(preKeyRow(id)));
    });
    await b.omemo.announce();
  };
  for (let hour = 0; hour < 3; hour++) {
    world.clock.time += hourMs;
    await useUp(50);
    world.clock.time += hourMs / 2;
    await useUp(49);
    expect(told()).toBe(0);
  }
  world.clock.time += hourMs;
  for (let minute = 0; minute < 3; minute++) await useUp(50);
  expect(told()).toBe(1);
  for (let minute = 0; minute < 3; minute++) await useUp(100);
  expect(told()).toBe(1);
  world.clock.time += hourMs;
  await useUp(100); // since the publication before
  expect(told()).toBe(2);
});

test("R24 R03 what is used up while the bundle is on its way is not among what goes: the server shows it still", async () => {
  const world = new World();
  const [a, { disk }] = [await world.device(romeo), await world.device(juliet)];
  const directory = world.server.directoryOf(juliet);
  const used = (id: number, row: Uint8Array): Uint8Array => encodePreKey({ ...decodePreKey(row), id, used: true });
  let flood = true;
  const b = await world.device(juliet, { disk, announce: false, directory: {
    ...directory,
    publishBundle: async (...of) => {
      await directory.publishBundle(...of);
      if (flood) await b.ledger.run(async (tx) => {
        for (const { key, value } of await tx.list({ prefix: "omemo/2/prekey/" })) {
          tx.put(key, used(decodePreKey(value).id, value));
          for (let n = 1; n <= 6; n++) tx.put(storeKey(preKeyRow(n * 1_000 + decodePreKey(value).id)), used(n * 1_000 + decodePreKey(value).id, value));
        }
      });
      flood = false;
    },
  } });
  const message = await a.send(juliet, "by what the server shows");
  await b.open(romeo, await a.send(juliet, "uses one up"));
  await b.omemo.announce();
  for (const { id } of shown(world, b).preKeys) expect([...b.disk.rows.keys()]).toContain(preKeyRow(id));
  expect((await b.open(romeo, message)).kind).not.toBe("failed");
});

test("R23 the ids of one-time prekeys begin again after the largest one, and none names two keys that we have", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const max = omemo2Profile.keyIdMax;
  await changeBundle(b, (bundle) => ({ ...bundle, nextPreKeyId: max }));
  const halves = (): ReadonlyMap<string, string> => new Map([...b.disk.rows].filter(([key]) => key.startsWith("omemo/2/prekey/")).map(([key, row]) => [key, row.slice(0, 69).join()]));
  const before = halves();
  const bundle = shown(world, b);
  for (const id of [1, 2, 50]) { // used, but not settled: they have their ids still
    showOnly(world, b, id, bundle);
    await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
    await b.open(romeo, await a.send(juliet, String(id)));
  }
  await b.omemo.announce();
  const fresh = [...halves().keys()].filter((key) => !before.has(key)).sort();
  expect(fresh).toEqual([101, 102, max].map(preKeyRow));
  for (const [key, half] of before) expect(halves().get(key)).toBe(half);
  await changeBundle(b, (stored) => { expect(stored.nextPreKeyId).toBe(103); return stored; });
  expect(shown(world, b).preKeys).toHaveLength(100);
});

test("R23 the ids of signed prekeys begin again after the largest one", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await changeBundle(b, (bundle) => ({ ...bundle, nextSignedPreKeyId: omemo2Profile.keyIdMax }));
  for (const id of [omemo2Profile.keyIdMax, 1, 2]) {
    world.clock.time += 7 * day;
    await b.omemo.announce();
    expect(shown(world, b).signedPreKeyId).toBe(id);
  }
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "hello")))).toBe("hello");
});
