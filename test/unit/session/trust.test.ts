/** Trust policies: threats T01, T07, T08, T09, T12; docs/protocol.md 4.4, 6.1. @module */
import { expect, test } from "vitest";
import { blindTrustBeforeVerification, blindTrustForContacts } from "../../../src/session/trust/blind-trust.js";
import { verifiedOnly } from "../../../src/session/trust/manual.js";
import { conversation, juliet, mercutio, romeo, textOfOutcome, World } from "../../support/omemo-world.js";

test("T01 blind trust before verification: new keys are trusted until one was authenticated, then they wait", async () => {
  const world = new World();
  const a = await world.device(romeo, { trust: blindTrustBeforeVerification });
  const j1 = await world.device(juliet);
  expect((await a.trySend(juliet, "1")).report).toMatchObject([{ result: "encrypted" }]);
  const j2 = await world.device(juliet);
  a.omemo.expireDeviceLists();
  expect((await a.trySend(juliet, "2")).report).toMatchObject([{ result: "encrypted" }, { result: "encrypted" }]);
  await a.omemo.setTrust(juliet, j1.omemo.self.identityKey, "authenticated");
  const j3 = await world.device(juliet);
  a.omemo.expireDeviceLists();
  const outcome = await a.trySend(juliet, "3");
  expect(outcome.report.map(({ device, result }) => [device.deviceId, result])).toEqual([[j1.id, "encrypted"], [j2.id, "encrypted"], [j3.id, "undecided"]]);
  if (outcome.kind !== "sealed") throw new RangeError("an undecided key blocked the others");
  expect((await j3.open(romeo, outcome.message)).kind).toBe("not-for-this-device");
  await a.omemo.setTrust(juliet, j3.omemo.self.identityKey, "authenticated");
  expect((await a.trySend(juliet, "4")).report.map((line) => line.result)).toEqual(["encrypted", "encrypted", "encrypted"]);
});

test("T01 a key of a contact that is known to be verified is told as an event and gets nothing", async () => {
  const world = new World();
  const a = await world.device(romeo);
  const j1 = await world.device(juliet);
  await a.send(juliet, "1");
  await a.omemo.setTrust(juliet, j1.omemo.self.identityKey, "authenticated");
  const ghost = await world.device(juliet);
  a.omemo.expireDeviceLists();
  await a.send(juliet, "2");
  expect(a.events).toContainEqual({ kind: "key-seen", device: ghost.address, fingerprint: ghost.omemo.self.fingerprint, trust: "undecided", own: false });
});

test("T01 verified only: with no authenticated device the send is no-device, and blind trust of before does not count", async () => {
  const world = new World();
  const before = await world.device(romeo);
  const b = await world.device(juliet);
  await before.send(juliet, "blindly");
  const a = await world.device(romeo, { trust: verifiedOnly, disk: before.disk });
  expect(await a.trySend(juliet, "x")).toMatchObject({ kind: "no-device", retryable: false, report: [{ result: "undecided" }] });
  await a.omemo.setTrust(juliet, b.omemo.self.identityKey, "authenticated");
  expect((await a.trySend(juliet, "y")).kind).toBe("sealed");
});

test("T01 F14 verified only: a device that was trusted blindly before is undecided in what it writes and where devices are listed, until the policy counts it again", async () => {
  const world = new World();
  const { a: before, b } = await conversation(world);
  const message = await b.send(romeo, "still me");
  const strict = await world.device(romeo, { trust: verifiedOnly, disk: before.disk });
  expect(await strict.open(juliet, message)).toMatchObject({ kind: "content", trust: "undecided" });
  expect(await strict.omemo.devices(juliet)).toMatchObject([{ fingerprint: b.omemo.self.fingerprint, trust: "undecided" }]);
  const lax = await world.device(romeo, { trust: blindTrustBeforeVerification, disk: before.disk });
  expect(await lax.omemo.devices(juliet)).toMatchObject([{ trust: "trusted" }]);
});

test("T01 a key that was authenticated before the first message went out ends blind trust for good", async () => {
  const world = new World();
  const [a, j1] = [await world.device(romeo), await world.device(juliet)];
  await a.omemo.prepare([juliet]);
  await a.omemo.setTrust(juliet, j1.omemo.self.identityKey, "authenticated");
  await a.send(juliet, "the first message");
  await world.device(juliet);
  a.omemo.expireDeviceLists();
  expect((await a.trySend(juliet, "the second")).report.map((line) => line.result)).toEqual(["encrypted", "undecided"]);
});

test("T08 verified only: fingerprints can be compared before the first message", async () => {
  const world = new World();
  const a = await world.device(romeo, { trust: verifiedOnly });
  const b = await world.device(juliet);
  await a.omemo.prepare([juliet]);
  const [device] = await a.omemo.devices(juliet);
  expect(device).toMatchObject({ active: true, self: false, fingerprint: b.omemo.self.fingerprint, trust: "undecided" });
  await a.omemo.setTrust(juliet, device?.identityKey ?? new Uint8Array(32), "authenticated");
  expect((await a.trySend(juliet, "hello")).kind).toBe("sealed");
});

test("T08 T09 a contact's device that has the id of this one is shown as the contact's, with its own key", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const bundle = world.server.bundles.get(`${juliet} ${b.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${juliet} ${a.id}`, bundle);
  world.server.lists.set(juliet, [{ id: a.id }]);
  expect((await a.trySend(juliet, "hello")).report).toMatchObject([{ device: { jid: juliet, deviceId: a.id }, result: "encrypted" }]);
  expect(await a.omemo.devices(juliet)).toMatchObject([{ self: false, fingerprint: b.omemo.self.fingerprint, trust: "trusted" }]);
  expect(await a.omemo.devices(romeo)).toMatchObject([{ self: true, fingerprint: a.omemo.self.fingerprint }]);
});

test("T08 T09 a decision names the exact key of one account: others are unknown or untouched", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(mercutio);
  await expect(a.omemo.setTrust(juliet, c.omemo.self.identityKey, "authenticated")).rejects.toMatchObject({ code: "ERR_DEVICE_UNKNOWN" });
  await expect(a.omemo.setTrust(mercutio, b.omemo.self.identityKey, "authenticated")).rejects.toMatchObject({ code: "ERR_DEVICE_UNKNOWN" });
});

test("T07 a distrusted key gets nothing more, and what it sends is read and marked", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  await a.omemo.setTrust(juliet, b.omemo.self.identityKey, "distrusted");
  expect(await a.trySend(juliet, "no")).toMatchObject({ kind: "no-device", report: [{ result: "untrusted" }] });
  const outcome = await a.open(juliet, await b.send(romeo, "still me"));
  expect(outcome).toMatchObject({ kind: "content", trust: "distrusted" });
  expect(textOfOutcome(outcome)).toBe("still me");
});

test("T12 with blind trust for contacts only, another own device waits until it is approved", async () => {
  const world = new World();
  const r1 = await world.device(romeo, { trust: blindTrustForContacts });
  const r2 = await world.device(romeo);
  await world.device(juliet);
  r1.omemo.expireDeviceLists();
  expect((await r1.trySend(juliet, "1")).report.map((line) => line.result)).toEqual(["encrypted", "undecided"]);
  expect(r1.events).toContainEqual({ kind: "key-seen", device: r2.address, fingerprint: r2.omemo.self.fingerprint, trust: "undecided", own: true });
  await r1.omemo.setTrust(romeo, r2.omemo.self.identityKey, "authenticated");
  expect((await r1.trySend(juliet, "2")).report.map((line) => line.result)).toEqual(["encrypted", "encrypted"]);
});

test("T12 once another own device was authenticated, one that is added to our account waits under the default policy, too", async () => {
  const world = new World();
  const [r1, r2] = [await world.device(romeo), await world.device(romeo)];
  await world.device(juliet);
  r1.omemo.expireDeviceLists();
  expect((await r1.trySend(juliet, "1")).report.map((line) => line.result)).toEqual(["encrypted", "encrypted"]);
  await r1.omemo.setTrust(romeo, r2.omemo.self.identityKey, "authenticated");
  const r3 = await world.device(romeo);
  r1.omemo.expireDeviceLists();
  const outcome = await r1.trySend(juliet, "2");
  expect(outcome.report.map(({ device, result }) => [device.deviceId, result]).slice(1)).toEqual([[r2.id, "encrypted"], [r3.id, "undecided"]]);
  expect(r1.events).toContainEqual({ kind: "key-seen", device: r3.address, fingerprint: r3.omemo.self.fingerprint, trust: "undecided", own: true });
  if (outcome.kind !== "sealed") throw new RangeError("an undecided key blocked the others");
  expect((await r3.open(romeo, outcome.message, { to: juliet })).kind).toBe("not-for-this-device");
});

test("V03 a decision about a key does not make a stranger of whom we have written to", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  await a.omemo.setTrust(juliet, b.omemo.self.identityKey, "authenticated");
  const another = await world.device(juliet);
  const outcome = await a.open(juliet, await another.send(romeo, "from another device"));
  expect(outcome).toMatchObject({ kind: "content", trust: "undecided", followUps: [{ kind: "republish-bundle" }, { kind: "send-empty", reason: "key-exchange-accepted" }] });
});

test("a send that no device may read spends no message key", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(romeo);
  a.omemo.expireDeviceLists();
  await a.send(juliet, "sessions with all");
  await a.omemo.setTrust(juliet, b.omemo.self.identityKey, "distrusted");
  const before = a.snapshot();
  expect((await a.trySend(juliet, "nobody")).kind).toBe("no-device");
  expect(a.snapshot()).toBe(before);
  expect(c.id).not.toBe(a.id);
});

test("T04 with no trusted device a send fails, though a device of our own does not answer: nobody waits for that one", async () => {
  const world = new World();
  const own = await world.device(romeo);
  const b = await world.device(juliet);
  const directory = world.server.directoryOf(romeo);
  const a = await world.device(romeo, { trust: verifiedOnly, directory: {
    ...directory,
    fetchBundles: async (jid, ids, ...more) => (jid === romeo ? ids.map(() => ({ kind: "unavailable", retryable: true })) : directory.fetchBundles(jid, ids, ...more)),
  } });
  expect(await a.trySend(juliet, "1")).toMatchObject({
    kind: "no-device", retryable: false,
    report: [{ device: b.address, result: "undecided" }, { device: own.address, result: "unavailable" }],
  });
  expect(await a.trySend(romeo, "to myself")).toMatchObject({ kind: "no-device", retryable: true }); // that is for this one
});
