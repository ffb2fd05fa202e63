/** Keys that replaced others, and work that shares a commit: threats R05, R12, T07, D01. @module */
import { expect, test } from "vitest";
import { body, conversation, juliet, keyFor, mercutio, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import type { TrustPolicy } from "../../../src/session/trust/policy.js";

/** A policy that trusts whatever it is asked about. */
const credulous: TrustPolicy = { name: "credulous", firstSight: () => "trusted", mayReceive: () => true };

test("R05 another key under a known device gets nothing without a decision, even if the policy trusts it", async () => {
  const world = new World();
  const a = await world.device(romeo, { trust: credulous });
  const [b, other] = [await world.device(juliet), await world.device(mercutio)];
  await a.send(juliet, "known");
  const swapped = world.server.bundles.get(`${mercutio} ${other.id}`);
  if (swapped === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${juliet} ${b.id}`, swapped);
  await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
  expect(await a.trySend(juliet, "who are you")).toMatchObject({ kind: "no-device", report: [{ result: "undecided", fingerprint: other.omemo.self.fingerprint }] });
  const plan = await a.omemo.prepareDevice(b.address);
  expect(plan.recipients).toMatchObject([{ devices: [{ bundle: { kind: "bundle" } }] }]);
  expect(await a.ledger.run((tx) => a.omemo.sealEmpty(tx, b.address, plan))).toBeUndefined();
});

/** A contact with two devices, both known and authenticated, and a conversation with the first of them. */
async function twoVerified(world: World): Promise<{ readonly a: TestDevice; readonly j1: TestDevice; readonly j2: TestDevice }> {
  const a = await world.device(romeo);
  const [j1, j2] = [await world.device(juliet), await world.device(juliet)];
  await j1.open(romeo, await a.send(juliet, "1"));
  await a.open(juliet, await j1.send(romeo, "2"));
  for (const { omemo } of [j1, j2]) await a.omemo.setTrust(juliet, omemo.self.identityKey, "authenticated");
  a.events.length = 0;
  return { a, j1, j2 };
}

test("R05 T07 the authenticated key of another device that a contact lists never takes a device's place, however often its messages come relabelled", async () => {
  const world = new World();
  const { a, j1, j2 } = await twoVerified(world);
  for (let n = 0; n < 3; n++) {
    await j2.ledger.run((tx) => j2.omemo.resetSession(tx, a.address));
    const relabelled: EncryptedMessage = { ...(await j2.send(romeo, "by the other device")), sid: j1.id };
    expect(textOfOutcome(await a.open(juliet, relabelled))).toBe("failed ERR_SESSION_IDENTITY_CHANGED");
    expect(textOfOutcome(await j1.open(romeo, await a.send(juliet, `still heard ${n}`)))).toBe(`still heard ${n}`);
  }
  expect(a.events).toEqual([{ kind: "key-changed", device: j1.address, fingerprint: j2.omemo.self.fingerprint, formerFingerprint: j1.omemo.self.fingerprint }]);
});

test("R05 T07 a bundle with the authenticated key of another listed device gets nothing in a device's place", async () => {
  const world = new World();
  const { a, j1, j2 } = await twoVerified(world);
  const swapped = world.server.bundles.get(`${juliet} ${j2.id}`);
  if (swapped === undefined) throw new RangeError("no bundle");
  world.server.bundles.set(`${juliet} ${j1.id}`, swapped);
  for (let n = 0; n < 2; n++) {
    await a.ledger.run((tx) => a.omemo.resetSession(tx, j1.address));
    const { report } = await a.trySend(juliet, "who is who");
    expect(report.find(({ device }) => device.deviceId === j1.id)).toMatchObject({ result: "undecided", fingerprint: j2.omemo.self.fingerprint });
  }
  expect(a.events.filter((event) => event.kind === "key-changed")).toHaveLength(1);
});

test("R05 T07 an accepted key takes the place of the former one with the first message that is sent to it, and the session on it stays", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const successor = await world.device(juliet, { announce: false });
  await a.open(juliet, { ...(await successor.send(romeo, "a new key")), sid: b.id });
  await a.omemo.setTrust(juliet, successor.omemo.self.identityKey, "authenticated");
  await successor.omemo.announce();
  world.server.bundles.set(`${juliet} ${b.id}`, world.server.bundles.get(`${juliet} ${successor.id}`)!);
  world.server.lists.set(juliet, [{ id: b.id }]);
  a.omemo.expireDeviceLists();
  expect((await a.trySend(juliet, "1")).report).toMatchObject([{ device: b.address, result: "encrypted", fingerprint: successor.omemo.self.fingerprint }]);
  const [shown] = await a.omemo.devices(juliet);
  expect(shown).toMatchObject({ fingerprint: successor.omemo.self.fingerprint, trust: "authenticated" });
  expect(shown).not.toHaveProperty("offered");
  world.server.log.length = 0;
  expect((await a.trySend(juliet, "2")).kind).toBe("sealed");
  expect(world.server.log).toEqual([]);
});

test("R05 T08 an accepted replacement lets no third key in", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const [second, third] = [await world.device(romeo, { announce: false }), await world.device(mercutio, { announce: false })];
  await b.open(romeo, { ...(await second.send(juliet, "a new key")), sid: a.id });
  await b.omemo.setTrust(romeo, second.omemo.self.identityKey, "authenticated");
  expect(textOfOutcome(await b.open(romeo, { ...(await third.sendEmpty(b.address)), sid: a.id }))).toBe("failed ERR_SESSION_IDENTITY_CHANGED");
});

test("R05 T07 a device that goes back to a key which was authenticated before is told of first and believed the next time", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const successor = await world.device(romeo, { announce: false });
  const next = async (text: string): Promise<EncryptedMessage> => ({ ...(await successor.send(juliet, text)), sid: a.id });
  await b.omemo.setTrust(romeo, a.omemo.self.identityKey, "authenticated");
  await b.open(romeo, await next("a new key"));
  await b.omemo.setTrust(romeo, successor.omemo.self.identityKey, "authenticated");
  expect(textOfOutcome(await b.open(romeo, await next("the new key")))).toBe("the new key");
  b.events.length = 0;
  const again = async (text: string): Promise<string> => {
    await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
    return textOfOutcome(await b.open(romeo, await a.send(juliet, text)));
  };
  expect(await again("the old key")).toBe("failed ERR_SESSION_IDENTITY_CHANGED");
  expect(b.events).toEqual([{ kind: "key-changed", device: a.address, fingerprint: a.omemo.self.fingerprint, formerFingerprint: successor.omemo.self.fingerprint }]);
  expect(await again("the old key again")).toBe("the old key again");
});

test("R12 R05 a session on a key that was replaced since still decrypts, but never becomes the one to send on again", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(romeo, { announce: false });
  const renamed: EncryptedMessage = { ...(await c.send(juliet, "my new key")), sid: a.id };
  await b.open(romeo, renamed);
  await b.omemo.setTrust(romeo, c.omemo.self.identityKey, "authenticated");
  const toOld = await b.ledger.run((tx) => b.omemo.sealEmpty(tx, a.address));
  if (toOld === undefined) throw new RangeError("no session");
  expect(textOfOutcome(await b.open(romeo, renamed))).toBe("my new key");
  await a.open(juliet, toOld);
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "from the old key, one step on")))).toBe("from the old key, one step on");
  const answer = await b.ledger.run((tx) => b.omemo.sealEmpty(tx, a.address));
  if (answer === undefined) throw new RangeError("no session");
  const forOld = { ...answer, keys: [keyFor(answer, a.address)] };
  expect((await a.open(juliet, forOld)).kind).toBe("failed");
});

test("D01 pieces of work in one commit see each other's sessions, prekeys, skipped keys and counters, and not those of one that failed", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const messages = [await a.send(juliet, "0"), await a.send(juliet, "1"), await a.send(juliet, "2"), await a.send(juliet, "3")] as const;
  const plan = await b.omemo.prepare([romeo]);
  let commits = 0;
  const commit = b.store.commit.bind(b.store);
  b.store.commit = (changes, fence) => { commits += 1; return commit(changes, fence); };
  const open = (message: EncryptedMessage): Promise<string> => b.open(romeo, message).then(textOfOutcome);
  const failing = b.ledger.run(async (tx) => {
    expect(textOfOutcome(await b.omemo.open(tx, { sender: romeo, message: messages[3], context: { kind: "chat" } }))).toBe("3");
    throw new RangeError("given up");
  });
  const results = [
    open(messages[2]), // a new session, two keys skipped
    failing.then(() => "done", () => "given up"),
    open(messages[0]), // one of them
    open(messages[3]), // not spent by what was given up
    open(messages[0]),
    b.ledger.run((tx) => b.omemo.seal(tx, plan, [body("answer")], { to: romeo })).then(async (sealed) => (sealed.kind === "sealed" ? textOfOutcome(await a.open(juliet, sealed.message)) : sealed.kind)),
    b.ledger.run((tx) => b.omemo.seal(tx, plan, [body("another")], { to: romeo })).then(async (sealed) => (sealed.kind === "sealed" ? textOfOutcome(await a.open(juliet, sealed.message)) : sealed.kind)),
  ];
  expect(await Promise.all(results)).toEqual(["2", "given up", "0", "3", "duplicate", "answer", "another"]);
  expect(commits).toBe(1);
  expect([...b.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/skipped/"))).toHaveLength(1);
});

test("R13 an automatic answer that was given up with its commit may be made when the message comes again", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet, { isContact: () => true })];
  const message = await a.send(juliet, "hello");
  const commit = b.store.commit.bind(b.store);
  b.store.commit = () => Promise.reject(new RangeError("no disk"));
  await expect(b.open(romeo, message)).rejects.toThrow("no disk");
  b.store.commit = commit;
  expect(await b.open(romeo, message)).toMatchObject({ kind: "content", followUps: [{ kind: "republish-bundle" }, { kind: "send-empty" }] });
  expect(b.events.filter((event) => event.kind === "key-seen")).toHaveLength(1);
});
