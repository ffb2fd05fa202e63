/** Key exchanges that were moved, repeated or made up: threats R04, R05, R08, R15, R26, E01, H06, L01. @module */
import { expect, test } from "vitest";
import { concatBytes } from "../../../src/base/bytes.js";
import { bareJid } from "../../../src/base/jid.js";
import { archivedSessionsMax, exchangesPerPreKeyMax, exchangesPerPreKeyOfAccountMax, unprovenStepsMax } from "../../../src/base/limits.js";
import { systemRng } from "../../../src/base/rng.js";
import { generateIdentityKeyPair } from "../../../src/crypto/identity-key.js";
import { generateKeyPair } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import { omemo2Suite } from "../../../src/session/omemo2/suite.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { Effort } from "../../../src/session/session-step.js";
import { conversation, juliet, keyFor, mercutio, romeo, textOfOutcome, withData, World, type TestDevice } from "../../support/omemo-world.js";

const named = (message: EncryptedMessage, sid: number): EncryptedMessage => ({ ...message, sid: sid as DeviceId });
const rowsOf = (device: TestDevice, prefix: string): number => [...device.disk.rows.keys()].filter((key) => key.startsWith(prefix)).length;
const eventsOf = (device: TestDevice, kind: string): number => device.events.filter((event) => event.kind === kind).length;

const bundleOf = (device: TestDevice): Uint8Array | undefined => [...device.disk.rows].find(([key]) => key === "omemo/2/bundle")?.[1];

/** The message as if written to another device: what a server can make of it. */
const readdressed = (message: EncryptedMessage, from: TestDevice, to: TestDevice): EncryptedMessage =>
  ({ ...message, keys: [{ ...keyFor(message, from.address), jid: to.jid, rid: to.id }] });

/** Lets the server show one prekey only, so that everybody takes the same. */
function onePreKey(world: World, of: TestDevice): void {
  const bundle = world.server.bundles.get(`${of.jid} ${of.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${of.jid} ${of.id}`, { ...bundle, preKeys: bundle.preKeys.slice(0, 1) });
}

test("R04 a key exchange is delivered once, whatever device id or account the server writes on it, and leaves nothing again", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "once");
  expect(textOfOutcome(await b.open(romeo, message))).toBe("once");
  const before = b.snapshot();
  for (const sid of [5, 6, 7]) expect(textOfOutcome(await b.open(romeo, named(message, sid)))).toBe("failed ERR_SESSION_KEY_EXCHANGE_ALTERED");
  expect(textOfOutcome(await b.open(mercutio, message))).toBe("failed ERR_SESSION_KEY_EXCHANGE_ALTERED");
  expect(b.snapshot() === before).toBe(true);
});

test("R04 a key exchange whose session has left the archive is a duplicate while its prekey is kept, and another one on that prekey is new", async () => {
  const world = new World();
  const [a, b, c] = [await world.device(romeo), await world.device(juliet), await world.device(mercutio)];
  const whole = world.server.bundles.get(`${juliet} ${b.id}`);
  if (whole === undefined) throw new RangeError("no bundle");
  onePreKey(world, b);
  const message = await a.send(juliet, "once");
  expect(textOfOutcome(await b.open(romeo, message))).toBe("once");
  world.server.bundles.set(`${juliet} ${b.id}`, whole);
  for (let n = 0; n <= archivedSessionsMax + 1; n++) {
    await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
    expect(textOfOutcome(await b.open(romeo, await a.send(juliet, `newer ${n}`)))).toBe(`newer ${n}`);
  }
  expect((await b.open(romeo, message)).kind).toBe("duplicate");
  world.clock.time += 31 * 24 * 60 * 60 * 1000;
  expect((await b.open(romeo, message)).kind).toBe("duplicate");
  expect(textOfOutcome(await b.open(romeo, named(message, 5)))).toBe("failed ERR_SESSION_KEY_EXCHANGE_ALTERED");
  onePreKey(world, b);
  expect(textOfOutcome(await b.open(mercutio, await c.send(juliet, "shares it"), { stanzaTime: world.clock.now() }))).toBe("shares it");
});

test("R04 R24 L02 sixteen key exchanges may share a prekey, four of one account, and no more", async () => {
  const world = new World();
  const b = await world.device(juliet);
  onePreKey(world, b);
  let taken = 0;
  for (let account = 0; account < 5; account++) {
    const a = await world.device(bareJid(`a${account}@example.org`));
    for (let n = 0; n <= exchangesPerPreKeyOfAccountMax; n++) {
      const full = n === exchangesPerPreKeyOfAccountMax || taken === exchangesPerPreKeyMax;
      await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
      expect(textOfOutcome(await b.open(a.jid, await a.send(juliet, "again")))).toBe(full ? "failed ERR_SESSION_UNKNOWN_PREKEY" : "again");
      if (!full) taken += 1;
    }
  }
  expect(taken).toBe(exchangesPerPreKeyMax);
});

test("R23 R04 a second use of a prekey changes nothing of the bundle", async () => {
  const world = new World();
  const [a, c, b] = [await world.device(romeo), await world.device(mercutio), await world.device(juliet)];
  onePreKey(world, b);
  const [first, second] = [await a.send(juliet, "one"), await c.send(juliet, "two")];
  expect(await b.open(romeo, first)).toMatchObject({ kind: "content", followUps: [{ kind: "republish-bundle" }] });
  const bundle = bundleOf(b);
  expect(bundle).toBeDefined();
  expect(await b.open(mercutio, second)).toMatchObject({ kind: "content", followUps: [] });
  expect(bundleOf(b)).toEqual(bundle);
});

test("R15 R26 a key exchange of another own device is refused as a contact's, and is no news of that contact", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const other = await world.device(juliet);
  await b.open(romeo, await a.send(juliet, "a contact"));
  await b.omemo.prepare([romeo]); // both devices of ours are listed, and their keys known
  b.omemo.expireDeviceLists();
  await b.omemo.prepare([romeo]);
  const reflected = await other.send(juliet, "to my other device");
  const [before, events] = [b.snapshot(), b.events.length];
  for (const sid of [4711, a.id]) {
    expect(textOfOutcome(await b.open(romeo, named(reflected, sid)))).toBe("failed ERR_SESSION_OWN_KEY");
    expect(textOfOutcome(await b.open(romeo, named(await other.sendEmpty(b.address), sid)))).toBe("failed ERR_SESSION_OWN_KEY");
  }
  expect(b.snapshot() === before).toBe(true);
  expect(b.events).toHaveLength(events);
  expect(textOfOutcome(await b.open(juliet, reflected))).toBe("to my other device");
});

test("R15 a contact whose bundle shows the identity of another own device gets nothing", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const other = await world.device(juliet);
  b.omemo.expireDeviceLists();
  await b.omemo.prepare([juliet]);
  const stolen = world.server.bundles.get(`${juliet} ${other.id}`);
  if (stolen === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${romeo} ${a.id}`, stolen);
  expect((await b.trySend(romeo, "to myself?")).report).toContainEqual({ device: a.address, result: "bad-bundle" });
  expect(rowsOf(b, "omemo/trust/romeo")).toBe(0);
});

test("E01 R06 R26 a first message written under another address leaves nothing, and is read where it belongs", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "by romeo");
  const before = b.snapshot();
  expect(await b.open(mercutio, message)).toMatchObject({ kind: "failed", code: "ERR_ENVELOPE_FROM", stepKept: false });
  expect(b.snapshot() === before).toBe(true);
  expect(b.events.filter((event) => event.kind !== "devices-changed")).toEqual([]);
  expect(textOfOutcome(await b.open(romeo, message))).toBe("by romeo");
});

test("E01 R05 a message of one contact, handed in as that of another contact's device, tells nothing about that device", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(mercutio);
  const message = await c.send(juliet, "by mercutio");
  const before = b.snapshot();
  const events = b.events.length;
  expect(textOfOutcome(await b.open(romeo, named(message, a.id)))).toBe("failed ERR_ENVELOPE_FROM");
  expect(b.snapshot() === before).toBe(true);
  expect(b.events).toHaveLength(events);
});

test("R26 an empty key exchange proves no address: it is not trusted, and content waits for the bundle", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  expect(await b.open(mercutio, await a.sendEmpty(b.address))).toMatchObject({ kind: "empty", trust: "undecided" });
  expect(rowsOf(b, "omemo/trust/")).toBe(0);
  world.server.lists.set(mercutio, [{ id: a.id }]);
  expect(await b.trySend(mercutio, "is it you?")).toMatchObject({ kind: "no-device", report: [{ result: "no-bundle" }] });
  // The true device of that id is no changed key: what was mistaken for it is forgotten.
  const c = await world.device(mercutio, { announce: false });
  world.server.lists.set(mercutio, [{ id: c.id }]);
  await c.omemo.announce();
  world.server.lists.set(mercutio, [{ id: a.id }]);
  const bundle = world.server.bundles.get(`${mercutio} ${c.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${mercutio} ${a.id}`, bundle);
  world.clock.time += 60_000;
  expect((await b.trySend(mercutio, "it is you")).report).toMatchObject([{ result: "encrypted", fingerprint: c.omemo.self.fingerprint }]);
  expect(eventsOf(b, "key-changed")).toBe(0);
});

test("R26 an empty key exchange counts once the bundle shows its key, and its session is the one that is used", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await b.open(romeo, await a.sendEmpty(b.address));
  const message = await b.send(romeo, "over your session");
  expect(keyFor(message, a.address).kex).toBe(false);
  expect(textOfOutcome(await a.open(juliet, message))).toBe("over your session");
});

test("R26 one identity under two accounts is told and not trusted under the second, until the user decides", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const bundle = world.server.bundles.get(`${romeo} ${a.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  world.server.lists.set(mercutio, [{ id: 9 as DeviceId }]);
  world.server.bundles.set(`${mercutio} 9`, bundle);
  expect(await b.trySend(mercutio, "romeo?")).toMatchObject({ kind: "no-device", report: [{ result: "undecided" }] });
  await b.trySend(mercutio, "romeo?");
  expect(b.events.filter((event) => event.kind === "key-shared")).toEqual([
    { kind: "key-shared", device: { jid: mercutio, deviceId: 9 }, fingerprint: a.omemo.self.fingerprint, holder: romeo },
  ]);
  expect((await b.trySend(romeo, "you are who you were")).kind).toBe("sealed");
  await b.omemo.setTrust(mercutio, a.omemo.self.identityKey, "authenticated");
  expect((await b.trySend(mercutio, "so be it")).kind).toBe("sealed");
});

test("R05 H06 forged key exchanges with made-up identities leave no row and no event", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await b.open(romeo, await a.send(juliet, "the true key"));
  await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
  const message = await a.send(juliet, "to be altered");
  const [before, events] = [b.snapshot(), b.events.length];
  for (let n = 0; n < 20; n++) {
    const { publicKey } = await generateIdentityKeyPair(nobleProvider, systemRng());
    const data = keyFor(message, b.address).data.slice();
    data.set(publicKey, 6); // ids below 128: 08 pk_id 10 spk_id 1a 20 ik
    expect(textOfOutcome(await b.open(romeo, named(withData(message, b.address, data), n % 2 === 0 ? a.id : 4711)))).toBe("failed ERR_CRYPTO_DECRYPT");
  }
  expect(b.snapshot() === before).toBe(true);
  expect(b.events).toHaveLength(events);
});

test("R08 L01 a forged message costs at most 1,000 steps over eleven sessions and two entries, and what cannot be authentic none", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  for (let n = 0; n < archivedSessionsMax; n++) {
    await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
    await b.open(romeo, await a.send(juliet, `session ${n}`));
    await a.open(juliet, await b.send(romeo, `answer ${n}`));
  }
  expect(rowsOf(b, "omemo/2/archive/romeo")).toBe(archivedSessionsMax);
  let macs = 0;
  const { symmetric } = nobleProvider;
  const provider = { ...nobleProvider, symmetric: { ...symmetric, hmacSha256: (key: Uint8Array, data: Uint8Array) => { macs += 1; return symmetric.hmacSha256(key, data); } } };
  const watched = await world.device(juliet, { disk: b.disk, provider, announce: false });
  const { publicKey } = await generateKeyPair(nobleProvider.curve, systemRng());
  const forged = (n: number, ciphertext: number, mac = 16): Uint8Array =>
    omemo2Suite.sealMessage(omemo2Suite.encodeMessage({ ratchetKey: publicKey, n, pn: 0 }, new Uint8Array(ciphertext)), new Uint8Array(mac));
  const cost = async (...entries: readonly Uint8Array[]): Promise<number> => {
    macs = 0;
    const keys = entries.map((data) => ({ jid: juliet, rid: b.id, kex: false, data: concatBytes(data) }));
    expect((await watched.open(romeo, { namespace: "urn:xmpp:omemo:2", sid: a.id, keys, payload: new Uint8Array(16) })).kind).toBe("failed");
    return macs;
  };
  const perTry = 2; // message key and MAC
  expect(await cost(forged(1_000, 64), forged(1_000, 80))).toBeLessThanOrEqual(unprovenStepsMax + perTry);
  expect(await cost(forged(90, 64), forged(90, 80))).toBeLessThanOrEqual(unprovenStepsMax + 2 * (archivedSessionsMax + 1) * perTry);
  const once = await cost(forged(10, 64));
  expect(once).toBeGreaterThan(10 * archivedSessionsMax);
  expect(await cost(forged(10, 64), forged(10, 64))).toBe(once); // equal entries are tried once
  expect(await cost(forged(1_000, 63), forged(1_000, 0))).toBe(0);
  expect(await cost(forged(1_000, 64, 15), forged(1_000, 64, 17))).toBe(0);
  expect(textOfOutcome(await watched.open(romeo, await a.send(juliet, "still works")))).toBe("still works");
});

test("R08 L01 one message may cost a thousand steps along chains before it has proved authentic, over all its entries, and not one more", () => {
  const effort = new Effort();
  effort.spend(unprovenStepsMax - 1);
  expect(() => { effort.spend(2); }).toThrow(expect.objectContaining({ code: "ERR_RATCHET_TOO_MANY_SKIPPED" }));
  effort.spend(1);
  expect(() => { effort.spend(1); }).toThrow(expect.objectContaining({ code: "ERR_RATCHET_TOO_MANY_SKIPPED" }));
});

test("R08 R12 a late message whose chain an archived session knows costs its own steps only", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  await b.open(romeo, await a.send(juliet, "begins the chain"));
  const skipped = await a.ledger.run(async (tx) => {
    let last: EncryptedMessage | undefined;
    for (let n = 0; n < 901; n++) last = await a.omemo.sealEmpty(tx, b.address);
    if (last === undefined) throw new RangeError("no session");
    return last;
  });
  await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
  await b.open(romeo, await a.send(juliet, "new session"));
  await a.open(juliet, await b.send(romeo, "confirmed"));
  expect((await b.open(romeo, skipped)).kind).toBe("empty");
});

test("R16 E01 the same message under another account's name is not ours to read", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(mercutio);
  expect((await c.open(romeo, readdressed(await a.send(juliet, "for juliet"), b, c))).kind).toBe("failed");
});
