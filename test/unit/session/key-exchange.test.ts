/** Key exchanges, replaced sessions and identities: threats R01 to R06, R11, R12, R14, R15. @module */
import { expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import { decodeDevice } from "../../../src/session/records/device-record.js";
import { conversation, juliet, keyFor, mercutio, romeo, textOfOutcome, withData, World, type TestDevice } from "../../support/omemo-world.js";

/** The bytes for `device` with one byte replaced; ids below 128 are one byte each: 08 pk_id 10 spk_id 1a …. */
function replaced(message: EncryptedMessage, device: TestDevice, index: number, value: number): EncryptedMessage {
  const data = keyFor(message, device.address).data.slice();
  data[index] = value;
  return withData(message, device.address, data);
}

async function expectRefused(device: TestDevice, message: EncryptedMessage, code: string): Promise<void> {
  const before = device.snapshot();
  expect(textOfOutcome(await device.open(romeo, message))).toBe(`failed ${code}`);
  expect(device.snapshot()).toBe(before);
}

test("R01 a bundle with a foreign signature makes no session, and the other devices are served", async () => {
  const world = new World();
  const a = await world.device(romeo);
  const [j1, j2] = [await world.device(juliet), await world.device(juliet)];
  const [one, two] = [j1, j2].map((device) => world.server.bundles.get(`${juliet} ${device.id}`));
  if (one === undefined || two === undefined) throw new RangeError("bundles missing");
  world.server.bundles.set(`${juliet} ${j1.id}`, { ...one, signedPreKeySignature: two.signedPreKeySignature });
  const outcome = await a.trySend(juliet, "hello");
  expect(outcome.report.map((line) => line.result)).toEqual(["bad-bundle", "encrypted"]);
  expect([...a.disk.rows.keys()].some((key) => key.includes("/device/") && key.endsWith(String(j1.id).padStart(10, "0")))).toBe(false);
});

test("R02 a key exchange without one-time prekey is refused, and a bundle without prekeys makes none", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "hello");
  const without = withData(message, b.address, keyFor(message, b.address).data.subarray(2));
  await expectRefused(b, without, "ERR_SESSION_MALFORMED");
  const bundle = world.server.bundles.get(`${juliet} ${b.id}`);
  if (bundle === undefined) throw new RangeError("bundle missing");
  world.server.bundles.set(`${juliet} ${b.id}`, { ...bundle, preKeys: [] });
  const c = await world.device(mercutio);
  expect((await c.trySend(juliet, "hello")).report).toMatchObject([{ result: "bad-bundle" }]);
});

test("R03 an unknown prekey or signed prekey is a typed failure, changes nothing, and is answered at most once", async () => {
  const world = new World();
  const a = await world.device(romeo);
  const b = await world.device(juliet, { isContact: () => true });
  const message = await a.send(juliet, "hello");
  await expectRefused(b, replaced(message, b, 3, 99), "ERR_SESSION_UNKNOWN_PREKEY");
  const again = await b.open(romeo, replaced(message, b, 1, 120));
  expect(again).toMatchObject({ kind: "failed", code: "ERR_SESSION_UNKNOWN_PREKEY", followUps: [] });
  expect(textOfOutcome(await b.open(romeo, message))).toBe("hello");
});

test("R03 R22 a stranger learns nothing: no session is built for people we never wrote to", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "hello");
  expect(await b.open(romeo, replaced(message, b, 1, 120))).toMatchObject({ kind: "failed", followUps: [] });
  expect((await b.open(romeo, message))).toMatchObject({ kind: "content", followUps: [{ kind: "republish-bundle" }] });
});

test("R04 a replayed key exchange is a silent duplicate; with session and prekey gone it is refused", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "hello");
  expect(textOfOutcome(await b.open(romeo, message))).toBe("hello");
  const before = b.snapshot();
  expect((await b.open(romeo, message)).kind).toBe("duplicate");
  await b.ledger.run((tx) => b.omemo.resetSession(tx, a.address));
  expect((await b.open(romeo, message)).kind).toBe("duplicate"); // archived sessions know it too
  expect(before).not.toBe("");
  await b.omemo.announce(); // the server shows the prekey no more
  await b.ledger.run(async (tx) => {
    await b.omemo.settlePreKeys(tx);
    for (const row of await tx.list({ prefix: "omemo/2/device/" })) tx.delete(row.key);
    for (const row of await tx.list({ prefix: "omemo/2/archive/" })) tx.delete(row.key);
  });
  await expectRefused(b, message, "ERR_SESSION_UNKNOWN_PREKEY");
});

test("R04 a second key exchange on the same prekey still works until catch-up is settled", async () => {
  const world = new World();
  const [a, c, b] = [await world.device(romeo), await world.device(mercutio), await world.device(juliet)];
  const bundle = world.server.bundles.get(`${juliet} ${b.id}`);
  if (bundle === undefined) throw new RangeError("bundle missing");
  world.server.bundles.set(`${juliet} ${b.id}`, { ...bundle, preKeys: bundle.preKeys.slice(0, 1) });
  const [first, second] = [await a.send(juliet, "one"), await c.send(juliet, "two")];
  expect(textOfOutcome(await b.open(romeo, first))).toBe("one");
  expect(textOfOutcome(await b.open(mercutio, second))).toBe("two");
});

test("R05 another identity under a known device is recorded, told once, and gets and gives nothing before a decision", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(romeo); // plays the changed key: its message under the device id of `a`
  const forged: EncryptedMessage = { ...(await c.send(juliet, "it is me")), sid: a.id };
  const trustBefore = (await b.omemo.devices(romeo)).find((device) => device.device.deviceId === a.id);
  expect(textOfOutcome(await b.open(romeo, forged))).toBe("failed ERR_SESSION_IDENTITY_CHANGED");
  expect(textOfOutcome(await b.open(romeo, forged))).toBe("failed ERR_SESSION_IDENTITY_CHANGED");
  expect(b.events.filter((event) => event.kind === "key-changed")).toEqual([
    { kind: "key-changed", device: a.address, fingerprint: c.omemo.self.fingerprint, formerFingerprint: a.omemo.self.fingerprint },
  ]);
  const after = (await b.omemo.devices(romeo)).find((device) => device.device.deviceId === a.id);
  expect(after).toMatchObject({ fingerprint: trustBefore?.fingerprint, trust: trustBefore?.trust, offered: { fingerprint: c.omemo.self.fingerprint, trust: "undecided" } });
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "old session lives")))).toBe("old session lives");
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "and gets the answers")))).toBe("and gets the answers");
  // Only the user's decision about exactly this key lets it in.
  await b.omemo.setTrust(romeo, c.omemo.self.identityKey, "authenticated");
  expect(textOfOutcome(await b.open(romeo, forged))).toBe("it is me");
});

test("R05 T07 a bundle with another identity under a known device gets nothing before a decision", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(romeo, { announce: false });
  const other = await world.device(mercutio);
  const swapped = world.server.bundles.get(`${mercutio} ${other.id}`);
  if (swapped === undefined) throw new RangeError("bundle missing");
  world.server.bundles.set(`${romeo} ${a.id}`, swapped);
  await b.ledger.run((tx) => b.omemo.resetSession(tx, a.address));
  expect(await b.trySend(romeo, "who are you")).toMatchObject({
    kind: "no-device", report: [{ result: "undecided", fingerprint: other.omemo.self.fingerprint }],
  });
  expect(await b.ledger.run(async (tx) => b.omemo.sealEmpty(tx, a.address, await b.omemo.prepareDevice(c.address)))).toBeUndefined();
  await b.omemo.setTrust(romeo, other.omemo.self.identityKey, "authenticated");
  expect((await b.trySend(romeo, "now I know")).kind).toBe("sealed");
});

test("R06 a failing key exchange changes nothing: session, prekey and trust are as before", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "hello");
  const { data } = keyFor(message, b.address);
  await expectRefused(b, replaced(message, b, data.length - 1, (data[data.length - 1] as number) ^ 1), "ERR_CRYPTO_DECRYPT");
  expect(textOfOutcome(await b.open(romeo, message))).toBe("hello");
});

test("R04 R05 a known ephemeral key with another prekey id or identity around it is refused", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  await b.open(romeo, await a.send(juliet, "first"));
  const second = await a.send(juliet, "second");
  const { data } = keyFor(second, b.address);
  await expectRefused(b, replaced(second, b, 1, (data[1] as number) === 1 ? 2 : 1), "ERR_SESSION_KEY_EXCHANGE_ALTERED");
  await expectRefused(b, replaced(second, b, 3, 2), "ERR_SESSION_KEY_EXCHANGE_ALTERED");
  // The identity's sign bit: the same curve key, so the ratchet alone would not notice.
  await expectRefused(b, replaced(second, b, 37, (data[37] as number) ^ 0x80), "ERR_SESSION_KEY_EXCHANGE_ALTERED");
  expect(textOfOutcome(await b.open(romeo, second))).toBe("second");
});

/** The ephemeral key of the session that the device sends on: names a session on both sides. */
function currentSession(device: TestDevice): string {
  const [row] = [...device.disk.rows].filter(([key]) => key.startsWith("omemo/2/device/")).map(([, value]) => value);
  return row === undefined ? "none" : toHex(decodeDevice(row).current?.exchange.ephemeralKey ?? new Uint8Array(0));
}

test("R11 crossing key exchanges: both are read, and one session wins", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const [fromA, fromB] = [await a.send(juliet, "a starts"), await b.send(romeo, "b starts")];
  expect(textOfOutcome(await b.open(romeo, fromA))).toBe("a starts");
  expect(textOfOutcome(await a.open(juliet, fromB))).toBe("b starts");
  for (let turn = 0; turn < 6; turn++) {
    const [sender, receiver] = turn % 2 === 0 ? [a, b] : [b, a];
    const message = await sender.send(receiver.jid, `turn ${turn}`);
    expect(textOfOutcome(await receiver.open(sender.jid, message))).toBe(`turn ${turn}`);
    if (turn > 1) expect(keyFor(message, receiver.address).kex).toBe(false);
  }
  expect(currentSession(a)).toBe(currentSession(b));
});

test("R11 crossing key exchanges with crossing answers converge as well, and empty messages are not answered", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const [fromA, fromB] = [await a.send(juliet, "a starts"), await b.send(romeo, "b starts")];
  expect(await b.open(romeo, fromA)).toMatchObject({ kind: "content", followUps: [{}, { kind: "send-empty", reason: "key-exchange-accepted" }] });
  expect(await a.open(juliet, fromB)).toMatchObject({ kind: "content", followUps: [{}, { kind: "send-empty" }] });
  const [emptyA, emptyB] = [await a.sendEmpty(b.address), await b.sendEmpty(a.address)];
  expect(await b.open(romeo, emptyA)).toMatchObject({ kind: "empty", followUps: [] });
  expect(await a.open(juliet, emptyB)).toMatchObject({ kind: "empty", followUps: [] });
  for (let turn = 0; turn < 6; turn++) {
    const [sender, receiver] = turn % 2 === 0 ? [a, b] : [b, a];
    expect(textOfOutcome(await receiver.open(sender.jid, await sender.send(receiver.jid, `turn ${turn}`)))).toBe(`turn ${turn}`);
  }
  expect(currentSession(a)).toBe(currentSession(b));
});

/** Replaces the session of `a` with `b` by a new one that `a` begins. */
async function renew(a: TestDevice, b: TestDevice): Promise<void> {
  await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
  await b.open(romeo, await a.send(juliet, "renewed"));
  await a.open(juliet, await b.send(romeo, "confirmed"));
  await b.omemo.announce();
  await b.ledger.run((tx) => b.omemo.settlePreKeys(tx));
}

test("R12 a replaced session decrypts late messages without coming back, for ten replacements", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const late = [];
  for (let i = 0; i < 3; i++) late.push(await a.send(juliet, `late ${i}`));
  await b.open(romeo, late[0] as EncryptedMessage); // the chain is known: what comes late in it advances nothing
  for (let i = 0; i < 10; i++) await renew(a, b);
  expect(textOfOutcome(await b.open(romeo, late[1] as EncryptedMessage))).toBe("late 1");
  // The late message advanced nothing, so answers still go to the newest session.
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "newest")))).toBe("newest");
  await renew(a, b);
  expect(textOfOutcome(await b.open(romeo, late[2] as EncryptedMessage))).toBe("failed ERR_CRYPTO_DECRYPT");
  expect([...b.disk.rows.keys()].filter((key) => key.includes("/skipped/"))).toEqual([]);
});

test("R12 a replaced session stops decrypting after 30 days", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const late = [await a.send(juliet, "late 0"), await a.send(juliet, "late 1")] as const;
  await b.open(romeo, await a.send(juliet, "in time")); // the chain is known: what comes late in it advances nothing
  await renew(a, b);
  world.clock.time += 30 * 24 * 60 * 60 * 1000;
  expect(textOfOutcome(await b.open(romeo, late[0]))).toBe("late 0");
  world.clock.time += 1;
  expect(textOfOutcome(await b.open(romeo, late[1]))).toBe("failed ERR_CRYPTO_DECRYPT");
});

test("R14 the key exchange is repeated until an authentic answer in that session", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const wrapped = async (text: string): Promise<boolean> => {
    const message = await a.send(juliet, text);
    const { kex } = keyFor(message, b.address);
    expect(textOfOutcome(await b.open(romeo, message))).toBe(text);
    return kex;
  };
  expect(await wrapped("1")).toBe(true);
  expect(await wrapped("2")).toBe(true);
  const again = await world.device(romeo, { disk: a.disk }); // the flag survives a restart
  const third = await again.send(juliet, "3");
  expect(keyFor(third, b.address).kex).toBe(true);
  expect(textOfOutcome(await b.open(romeo, third))).toBe("3");
  const answer = await b.send(romeo, "answer");
  const { data } = keyFor(answer, again.address);
  const forged = withData(answer, again.address, data.map((byte, i) => (i === data.length - 1 ? byte ^ 1 : byte)));
  expect((await again.open(juliet, forged)).kind).toBe("failed");
  expect(keyFor(await again.send(juliet, "4"), b.address).kex).toBe(true);
  expect(textOfOutcome(await again.open(juliet, answer))).toBe("answer");
  expect(keyFor(await again.send(juliet, "5"), b.address).kex).toBe(false);
});

test("R15 our own messages reflected to us as a contact's are refused, key exchange or not", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const reflect = (message: EncryptedMessage): EncryptedMessage => ({
    ...message, sid: b.id, keys: [{ jid: romeo, rid: a.id, kex: true, data: keyFor(message, b.address).data }],
  });
  const first = await a.send(juliet, "first");
  expect(textOfOutcome(await a.open(juliet, reflect(first)))).toBe("failed ERR_SESSION_OWN_KEY");
  await b.open(romeo, first);
  await a.open(juliet, await b.send(romeo, "second"));
  expect(textOfOutcome(await a.open(juliet, reflect(await a.send(juliet, "third"))))).toBe("failed ERR_RATCHET_OWN_KEY");
});

test("R15 a bundle that shows our own identity as somebody else's is refused", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const own = world.server.bundles.get(`${romeo} ${a.id}`);
  if (own === undefined) throw new RangeError("bundle missing");
  world.server.bundles.set(`${juliet} ${b.id}`, own);
  expect(await a.trySend(juliet, "to myself?")).toMatchObject({ kind: "no-device", report: [{ result: "bad-bundle" }] });
});
