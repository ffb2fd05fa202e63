/** One key under two accounts, one of them ours; how often keys are told of. Threats T01, R26, R15, H06, L02. @module */
import { expect, test } from "vitest";
import { keyEventsWindowMs, newKeyEventsMax } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import { generateIdentityKeyPair } from "../../../src/crypto/identity-key.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import type { DeviceReport, OmemoEvent } from "../../../src/session/outcome.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { blindTrustBeforeVerification, blindTrustForContacts } from "../../../src/session/trust/blind-trust.js";
import { verifiedOnly } from "../../../src/session/trust/manual.js";
import { TrustStore } from "../../../src/session/trust/trust-store.js";
import { conversation, juliet, mercutio, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

const copyId = 7 as DeviceId;

/** The server of `a` shows the bundle of `b` as that of another device of `a`; returns how it becomes honest again. */
function copyBundle(world: World, a: TestDevice, b: TestDevice): () => void {
  const bundle = world.server.bundles.get(`${b.jid} ${b.id}`);
  const honest = world.server.lists.get(a.jid);
  if (bundle === undefined || honest === undefined) throw new RangeError("nothing to copy");
  world.server.lists.set(a.jid, [...honest, { id: copyId }]);
  world.server.bundles.set(`${a.jid} ${copyId}`, bundle);
  a.omemo.expireDeviceLists();
  return () => {
    world.server.lists.set(a.jid, honest);
    world.server.bundles.delete(`${a.jid} ${copyId}`);
    a.omemo.expireDeviceLists();
    world.clock.time += 60 * 60 * 1000;
  };
}

const results = (report: readonly DeviceReport[]): readonly (readonly [string, string])[] => report.map(({ device, result }) => [device.jid, result]);
const reset = (of: TestDevice, other: TestDevice): Promise<void> => of.ledger.run((tx) => of.omemo.resetSession(tx, other.address));

test("T01 R26 a contact's bundle that our server shows as one of our own devices' takes nothing from the contact, verified or not; the copy waits and is told", async () => {
  for (const verified of [false, true]) {
    const world = new World();
    const { a, b } = await conversation(world);
    if (verified) await a.omemo.setTrust(juliet, b.omemo.self.identityKey, "authenticated");
    const beHonest = copyBundle(world, a, b);
    expect(results((await a.trySend(juliet, "meanwhile")).report)).toEqual([[juliet, "encrypted"], [romeo, "undecided"]]);
    expect(a.events.filter((event) => event.kind === "key-shared")).toEqual([
      { kind: "key-shared", device: { jid: romeo, deviceId: copyId }, fingerprint: b.omemo.self.fingerprint, holder: juliet },
    ]);
    await reset(a, b);
    expect(results((await a.trySend(juliet, "anew")).report)).toEqual([[juliet, "encrypted"], [romeo, "undecided"]]);
    beHonest();
    await reset(b, a);
    expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "and back")))).toBe("and back");
  }
});

test("T01 R26 a contact's key that our server has shown as ours first is refused, until the user distrusts it as ours and authenticates it as the contact's", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const beHonest = copyBundle(world, a, b);
  await a.omemo.prepare([romeo]);
  expect(results((await a.trySend(juliet, "first")).report)).toEqual([[juliet, "bad-bundle"], [romeo, "encrypted"]]);
  beHonest();
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "hello")))).toBe("failed ERR_SESSION_OWN_KEY");
  await a.omemo.setTrust(romeo, b.omemo.self.identityKey, "distrusted");
  expect(results((await a.trySend(juliet, "second")).report)).toEqual([[juliet, "undecided"]]);
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "hello again")))).toBe("hello again");
  await a.omemo.setTrust(juliet, b.omemo.self.identityKey, "authenticated");
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "third")))).toBe("third");
});

test("T12 R26 a key that only waits as ours is no reason to refuse a contact's bundle: it waits there, too, and is told", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo, { trust: blindTrustForContacts }), await world.device(juliet)];
  copyBundle(world, a, b);
  await a.omemo.prepare([romeo]);
  expect(results((await a.trySend(juliet, "first")).report)).toEqual([[juliet, "undecided"], [romeo, "undecided"]]);
  expect(a.events).toContainEqual({ kind: "key-shared", device: b.address, fingerprint: b.omemo.self.fingerprint, holder: romeo });
});

test("R15 R26 a key that the user has authenticated as ours loses the blind trust that it had as a contact's, until it is authenticated there as well", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  copyBundle(world, a, b);
  await a.trySend(juliet, "both are known");
  await a.omemo.setTrust(romeo, b.omemo.self.identityKey, "authenticated");
  expect(results((await a.trySend(juliet, "over the session")).report)).toEqual([[juliet, "undecided"], [romeo, "encrypted"]]);
  await reset(a, b);
  expect(results((await a.trySend(juliet, "over the bundle")).report)).toEqual([[juliet, "bad-bundle"], [romeo, "encrypted"]]);
  await a.omemo.setTrust(juliet, b.omemo.self.identityKey, "authenticated");
  expect(results((await a.trySend(juliet, "so be it")).report)).toEqual([[juliet, "encrypted"], [romeo, "encrypted"]]);
});

test("T01 R15 R26 verified only: what was trusted blindly as ours before is no contact's, and what the user authenticates as ours loses the blind trust of before for good", async () => {
  const first = new World();
  const [a, b] = [await first.device(romeo), await first.device(juliet)];
  copyBundle(first, a, b);
  await a.omemo.prepare([romeo]);
  const strict = await first.device(romeo, { trust: verifiedOnly, disk: a.disk });
  expect(results((await strict.trySend(juliet, "not ours")).report)).toEqual([[juliet, "bad-bundle"], [romeo, "undecided"]]);
  const second = new World();
  const { a: before, b: contact } = await conversation(second);
  copyBundle(second, before, contact);
  await before.trySend(juliet, "both are known");
  const meanwhile = await second.device(romeo, { trust: verifiedOnly, disk: before.disk });
  await meanwhile.omemo.setTrust(romeo, contact.omemo.self.identityKey, "authenticated");
  const after = await second.device(romeo, { disk: before.disk });
  expect(results((await after.trySend(juliet, "ours")).report)).toEqual([[juliet, "undecided"], [romeo, "encrypted"]]);
});

test("T09 R26 a decision about one of two accounts that show a key takes nothing from a contact that was seen with it first, and nothing from one that is authenticated", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const { identityKey } = b.omemo.self;
  const bundle = world.server.bundles.get(`${juliet} ${b.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  world.server.lists.set(mercutio, [{ id: copyId }]);
  world.server.bundles.set(`${mercutio} ${copyId}`, bundle);
  await a.trySend(mercutio, "both are known");
  await a.omemo.setTrust(mercutio, identityKey, "authenticated");
  expect(results((await a.trySend(juliet, "still trusted")).report)).toEqual([[juliet, "encrypted"]]);
  await a.omemo.setTrust(juliet, identityKey, "authenticated");
  copyBundle(world, a, b);
  await a.omemo.prepare([romeo]);
  await a.omemo.setTrust(romeo, identityKey, "authenticated");
  expect(results((await a.trySend(juliet, "still authenticated")).report)).toEqual([[juliet, "encrypted"], [romeo, "encrypted"]]);
});

test("H06 L02 T01 of an account's new and shared keys sixty-four each are told within an hour, all are recorded, and then more are told", async () => {
  const world = new World();
  const device = await world.device(juliet);
  const events: OmemoEvent[] = [];
  const trust = new TrustStore({
    account: juliet, provider: nobleProvider, rng: systemRng(), clock: world.clock, profile: omemo2Profile,
    keys: new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2"), emit: (_, event) => { events.push(event); },
  }, blindTrustBeforeVerification);
  const seeMore = async (count: number): Promise<readonly (string | undefined)[]> => {
    events.length = 0;
    const states: (string | undefined)[] = [];
    for (let n = 0; n < count; n++) {
      const { publicKey } = await generateIdentityKeyPair(nobleProvider, systemRng());
      await device.ledger.run(async (tx) => {
        for (const jid of [romeo, mercutio]) await trust.see(tx, { jid, deviceId: copyId }, publicKey);
        states.push(await trust.stateOf(tx, mercutio, publicKey));
      });
    }
    return states;
  };
  const told = (kind: "key-seen" | "key-shared"): number => events.filter((event) => event.kind === kind && "device" in event && event.device.jid === mercutio).length;
  expect(await seeMore(newKeyEventsMax - 1)).not.toContain(undefined);
  expect([told("key-seen"), told("key-shared")]).toEqual([newKeyEventsMax - 1, newKeyEventsMax - 1]);
  expect(await seeMore(2)).toEqual(["undecided", "undecided"]);
  expect([told("key-seen"), told("key-shared")]).toEqual([1, 1]);
  world.clock.time += keyEventsWindowMs - 1;
  await seeMore(1);
  expect([told("key-seen"), told("key-shared")]).toEqual([0, 0]);
  world.clock.time += 1;
  await seeMore(1);
  expect([told("key-seen"), told("key-shared")]).toEqual([1, 1]);
});
