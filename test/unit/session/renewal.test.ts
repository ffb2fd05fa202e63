/** A new device in place of an old copy: threats R21, R23, B01. @module */
import { expect, test } from "vitest";
import { storeKey, type DeviceId } from "../../../src/session/ports.js";
import { encodeDeviceIds } from "../../../src/session/records/own-records.js";
import { body, conversation, juliet, keyFor, mercutio, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

const rows = (device: TestDevice, prefix: string): readonly string[] => [...device.disk.rows.keys()].filter((key) => key.startsWith(prefix));
const preKeyIds = (device: TestDevice): readonly number[] => rows(device, "omemo/2/prekey/").map((key) => Number(key.slice("omemo/2/prekey/".length)));

/** Romeo with a session, an archived one and a skipped key; juliet as his peer; the copy of his disk is what comes back. */
async function history(world: World): Promise<{ readonly a: TestDevice; readonly b: TestDevice }> {
  const { a, b } = await conversation(world);
  await b.ledger.run((tx) => b.omemo.resetSession(tx, a.address));
  await a.open(juliet, await b.send(romeo, "a second session"));
  await b.send(romeo, "lost");
  await a.open(juliet, await b.send(romeo, "skips one"));
  expect([rows(a, "omemo/2/archive/").length, rows(a, "omemo/2/skipped/").length]).toEqual([1, 1]);
  return { a, b };
}

test("R21 after a renewal sessions, archives, skipped keys and prekeys are gone; identity, trust and others' keys are kept", async () => {
  const world = new World();
  const { a, b } = await history(world);
  await a.omemo.setTrust(juliet, b.omemo.self.identityKey, "authenticated");
  const [identity, former, trust, preKeys] = [a.omemo.self.fingerprint, a.id, rows(a, "omemo/trust/"), preKeyIds(a)];
  expect(await a.omemo.renewDevice()).toEqual({ former: { jid: romeo, deviceId: former }, present: a.address });
  expect(a.id).not.toBe(former);
  expect(a.omemo.self.fingerprint).toBe(identity);
  expect(["archive", "skipped"].flatMap((kind) => rows(a, `omemo/2/${kind}`))).toEqual([]);
  expect(rows(a, "omemo/trust/")).toEqual(trust);
  expect(await a.omemo.devices(juliet)).toMatchObject([{ fingerprint: b.omemo.self.fingerprint, trust: "authenticated" }]);
  expect(preKeyIds(a)).toHaveLength(100);
  expect(Math.min(...preKeyIds(a))).toBeGreaterThan(Math.max(...preKeys)); // R23: an id never names two keys
  const again = await world.device(romeo, { disk: a.disk, announce: false });
  expect(again.address).toEqual(a.address);
});

test("R21 no plan from before a renewal encrypts with an old session, in a send or in an empty message", async () => {
  const world = new World();
  const { a, b } = await history(world);
  const plan = await a.omemo.prepare([juliet]);
  await a.omemo.renewDevice();
  expect(await a.ledger.run((tx) => a.omemo.seal(tx, plan, [body("stale plan")], { to: juliet }))).toMatchObject({ kind: "no-device", report: [{ result: "unavailable" }] });
  expect(await a.ledger.run((tx) => a.omemo.sealEmpty(tx, b.address, plan))).toBeUndefined();
  const former = await a.ledger.run((tx) => a.omemo.open(tx, { sender: juliet, message: { namespace: "urn:xmpp:omemo:2", sid: b.id, keys: [] }, context: { kind: "chat" } }));
  expect(former.kind).toBe("not-for-this-device");
});

test("R21 work of the same commit that comes after a renewal encrypts as the new device, and one that fails takes the renewal back", async () => {
  const world = new World();
  const { a } = await history(world);
  const former = a.id;
  const plan = await a.omemo.prepare([juliet]);
  const [renewed, sealed] = await Promise.all([
    a.omemo.renewDevice(),
    a.ledger.run((tx) => a.omemo.seal(tx, plan, [body("same commit")], { to: juliet })),
  ]);
  expect([renewed.former.deviceId, sealed.kind]).toEqual([former, "no-device"]);
  const present = a.id;
  const commit = a.store.commit.bind(a.store);
  a.store.commit = () => Promise.reject(new RangeError("no disk"));
  await expect(a.omemo.renewDevice()).rejects.toThrow("no disk");
  a.store.commit = commit;
  expect(a.id).toBe(present);
});

test("R21 T03 the former id leaves the published list, the new one joins it, and nobody else's id is touched", async () => {
  const world = new World();
  const { a } = await history(world);
  const other = await world.device(romeo);
  const former = a.id;
  await a.omemo.renewDevice();
  a.omemo.expireDeviceLists();
  await a.omemo.announce();
  expect(world.server.lists.get(romeo)?.map(({ id }) => id)).toEqual([other.id, a.id]);
  expect(world.server.bundles.get(`${romeo} ${a.id}`)?.preKeys).toHaveLength(100);
  await a.omemo.onDeviceList(romeo, [{ id: former }, { id: other.id }, { id: a.id }]);
  expect(world.server.lists.get(romeo)?.map(({ id }) => id)).toEqual([other.id, a.id]);
});

test("R21 the new device is written to and writes on new sessions, twice in a row", async () => {
  const world = new World();
  const { a, b } = await history(world);
  const ids = new Set([a.id]);
  const preKeys = new Set(preKeyIds(a));
  for (const round of [1, 2]) {
    await a.omemo.renewDevice();
    await a.omemo.announce();
    b.omemo.expireDeviceLists();
    expect(ids.has(a.id)).toBe(false);
    ids.add(a.id);
    expect(preKeyIds(a).some((id) => preKeys.has(id))).toBe(false);
    for (const id of preKeyIds(a)) preKeys.add(id);
    const first = await a.send(juliet, `renewed ${round}`);
    expect(keyFor(first, b.address).kex).toBe(true);
    expect(textOfOutcome(await b.open(romeo, first))).toBe(`renewed ${round}`);
    const answer = await b.send(romeo, `answer ${round}`);
    expect(answer.keys.map(({ rid }) => rid)).toEqual([a.id]);
    expect(textOfOutcome(await a.open(juliet, answer))).toBe(`answer ${round}`);
    expect(world.server.lists.get(romeo)?.map(({ id }) => id)).toEqual([a.id]);
  }
});

test("R21 T02 the ids of 512 former devices are kept out of our list; for one more the oldest is forgotten", async () => {
  for (const [known, forgotten] of [[510, []], [511, []], [512, [1]]] as const) {
    const world = new World();
    const device = await world.device(romeo);
    const former = Array.from({ length: known }, (_, i) => (i + 1) as DeviceId);
    device.disk.rows.set(storeKey("omemo/retired"), encodeDeviceIds(former));
    world.server.lists.set(romeo, [...former, device.id].map((id) => ({ id })));
    await device.omemo.renewDevice();
    await device.omemo.announce();
    expect(world.server.lists.get(romeo)?.map(({ id }) => id)).toEqual([...forgotten, device.id]);
  }
});

test("R21 R23 a bundle publication that a renewal overtakes is not taken for one of the new bundle", async () => {
  const world = new World();
  const device = await world.device(romeo, { announce: false });
  const peer = await world.device(mercutio);
  const directory = world.server.directoryOf(romeo);
  const overtaken = await world.device(romeo, { disk: device.disk, announce: false, directory: {
    ...directory,
    publishBundle: async (id, bundle, namespace) => { await overtaken.omemo.renewDevice(); await directory.publishBundle(id, bundle, namespace); },
  } });
  await overtaken.omemo.announce();
  const settled = await world.device(romeo, { disk: device.disk });
  expect(world.server.lists.get(romeo)?.map(({ id }) => id)).toEqual([settled.id]);
  expect(world.server.bundles.get(`${romeo} ${settled.id}`)?.preKeys).toHaveLength(100);
  expect(textOfOutcome(await settled.open(mercutio, await peer.send(romeo, "found you")))).toBe("found you");
});
