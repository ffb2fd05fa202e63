/** What heals by itself, and what must not be let in by it: threats R03, R04, R05, R13, R14, R22, R26, T07. @module */
import { expect, test } from "vitest";
import { signedPreKeyRotationMs } from "../../../src/base/limits.js";
import type { EncryptedMessage } from "../../../src/session/encrypted-message.js";
import type { OpenOutcome } from "../../../src/session/outcome.js";
import type { DeviceId } from "../../../src/session/ports.js";
import { conversation, juliet, keyFor, mercutio, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

/** What a server can make of a message: without its payload, as another device's. */
function bare({ namespace, keys, sid: sender }: EncryptedMessage, sid: number = sender): EncryptedMessage {
  return { namespace, keys, sid: sid as DeviceId };
}

const reasons = (outcome: OpenOutcome): readonly string[] =>
  ("followUps" in outcome ? outcome.followUps : []).flatMap((each) => (each.kind === "send-empty" ? [each.reason] : []));

/** `weeks` in which `device` does what it does on a stream that lasts. */
async function weeks(world: World, device: TestDevice, count: number): Promise<void> {
  for (let week = 0; week < count; week++) {
    world.clock.time += signedPreKeyRotationMs + 1;
    await device.omemo.announce();
    await device.ledger.run((tx) => device.omemo.settlePreKeys(tx));
  }
}

test("R14 R03 a session that nobody has answered for a week is begun anew: what is lost with the first message is not all that follows", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet)];
  const lost = keyFor(await a.send(juliet, "bounced, blocked, mailbox full"), b.address);
  world.clock.time += signedPreKeyRotationMs;
  const week = keyFor(await a.send(juliet, "a week is not yet too long"), b.address);
  expect([...week.data.subarray(0, 60)]).toEqual([...lost.data.subarray(0, 60)]); // the same exchange
  await weeks(world, b, 3);
  a.omemo.expireDeviceLists();
  const fresh = await a.send(juliet, "can you read this?");
  expect(textOfOutcome(await b.open(romeo, fresh))).toBe("can you read this?");
  world.server.log.length = 0;
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "and this, on the same one")))).toBe("and this, on the same one");
  expect(world.server.log.filter((line) => line.startsWith("bundles"))).toEqual([]);
});

test("R14 R05 where no bundle is to be had, or it shows another key, an old session without an answer is gone on with", async () => {
  const world = new World();
  const [a, b, other] = [await world.device(romeo), await world.device(juliet), await world.device(mercutio)];
  await a.send(juliet, "first");
  world.clock.time += signedPreKeyRotationMs + 1;
  const bundle = world.server.bundles.get(`${mercutio} ${other.id}`);
  if (bundle === undefined) throw new RangeError("no bundle");
  world.server.bundles.delete(`${juliet} ${b.id}`);
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "without a bundle")))).toBe("without a bundle");
  world.clock.time += 60_000;
  world.server.bundles.set(`${juliet} ${b.id}`, bundle);
  const message = await a.send(juliet, "beside another key");
  expect(textOfOutcome(await b.open(romeo, message))).toBe("beside another key");
  expect(a.events.filter(({ kind }) => kind === "key-changed")).toHaveLength(1);
});

test("R14 Q18 a session that was answered is never too old, and one of a clock that was ahead is not either", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const c = await world.device(mercutio);
  world.clock.time += signedPreKeyRotationMs;
  await c.send(juliet, "first");
  await a.send(juliet, "fetches the list");
  world.clock.time -= signedPreKeyRotationMs;
  world.server.log.length = 0;
  await c.send(juliet, "second");
  world.clock.time += 10 * signedPreKeyRotationMs;
  for (const device of [a, b]) device.omemo.expireDeviceLists();
  expect(keyFor(await a.send(juliet, "on"), b.address).kex).toBe(false);
  expect(world.server.log.filter((line) => line.startsWith("bundles"))).toEqual([]);
});

test("R13 a heartbeat that was not sent is due again, a minute later, until something was", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  for (let n = 0; n < 53; n++) expect(reasons(await b.open(romeo, await a.send(juliet, String(n))))).toEqual([]);
  expect(reasons(await b.open(romeo, await a.send(juliet, "53")))).toEqual(["heartbeat"]);
  expect(reasons(await b.open(romeo, await a.send(juliet, "54")))).toEqual([]); // asked for a moment ago
  const again = await world.device(juliet, { disk: b.disk }); // the process died before it was sent
  expect(reasons(await again.open(romeo, await a.send(juliet, "55")))).toEqual(["heartbeat"]);
  world.clock.time += 60_000;
  expect(reasons(await again.open(romeo, await a.send(juliet, "56")))).toEqual(["heartbeat"]);
  await again.sendEmpty(a.address); // and lost
  world.clock.time += 60_000;
  expect(reasons(await again.open(romeo, await a.send(juliet, "57")))).toEqual([]);
});

test("R13 what was sent before the fifty-third message of a chain is no heartbeat for it", async () => {
  const { a, b } = await conversation(new World());
  for (let n = 0; n < 53; n++) await b.open(romeo, await a.send(juliet, String(n)));
  await b.send(romeo, "on its way, or lost");
  expect(reasons(await b.open(romeo, await a.send(juliet, "53")))).toEqual(["heartbeat"]);
});

test("R04 R22 R26 one key exchange that was handed in without content as another account's makes its sender unread, but not for long", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet, { isContact: (jid) => jid === romeo })];
  const first = await a.send(juliet, "0");
  expect((await b.open(mercutio, bare(first))).kind).toBe("empty");
  const before = b.snapshot();
  expect(await b.open(romeo, first)).toMatchObject({ code: "ERR_SESSION_KEY_EXCHANGE_ALTERED", followUps: [{ reason: "no-session", device: a.address, needsPlan: true }] });
  expect(b.snapshot()).toBe(before);
  await a.open(juliet, await b.sendEmpty(a.address));
  expect(await b.open(romeo, await a.send(juliet, "1"))).toMatchObject({ kind: "content", device: a.address, trust: "trusted" });
});

test("R22 R04 whoever is refused because of an altered exchange, and has no session with us, gets one, once an hour; where there is one nothing follows", async () => {
  const world = new World();
  const [a, b] = [await world.device(romeo), await world.device(juliet, { isContact: () => true })];
  const first = await a.send(juliet, "0");
  expect((await b.open(romeo, bare(first, 7))).kind).toBe("empty");
  expect(await b.open(romeo, first)).toMatchObject({ code: "ERR_SESSION_KEY_EXCHANGE_ALTERED", followUps: [{ reason: "no-session", device: a.address, needsPlan: true }] });
  expect(await b.open(romeo, await a.send(juliet, "1"))).toMatchObject({ code: "ERR_SESSION_KEY_EXCHANGE_ALTERED", followUps: [] });
  await a.open(juliet, await b.sendEmpty(a.address));
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "2")))).toBe("2");
  world.clock.time += 60 * 60 * 1000;
  expect(await b.open(romeo, first)).toMatchObject({ code: "ERR_SESSION_KEY_EXCHANGE_ALTERED", followUps: [] });
});

test("T07 R24 a verified key that is offered under another device does not make each send begin a session while that device's bundle shows its own", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const old = await world.device(romeo, { announce: false }); // his old phone: verified, off the list since
  await b.open(romeo, await old.send(juliet, "from the old phone"));
  await b.omemo.setTrust(romeo, old.omemo.self.identityKey, "authenticated");
  await old.ledger.run((tx) => old.omemo.resetSession(tx, b.address));
  const withheld = await old.send(juliet, "withheld by the server");
  expect(textOfOutcome(await b.open(romeo, { ...withheld, sid: a.id }))).toBe("failed ERR_SESSION_IDENTITY_CHANGED");
  for (let n = 0; n < 3; n++) {
    const message = await b.send(romeo, `word ${n}`);
    expect(keyFor(message, a.address).kex).toBe(false);
    expect(textOfOutcome(await a.open(juliet, message))).toBe(`word ${n}`);
  }
});
