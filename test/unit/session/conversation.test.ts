/** Two accounts with two devices each, through an in-memory directory. @module */
import { expect, test } from "vitest";
import type { DeviceId } from "../../../src/session/ports.js";
import { conversation, juliet, keyFor, mercutio, romeo, textOfOutcome, World } from "../../support/omemo-world.js";

test("two accounts with two devices each read everything, own other devices included", async () => {
  const world = new World();
  const [r1, r2] = [await world.device(romeo), await world.device(romeo)];
  const [j1, j2] = [await world.device(juliet), await world.device(juliet)];
  for (const [sender, others, to] of [[r1, [r2, j1, j2], juliet], [j2, [j1, r1, r2], romeo], [r2, [r1, j1, j2], juliet], [j1, [j2, r1, r2], romeo]] as const) {
    const message = await sender.send(to, `from ${sender.id}`);
    for (const other of others) {
      expect(textOfOutcome(await other.open(sender.jid, message, { to }))).toBe(`from ${sender.id}`);
      expect(textOfOutcome(await other.open(sender.jid, message, { to }))).toBe("duplicate");
    }
    expect(textOfOutcome(await sender.open(sender.jid, message, { to }))).toBe("own-echo");
  }
});

test("a conversation goes on after a restart from the store alone", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const again = await world.device(romeo, { disk: a.disk });
  expect(again.omemo.self).toEqual(a.omemo.self);
  expect(textOfOutcome(await b.open(romeo, await again.send(juliet, "back again")))).toBe("back again");
});

test("work that throws commits nothing, and the queue goes on", async () => {
  const { a, b } = await conversation(new World());
  const before = a.snapshot();
  const plan = await a.omemo.prepare([juliet]);
  const crash = new RangeError("crash");
  await expect(a.ledger.run(async (tx) => {
    await a.omemo.seal(tx, plan, [], { to: juliet });
    throw crash;
  })).rejects.toBe(crash);
  expect(a.snapshot()).toBe(before);
  expect(textOfOutcome(await b.open(romeo, await a.send(juliet, "alive")))).toBe("alive");
});

test("a message decrypted in work that threw can be decrypted again", async () => {
  const { a, b } = await conversation(new World());
  const message = await a.send(juliet, "once more");
  const crash = new RangeError("crash");
  await expect(b.ledger.run(async (tx) => {
    await b.omemo.open(tx, { sender: romeo, message, context: { kind: "chat" } });
    throw crash;
  })).rejects.toBe(crash);
  expect(textOfOutcome(await b.open(romeo, message))).toBe("once more");
});

test("C09 the new state is in the transaction when the bytes are returned, and never encrypts again from the old one", async () => {
  const { a, b } = await conversation(new World());
  const plan = await a.omemo.prepare([juliet]);
  const [one, two] = await a.ledger.run(async (tx) => {
    const first = await a.omemo.seal(tx, plan, [], { to: juliet });
    const changed = tx.changes.length;
    const second = await a.omemo.seal(tx, plan, [], { to: juliet });
    expect(changed).toBeGreaterThan(0);
    return [first, second];
  });
  if (one.kind !== "sealed" || two.kind !== "sealed") throw new RangeError("not sealed");
  expect((await b.open(romeo, one.message)).kind).toBe("content");
  expect((await b.open(romeo, two.message)).kind).toBe("content");
});

test("a contact without devices is no-omemo, one whose server does not answer is retryable, and no key is spent", async () => {
  const world = new World();
  const a = await world.device(romeo);
  expect(await a.trySend(mercutio, "?")).toEqual({ kind: "no-omemo", report: [] });
  world.server.offline = true;
  expect(await a.trySend(juliet, "?")).toEqual({ kind: "no-device", retryable: true, report: [] });
});

test("T04 one device without a bundle does not keep the message from the others", async () => {
  const world = new World();
  const a = await world.device(romeo);
  const [j1, j2] = [await world.device(juliet), await world.device(juliet)];
  world.server.bundles.delete(`${juliet} ${j2.id}`);
  const outcome = await a.trySend(juliet, "hello");
  expect(outcome.report.map((line) => [line.device.deviceId, line.result])).toEqual([[j1.id, "encrypted"], [j2.id, "no-bundle"]]);
  if (outcome.kind !== "sealed") throw new RangeError("not sealed");
  expect(textOfOutcome(await j1.open(romeo, outcome.message))).toBe("hello");
  expect(() => keyFor(outcome.message, j2.address)).toThrow();
});

test("T04 a bundle that cannot be fetched for now is told as that, for its device, and asked for again with the next message", async () => {
  const world = new World();
  const directory = world.server.directoryOf(romeo);
  const withheld = new Set<DeviceId>();
  const a = await world.device(romeo, { directory: {
    ...directory,
    fetchBundles: async (jid, ids, ...more) => (await directory.fetchBundles(jid, ids, ...more)).map((answer, i) => (withheld.has(ids[i] as DeviceId) ? { kind: "unavailable", retryable: true } : answer)),
  } });
  const [j1, j2] = [await world.device(juliet), await world.device(juliet)];
  withheld.add(j1.id).add(j2.id);
  expect(await a.trySend(juliet, "1")).toEqual({ kind: "no-device", retryable: true, report: [j1, j2].map(({ address }) => ({ device: address, result: "unavailable" })) });
  withheld.delete(j1.id);
  expect((await a.trySend(juliet, "2")).report.map(({ result }) => result)).toEqual(["encrypted", "unavailable"]);
  withheld.clear();
  expect((await a.trySend(juliet, "3")).report.map(({ result }) => result)).toEqual(["encrypted", "encrypted"]);
});

test("T04 of a list that was never seen, a refusal for good is told apart from one for now", async () => {
  const world = new World();
  let retryable = true;
  const a = await world.device(romeo, { announce: false, directory: {
    ...world.server.directoryOf(romeo), fetchDeviceList: async () => ({ kind: "unavailable", retryable }),
  } });
  const lists = async (): Promise<readonly string[]> => (await a.omemo.prepare([juliet])).recipients.map(({ list }) => list);
  expect(await lists()).toEqual(["unavailable", "unavailable"]);
  expect(await a.trySend(juliet, "for now")).toEqual({ kind: "no-device", retryable: true, report: [] });
  retryable = false;
  expect(await lists()).toEqual(["hidden", "hidden"]);
  expect(await a.trySend(juliet, "for good")).toEqual({ kind: "no-omemo", report: [] });
});

test("a device whose bundle was missing is not asked for again within a minute, and reached after it", async () => {
  const world = new World();
  const a = await world.device(romeo);
  const b = await world.device(juliet);
  const bundle = world.server.bundles.get(`${juliet} ${b.id}`);
  world.server.bundles.delete(`${juliet} ${b.id}`);
  expect((await a.trySend(juliet, "1")).kind).toBe("no-device");
  if (bundle !== undefined) world.server.bundles.set(`${juliet} ${b.id}`, bundle);
  expect((await a.trySend(juliet, "2")).kind).toBe("no-device");
  world.clock.time += 61_000;
  expect((await a.trySend(juliet, "3")).kind).toBe("sealed");
});

test("a device that left the list gets nothing more, but what it sends is still read", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  await a.omemo.onDeviceList(juliet, []);
  expect((await a.trySend(juliet, "gone")).kind).toBe("no-omemo");
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "still here")))).toBe("still here");
});

test("a manual reset builds a new session, and the old one still decrypts what is under way", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const late = await b.send(romeo, "late");
  await a.ledger.run((tx) => a.omemo.resetSession(tx, b.address));
  const fresh = await a.send(juliet, "fresh");
  expect(keyFor(fresh, b.address).kex).toBe(true);
  expect(textOfOutcome(await b.open(romeo, fresh))).toBe("fresh");
  expect(textOfOutcome(await a.open(juliet, late))).toBe("late");
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "new session")))).toBe("new session");
});
