/** What others can make us store, per account: threats L02, H06, T02, T07, R04. @module */
import { expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import { archivedSessionsMax, skippedKeysTotalMax, unlistedDevicesPerContactMax } from "../../../src/base/limits.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { boundContactRows, type ContactBounds } from "../../../src/session/contact-bounds.js";
import type { SessionContext } from "../../../src/session/context.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import type { DeviceId, StoreKey } from "../../../src/session/ports.js";
import { decodeDevice, encodeDevice, type SessionRecord } from "../../../src/session/records/device-record.js";
import { encodeTrust } from "../../../src/session/records/directory-records.js";
import { RecordWriter } from "../../../src/session/records/fields.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { newDevice } from "../../../src/session/session-records.js";
import { conversation, juliet, mercutio, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

const rowsOf = (device: TestDevice, prefix: string): number => [...device.disk.rows.keys()].filter((key) => key.startsWith(prefix)).length;
const deviceRows = (device: TestDevice): number => rowsOf(device, "omemo/2/device/romeo");
const keyRows = (device: TestDevice): number => rowsOf(device, "omemo/trust/romeo");
const named = (message: EncryptedMessage, sid: number): EncryptedMessage => ({ ...message, sid: sid as DeviceId });
const has = (device: TestDevice, sid: number): boolean =>
  [...device.disk.rows.keys()].some((key) => key.startsWith("omemo/2/device/romeo") && key.endsWith(`/${String(sid).padStart(10, "0")}`));

/** Enforces other bounds than the default ones. */
function bound(device: TestDevice, bounds: ContactBounds, keep: readonly number[] = []): Promise<void> {
  const context = { keys: new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2") } as SessionContext; // no other part of it is asked for
  return device.ledger.run((tx) => boundContactRows(tx, context, romeo, new Set(keep), bounds));
}

/** A key exchange of its own each time, as if from device `sid`. */
async function exchangeAs(from: TestDevice, to: TestDevice, sid: number): Promise<EncryptedMessage> {
  await from.ledger.run((tx) => from.omemo.resetSession(tx, to.address));
  return named(await from.send(to.jid, `I am ${String(sid)}`), sid);
}

test("L02 T02 invented device ids: 64 that no list names are kept, the oldest leave with their sessions", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  for (let sid = 1; sid <= unlistedDevicesPerContactMax + 1; sid++) {
    world.clock.time += 1_000;
    if (sid % 8 === 0) await b.omemo.announce(); // one account uses a prekey a few times only
    expect(textOfOutcome(await b.open(romeo, await exchangeAs(a, b, sid)))).toBe(`I am ${String(sid)}`);
    expect(deviceRows(b)).toBe(Math.min(sid, unlistedDevicesPerContactMax));
  }
  expect([has(b, 1), has(b, 2), has(b, unlistedDevicesPerContactMax + 1)]).toEqual([false, true, true]);
  expect(keyRows(b)).toBe(1);
}, 60_000);

test("R04 L02 a key exchange that comes again under another device id is refused and leaves nothing", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "once");
  expect(textOfOutcome(await b.open(romeo, message))).toBe("once");
  const before = b.snapshot();
  expect(textOfOutcome(await b.open(romeo, named(message, 4711)))).toBe("failed ERR_SESSION_KEY_EXCHANGE_ALTERED");
  expect(b.snapshot()).toBe(before);
  expect(textOfOutcome(await b.open(romeo, await exchangeAs(a, b, a.id)))).toContain("I am");
  expect(textOfOutcome(await b.open(romeo, named(message, 4711)))).toBe("failed ERR_SESSION_KEY_EXCHANGE_ALTERED"); // now archived
});

test("L02 T02 listed devices and keys that were decided about stay, whatever else comes", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const verified = await world.device(romeo);
  world.server.lists.set(romeo, [{ id: a.id }]);
  await b.omemo.prepare([romeo]);
  await b.open(romeo, await verified.send(juliet, "verified"));
  await b.omemo.setTrust(romeo, verified.omemo.self.identityKey, "authenticated");
  for (const sid of [1, 2, 3]) {
    world.clock.time += 1_000;
    await b.open(romeo, await exchangeAs(a, b, sid));
  }
  await bound(b, { devices: 2, keys: 0 });
  expect([a.id, verified.id, 1, 2, 3].map((sid) => has(b, sid))).toEqual([true, true, false, true, true]);
  await bound(b, { devices: 0, keys: 0 });
  expect([a.id, verified.id, 1, 2, 3].map((sid) => has(b, sid))).toEqual([true, true, false, false, false]);
});

test("L02 T02 a verified key keeps one row only: under ever new device ids it fills nothing", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await b.open(romeo, await a.send(juliet, "the real one"));
  await b.omemo.setTrust(romeo, a.omemo.self.identityKey, "authenticated");
  for (const sid of [1, 2, 3]) {
    world.clock.time += 1_000;
    await b.open(romeo, await exchangeAs(a, b, sid));
  }
  await bound(b, { devices: 2, keys: 0 }, [1]); // about to be written again: a send may not lose its own targets
  expect([a.id, 1, 2, 3].map((sid) => has(b, sid))).toEqual([true, true, false, true]);
  await bound(b, { devices: 1, keys: 0 });
  expect([a.id, 1, 2, 3].map((sid) => has(b, sid))).toEqual([true, false, false, true]);
});

test("T02 R26 a key that is forgotten under a second account stays the first one's: shown there again it waits again", async () => {
  const world = new World();
  const [a, b, c] = [await world.device(romeo), await world.device(juliet), await world.device(mercutio)];
  await b.send(mercutio, "trusted as his");
  const copied = world.server.bundles.get(`${mercutio} ${c.id}`);
  if (copied === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${romeo} 4711`, copied);
  const list = [{ id: a.id }, { id: 4711 as DeviceId }];
  for (let n = 0; n < 2; n++) {
    await b.omemo.onDeviceList(romeo, list);
    expect((await b.trySend(romeo, "to whom?")).report.map(({ result }) => result)).toEqual(["encrypted", "undecided"]);
    await b.omemo.onDeviceList(romeo, list.slice(0, 1));
    await bound(b, { devices: 0, keys: 0 });
    expect([keyRows(b), deviceRows(b)]).toEqual([1, 1]);
  }
});

test("L02 T07 H06 ever new keys under one device id, each proved: 64 of the replaced ones are kept, the refused one stays refused, three events are told", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await b.open(romeo, await a.send(juliet, "the true key"));
  const context = { keys: new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2") } as SessionContext;
  const offered: TestDevice[] = [];
  for (let n = 0; n < 6; n++) {
    world.clock.time += 1_000;
    const other = await world.device(romeo, { announce: false });
    offered.push(other);
    expect(textOfOutcome(await b.open(romeo, named(await other.send(juliet, "me too"), a.id)))).toBe("failed ERR_SESSION_IDENTITY_CHANGED");
    if (n === 0) await b.omemo.setTrust(romeo, other.omemo.self.identityKey, "distrusted");
  }
  expect(b.events.filter((event) => event.kind === "key-changed")).toHaveLength(3);
  expect(keyRows(b)).toBe(7);
  await b.ledger.run((tx) => boundContactRows(tx, context, romeo, new Set(), { devices: 64, keys: 2 }));
  const has = (device: TestDevice | undefined): boolean => device !== undefined && rowsOf(b, `omemo/trust/romeo%40example.org/${toHex(device.omemo.self.identityKey)}`) === 1;
  expect([a, ...offered].map(has)).toEqual([true, true, false, false, true, true, true]); // the last one is on offer, the first one decided about
  expect(rowsOf(b, "omemo/holder/")).toBe(5);
});

test("L02 T02 of the keys that no device has any more 64 are kept, the oldest leave", async () => {
  for (const [known, kept] of [[63, 63], [64, 64], [65, 64]] as const) {
    const b = await new World().device(juliet);
    const keys = new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2");
    const row = (n: number): StoreKey => keys.trust(romeo, new Uint8Array(32).fill(n));
    for (let n = 1; n <= known; n++) b.disk.rows.set(row(n), encodeTrust({ state: "undecided", since: n }));
    await b.ledger.run((tx) => boundContactRows(tx, { keys } as SessionContext, romeo, new Set()));
    expect([keyRows(b), b.disk.rows.has(row(1)), b.disk.rows.has(row(2))]).toEqual([kept, known === kept, true]);
  }
});

test("T18 H06 a key that a device of the older version has is in use, and stays", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo, { announce: false }), await world.device(juliet)];
  const { identityKey } = a.omemo.self;
  const older = new StoreKeys(nobleProvider.symmetric, "eu.siacs.conversations.axolotl");
  await b.ledger.run(async (tx) => {
    tx.put(older.trust(romeo, identityKey), encodeTrust({ state: "trusted", since: 0 }));
    tx.put(older.device({ jid: romeo, deviceId: a.id }), encodeDevice(newDevice(identityKey)));
  });
  await bound(b, { devices: 0, keys: 0 });
  expect(keyRows(b)).toBe(1);
  await b.ledger.run(async (tx) => { tx.delete(older.device({ jid: romeo, deviceId: a.id })); });
  await bound(b, { devices: 0, keys: 0 });
  expect(keyRows(b)).toBe(0);
});

test("L02 T07 the changed keys of one device keep no news of another device's from being told", async () => {
  const world = new World();
  const [a, other, b] = [await world.device(romeo), await world.device(romeo), await world.device(juliet)];
  for (const device of [a, other]) await b.open(romeo, await device.send(juliet, "the true key"));
  for (const { id } of [a, a, a, a, other]) {
    const swapped = await world.device(romeo, { announce: false });
    await b.open(romeo, named(await swapped.send(juliet, "me too"), id));
  }
  const told = b.events.flatMap((event) => (event.kind === "key-changed" ? [event.device.deviceId] : []));
  expect(told).toEqual([a.id, a.id, a.id, other.id]);
});

test("H06 devices that leave the list leave the store too, but for the bound, with sessions and skipped keys", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await b.omemo.onDeviceList(romeo, [1, 2].map((id) => ({ id: id as DeviceId })));
  for (const sid of [1, 2]) {
    world.clock.time += 1_000;
    await b.open(romeo, await exchangeAs(a, b, sid));
    await a.send(juliet, "lost");
    await b.open(romeo, named(await a.send(juliet, "skips one"), sid));
    await b.open(romeo, await exchangeAs(a, b, sid)); // archives the one before
  }
  await bound(b, { devices: 0, keys: 0 });
  expect(["device", "archive", "skipped"].map((kind) => rowsOf(b, `omemo/2/${kind}/romeo`))).toEqual([2, 2, 2]);
  await b.omemo.onDeviceList(romeo, []);
  await bound(b, { devices: 1, keys: 0 });
  expect(["device", "archive", "skipped"].map((kind) => rowsOf(b, `omemo/2/${kind}/romeo`))).toEqual([1, 1, 1]);
  await bound(b, { devices: 0, keys: 0 });
  expect(["device", "archive", "skipped"].map((kind) => rowsOf(b, `omemo/2/${kind}/romeo`))).toEqual([0, 0, 0]);
  expect(keyRows(b)).toBe(0);
});

test("R12 a device that begins session after session, or is reset, leaves at most ten archived ones; another account's rows are not touched", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(mercutio);
  await b.open(mercutio, await c.send(juliet, "I am here too"));
  for (let n = 0; n < archivedSessionsMax + 2; n++) {
    await b.open(romeo, await exchangeAs(a, b, a.id));
    await b.ledger.run((tx) => b.omemo.resetSession(tx, a.address));
    expect(rowsOf(b, "omemo/2/archive/romeo")).toBe(Math.min(n + 2, archivedSessionsMax));
  }
  expect(rowsOf(b, "omemo/2/device/mercutio")).toBe(1);
}, 60_000);

test.each([[1, 1], [0, 0]])("R09 when all sessions together hold too many skipped keys, one that skips another makes room at once (there was room for %i)", async (room, left) => {
  const world = new World();
  const { a, b } = await conversation(world);
  await a.send(juliet, "lost");
  await b.open(romeo, await a.send(juliet, "skips one"));
  const keys = new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2");
  await b.ledger.run(async (tx) => {
    const record = decodeDevice(await tx.get(keys.device(a.address)) as Uint8Array);
    const current = record.current as SessionRecord;
    tx.put(keys.device(a.address), encodeDevice({ ...record, current: { ...current, ratchet: { ...current.ratchet, skippedCount: skippedKeysTotalMax } } }));
    tx.put(keys.skippedTotal(), new RecordWriter(1).uint(6, skippedKeysTotalMax - room).finish());
  });
  const c = await world.device(mercutio);
  world.clock.time += 1_000;
  await b.open(mercutio, await c.send(juliet, "a later session"));
  await c.send(juliet, "lost");
  await b.open(mercutio, await c.send(juliet, "skips one"));
  expect(["romeo", "mercutio"].map((part) => rowsOf(b, `omemo/2/skipped/${part}`))).toEqual([left, 1]);
});
