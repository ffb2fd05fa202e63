/** Single messages and what may be wrong with them: threats R06 to R10, R13, R16 to R20, E08. @module */
import { expect, test } from "vitest";
import { concatBytes } from "../../../src/base/bytes.js";
import { systemRng } from "../../../src/base/rng.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { omemo2Profile } from "../../../src/session/omemo2/profile.js";
import { omemo2Suite } from "../../../src/session/omemo2/suite.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { enforceSkippedTotal } from "../../../src/session/skipped-rows.js";
import { conversation, juliet, keyFor, mercutio, romeo, textOfOutcome, withData, World, type TestDevice } from "../../support/omemo-world.js";

/** Empty messages: the cheapest way to move a ratchet. */
async function emptyMessages(from: TestDevice, to: TestDevice, count: number): Promise<readonly EncryptedMessage[]> {
  return from.ledger.run(async (tx) => {
    const messages: EncryptedMessage[] = [];
    for (let i = 0; i < count; i++) {
      const message = await from.omemo.sealEmpty(tx, to.address);
      if (message === undefined) throw new RangeError("no session");
      messages.push(message);
    }
    return messages;
  });
}

const skippedRows = (device: TestDevice): number => [...device.disk.rows.keys()].filter((key) => key.startsWith("omemo/2/skipped/")).length;

test("R06 E08 a payload that does not belong to the keys is refused, and the key is spent all the same", async () => {
  const { a, b } = await conversation(new World());
  const [one, two] = [await a.send(juliet, "one"), await a.send(juliet, "two")];
  if (two.payload === undefined) throw new RangeError("no payload");
  const mixed = { ...one, payload: two.payload };
  expect(await b.open(romeo, mixed)).toMatchObject({ kind: "failed", code: "ERR_PAYLOAD_INVALID", stepKept: true });
  expect((await b.open(romeo, one)).kind).toBe("duplicate");
  expect(textOfOutcome(await b.open(romeo, two))).toBe("two");
});

test("E08 C06 whichever part of a payload is altered, it is refused as such: nothing of it is decrypted and looked at", async () => {
  const { a, b } = await conversation(new World());
  const { length } = (await a.send(juliet, "intact")).payload as Uint8Array;
  for (const at of [0, 15, 16, length >> 1, length - 17, length - 1]) {
    const message = await a.send(juliet, "intact");
    const payload = Uint8Array.from(message.payload as Uint8Array);
    const place = Math.min(at, payload.length - 1);
    payload[place] = (payload[place] as number) ^ 1;
    expect(await b.open(romeo, { ...message, payload })).toMatchObject({ kind: "failed", code: "ERR_PAYLOAD_INVALID", stepKept: true });
  }
});

test("T18 R16 what says that it is of the older version, or does not say whom its keys are for, is not opened as of this one", async () => {
  const { a, b } = await conversation(new World());
  const message = await a.send(juliet, "intact");
  const before = b.snapshot();
  expect(await b.open(romeo, { ...message, namespace: "eu.siacs.conversations.axolotl" })).toMatchObject({ kind: "failed", code: "ERR_SESSION_MALFORMED", stepKept: false });
  expect((await b.open(romeo, { ...message, keys: message.keys.map(({ rid, kex, data }) => ({ rid, kex, data })) })).kind).toBe("not-for-this-device");
  expect(b.snapshot()).toBe(before);
  expect(textOfOutcome(await b.open(romeo, message))).toBe("intact");
});

test("T18 rows of the two versions never meet, but for identity and trust", () => {
  const [present, older] = (["urn:xmpp:omemo:2", "eu.siacs.conversations.axolotl"] as const).map((namespace) => new StoreKeys(nobleProvider.symmetric, namespace)) as [StoreKeys, StoreKeys];
  const address = { jid: romeo, deviceId: 1 as DeviceId };
  const apart = (keys: StoreKeys): readonly string[] => [
    keys.ownBundle(), keys.preKey(1), keys.deviceList(romeo), keys.strangersLists(), keys.device(address), keys.archivedSession(keys.device(address), 1), keys.skippedPrefix(keys.device(address), 1), keys.skippedTotal(),
  ];
  const common = (keys: StoreKeys): readonly string[] => [keys.ownDevice(), keys.retiredDevices(), keys.trust(romeo, new Uint8Array(32)), keys.owner(romeo)];
  expect(new Set([...apart(present), ...apart(older)]).size).toBe(2 * apart(present).length);
  expect(common(present)).toEqual(common(older));
});

test("R06 a bad envelope is refused, and the step is kept", async () => {
  const { a, b } = await conversation(new World());
  const plan = await a.omemo.prepare([juliet]);
  const sealed = await a.ledger.run((tx) => a.omemo.seal(tx, plan, [], { to: mercutio }));
  if (sealed.kind !== "sealed") throw new RangeError("not sealed");
  expect(await b.open(romeo, sealed.message)).toMatchObject({ kind: "failed", code: "ERR_ENVELOPE_TO", stepKept: true });
  expect((await b.open(romeo, sealed.message)).kind).toBe("duplicate");
});

test("R07 whichever bit of a message is altered it fails, nothing changes, and the true message still works", async () => {
  const { a, b } = await conversation(new World());
  const message = await a.send(juliet, "intact");
  const { data } = keyFor(message, b.address);
  const before = b.snapshot();
  for (let i = 0; i < data.length * 8; i += 5) {
    const altered = data.slice();
    altered[i >> 3] = (altered[i >> 3] as number) ^ (1 << (i & 7));
    expect((await b.open(romeo, withData(message, b.address, altered))).kind).toBe("failed");
  }
  expect(b.snapshot()).toBe(before);
  expect(textOfOutcome(await b.open(romeo, message))).toBe("intact");
});

test("R07 whichever byte of a key exchange is altered it fails, nothing changes, and the true one still works", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const message = await a.send(juliet, "intact");
  const { data } = keyFor(message, b.address);
  const before = b.snapshot();
  for (let i = 0; i < data.length; i += 3) {
    const altered = data.slice();
    altered[i] = (altered[i] as number) ^ (1 << (i % 8));
    expect((await b.open(romeo, withData(message, b.address, altered))).kind).toBe("failed");
  }
  expect(b.snapshot()).toBe(before);
  expect(textOfOutcome(await b.open(romeo, message))).toBe("intact");
});

test("R08 counters near 2^31 and 2^32 are refused before any key is derived", async () => {
  let macs = 0;
  const { symmetric } = nobleProvider;
  const counting = { ...nobleProvider, symmetric: { ...symmetric, hmacSha256: (key: Uint8Array, data: Uint8Array) => { macs += 1; return symmetric.hmacSha256(key, data); } } };
  const world = new World();
  const a = await world.device(romeo);
  const b = await world.device(juliet);
  await b.open(romeo, await a.send(juliet, "first"));
  await a.open(juliet, await b.send(romeo, "second"));
  const message = await a.send(juliet, "third");
  await b.open(romeo, message);
  const material = omemo2Profile.decodeKeyMaterial(keyFor(message, b.address).data);
  if (material === undefined) throw new RangeError("not a message");
  const watched = await world.device(juliet, { disk: b.disk, provider: counting, announce: false });
  for (const n of [1_002, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff]) {
    const { header, ciphertext, mac } = material.message;
    const forged = omemo2Suite.sealMessage(omemo2Suite.encodeMessage({ ...header, n }, ciphertext), mac);
    const before = watched.snapshot();
    macs = 0;
    expect(textOfOutcome(await watched.open(romeo, withData(message, b.address, forged)))).toBe("failed ERR_RATCHET_TOO_MANY_SKIPPED");
    expect(macs).toBe(0);
    expect(watched.snapshot()).toBe(before);
  }
});

test("R08 exactly 1000 skipped messages are accepted, 1001 are not", async () => {
  const { a, b } = await conversation(new World());
  const messages = await emptyMessages(a, b, 1_002);
  const before = b.snapshot();
  expect(await b.open(romeo, messages[1_001] as EncryptedMessage)).toMatchObject({ kind: "failed", code: "ERR_RATCHET_TOO_MANY_SKIPPED" });
  expect(b.snapshot()).toBe(before);
  expect((await b.open(romeo, messages[1_000] as EncryptedMessage)).kind).toBe("empty");
  expect(skippedRows(b)).toBe(1_000);
  expect((await b.open(romeo, messages[0] as EncryptedMessage)).kind).toBe("empty");
  expect(skippedRows(b)).toBe(999);
});

test("R09 a session keeps 1000 skipped keys, the oldest leave first, and many chains do not multiply it", async () => {
  const { a, b } = await conversation(new World());
  const rounds: EncryptedMessage[] = [];
  for (let round = 0; round < 3; round++) {
    const messages = await emptyMessages(a, b, 400);
    rounds.push(messages[0] as EncryptedMessage, messages[398] as EncryptedMessage);
    await b.open(romeo, messages[399] as EncryptedMessage);
    await a.open(juliet, await b.sendEmpty(a.address)); // a new chain begins
  }
  expect(skippedRows(b)).toBe(1_000);
  expect((await b.open(romeo, rounds[0] as EncryptedMessage)).kind).toBe("duplicate"); // pushed out: its key is gone for good
  expect((await b.open(romeo, rounds[1] as EncryptedMessage)).kind).toBe("empty");
  expect((await b.open(romeo, rounds[5] as EncryptedMessage)).kind).toBe("empty");
});

test("R09 over all sessions the cap holds, and the oldest session's keys leave first", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  world.clock.time += 1_000;
  const c = await world.device(romeo);
  await b.open(romeo, await c.send(juliet, "younger"));
  const [old, young] = [await emptyMessages(a, b, 21), await emptyMessages(c, b, 11)];
  await b.open(romeo, old[20] as EncryptedMessage);
  await b.open(romeo, young[10] as EncryptedMessage);
  expect(skippedRows(b)).toBe(30);
  const keys = new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2");
  const context = { account: juliet, provider: nobleProvider, rng: systemRng(), clock: world.clock, profile: omemo2Profile, keys, emit: () => undefined };
  await b.ledger.run((tx) => enforceSkippedTotal(tx, context, 30));
  expect(skippedRows(b)).toBe(30);
  await b.ledger.run((tx) => enforceSkippedTotal(tx, context, 29));
  expect(skippedRows(b)).toBe(10);
  expect((await b.open(romeo, young[3] as EncryptedMessage)).kind).toBe("empty");
  expect((await b.open(romeo, old[3] as EncryptedMessage)).kind).toBe("duplicate");
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "goes on")))).toBe("goes on");
});

test("R10 lost, doubled and reordered messages decrypt exactly once", async () => {
  const { a, b } = await conversation(new World());
  const sent: { readonly text: string; readonly message: EncryptedMessage }[] = [];
  for (let i = 0; i < 12; i++) {
    sent.push({ text: `m${i}`, message: await a.send(juliet, `m${i}`) });
    if (i === 5) await a.open(juliet, await b.send(romeo, "turn"));
  }
  for (const i of [7, 2, 11, 0, 5, 1, 10, 3]) {
    const { text, message } = sent[i] as (typeof sent)[number];
    expect(textOfOutcome(await b.open(romeo, message))).toBe(text);
    expect((await b.open(romeo, message)).kind).toBe("duplicate");
  }
});

test("R13 the first message with counter 53 or more calls for one heartbeat per ratchet key, also after a restart", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const messages = await emptyMessages(a, b, 56);
  for (const message of messages.slice(0, 53)) expect(await b.open(romeo, message)).toMatchObject({ kind: "empty", followUps: [] });
  expect(await b.open(romeo, messages[53] as EncryptedMessage)).toMatchObject({ followUps: [{ kind: "send-empty", reason: "heartbeat", needsPlan: false }] });
  await b.sendEmpty(a.address);
  world.clock.time += 24 * 60 * 60 * 1000;
  expect(await b.open(romeo, messages[54] as EncryptedMessage)).toMatchObject({ followUps: [] });
  const again = await world.device(juliet, { disk: b.disk, announce: false });
  expect(await again.open(romeo, messages[55] as EncryptedMessage)).toMatchObject({ followUps: [] });
  await a.open(juliet, await again.sendEmpty(a.address));
  const next = await emptyMessages(a, b, 54);
  for (const message of next.slice(0, 53)) expect(await again.open(romeo, message)).toMatchObject({ followUps: [] });
  expect(await again.open(romeo, next[53] as EncryptedMessage)).toMatchObject({ followUps: [{ reason: "heartbeat" }] });
});

test("R16 only entries for our own address and device id count, and at most two are tried", async () => {
  const { a, b } = await conversation(new World());
  const message = await a.send(juliet, "hello");
  const key = keyFor(message, b.address);
  const garbage = { ...key, data: key.data.subarray(0, 40) };
  expect((await b.open(romeo, { ...message, keys: [{ ...key, jid: romeo }] })).kind).toBe("not-for-this-device");
  expect((await b.open(romeo, { ...message, keys: [{ ...key, rid: key.rid + 1 }] })).kind).toBe("not-for-this-device");
  expect((await b.open(romeo, { ...message, keys: [garbage, garbage, key] })).kind).toBe("failed");
  expect(textOfOutcome(await b.open(romeo, { ...message, keys: [garbage, key] }))).toBe("hello");
});

test("R17 the bytes decide what a key is, whatever the attribute says", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const flip = (message: EncryptedMessage): EncryptedMessage => ({ ...message, keys: message.keys.map((key) => ({ ...key, kex: !key.kex })) });
  expect(textOfOutcome(await b.open(romeo, flip(await a.send(juliet, "exchange"))))).toBe("exchange");
  await a.open(juliet, await b.send(romeo, "answer"));
  const message = await a.send(juliet, "plain");
  expect(textOfOutcome(await b.open(romeo, withData(message, b.address, new Uint8Array([1, 2, 3]))))).toBe("failed ERR_SESSION_MALFORMED");
  expect(textOfOutcome(await b.open(romeo, flip(message)))).toBe("plain");
});

test("R18 every truncation and every lying length is refused without a trace", async () => {
  const { a, b } = await conversation(new World());
  const message = await a.send(juliet, "hello");
  const { data } = keyFor(message, b.address);
  const before = b.snapshot();
  for (let length = 0; length < data.length; length++) {
    expect((await b.open(romeo, withData(message, b.address, data.subarray(0, length)))).kind).toBe("failed");
  }
  const overlong = concatBytes(data.subarray(0, 1), new Uint8Array([0x90, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), data.subarray(2));
  expect((await b.open(romeo, withData(message, b.address, overlong))).kind).toBe("failed");
  expect(b.snapshot()).toBe(before);
  expect(textOfOutcome(await b.open(romeo, message))).toBe("hello");
});

test("R19 the MAC covers the received bytes: an unknown field added under it makes the message invalid", async () => {
  const { a, b } = await conversation(new World());
  const message = await a.send(juliet, "hello");
  const material = omemo2Profile.decodeKeyMaterial(keyFor(message, b.address).data);
  if (material === undefined) throw new RangeError("not a message");
  const { authenticated, mac } = material.message;
  const padded = omemo2Suite.sealMessage(concatBytes(authenticated, new Uint8Array([0x28, 0x00])), mac);
  expect(omemo2Profile.decodeKeyMaterial(padded)?.kind).toBe("message"); // well-formed: only the MAC tells
  expect(textOfOutcome(await b.open(romeo, withData(message, b.address, padded)))).toBe("failed ERR_CRYPTO_DECRYPT");
  expect(textOfOutcome(await b.open(romeo, message))).toBe("hello");
});

test("R20 an empty message moves the ratchet and gives nothing out, whatever its keys carry", async () => {
  const { a, b } = await conversation(new World());
  expect([...omemo2Profile.emptyPayload(systemRng()).ratchetPlaintext]).toEqual(new Array(32).fill(0));
  const { payload, ...transported } = await a.send(juliet, "a key of 48 bytes");
  expect(payload).toBeDefined();
  const outcome = await b.open(romeo, transported);
  expect(outcome).toEqual({ kind: "empty", device: a.address, fingerprint: a.omemo.self.fingerprint, trust: "trusted", followUps: [] });
  expect((await b.open(romeo, transported)).kind).toBe("duplicate");
});

test("a message from a device without session calls for one, for people we wrote to, once an hour and device", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  await b.ledger.run(async (tx) => { for (const row of await tx.list({ prefix: "omemo/2/device/" })) tx.delete(row.key); });
  const [one, two] = [await a.send(juliet, "lost"), await a.send(juliet, "lost too")];
  expect(await b.open(romeo, one)).toMatchObject({ kind: "failed", code: "ERR_SESSION_NONE", followUps: [{ kind: "send-empty", reason: "no-session", needsPlan: true }] });
  expect(await b.open(romeo, two)).toMatchObject({ kind: "failed", followUps: [] });
  await a.open(juliet, await b.sendEmpty(a.address));
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "healed")))).toBe("healed");
});
