/** What is not answered in time is left out for a minute, as long as the message reaches somebody without it (docs/protocol.md 4.4). Threats L02, R14, T04, T07, Q19. @module */
import { expect, test } from "vitest";
import { signedPreKeyRotationMs } from "../../../src/base/limits.js";
import type { DeviceDirectory } from "../../../src/session/ports.js";
import { juliet, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

/** Romeo's device, the addresses and device ids that get no answer for `ms`, and how often one was waited for since the last call. */
async function impatient(world: World, ms = 30_000, onWait: () => void = () => undefined): Promise<{ readonly a: TestDevice; readonly silent: Set<unknown>; readonly waits: () => number }> {
  const directory = world.server.directoryOf(romeo);
  const silent = new Set<unknown>();
  let count = 0;
  const wait = (): void => {
    count += 1;
    world.clock.time += ms;
    onWait();
  };
  const late: DeviceDirectory = {
    ...directory,
    fetchDeviceList: async (jid, ...more) => {
      if (!silent.has(jid)) return directory.fetchDeviceList(jid, ...more);
      wait();
      return { kind: "unavailable", retryable: true };
    },
    fetchBundles: async (jid, ids, ...more) => {
      if (ids.some((id) => silent.has(id))) wait();
      return (await directory.fetchBundles(jid, ids, ...more)).map((answer, i) => (silent.has(ids[i]) ? { kind: "unavailable", retryable: true } : answer));
    },
  };
  const a = await world.device(romeo, { directory: late });
  return { a, silent, waits: () => { const now = count; count = 0; return now; } };
}

const results = async (from: TestDevice, to = juliet): Promise<readonly string[]> => (await from.trySend(to, "text")).report.map(({ result }) => result);

/** Juliet's two devices; Romeo has a session with the first one, and no answer for the second. */
async function half(world: World, ...how: [ms?: number, onWait?: () => void]): Promise<Awaited<ReturnType<typeof impatient>> & { readonly first: TestDevice; readonly second: TestDevice }> {
  const setting = await impatient(world, ...how);
  const { a, silent } = setting;
  const first = await world.device(juliet);
  await first.open(romeo, await a.send(juliet, "one device yet"));
  const second = await world.device(juliet);
  await a.omemo.onDeviceList(juliet, world.server.lists.get(juliet) ?? []);
  silent.add(second.id);
  return { ...setting, first, second };
}

test("L02 T04 what a server does not answer makes one message wait, not each: for a minute the others reach whom they can, and say whom they do not", async () => {
  const world = new World();
  const { a, silent, waits } = await impatient(world);
  const first = await world.device(juliet);
  silent.add(first.id);
  expect([await results(a), await results(a), waits()]).toEqual([["unavailable"], ["unavailable"], 2]); // nobody would get it: asked each time
  silent.clear();
  expect(await results(a)).toEqual(["encrypted"]);
  const second = await world.device(juliet);
  await a.omemo.onDeviceList(juliet, world.server.lists.get(juliet) ?? []);
  silent.add(second.id);
  expect([await results(a), await results(a), waits()]).toEqual([["encrypted", "unavailable"], ["encrypted", "unavailable"], 1]);
  silent.clear();
  world.clock.time += 60_000;
  expect(await results(a)).toEqual(["encrypted", "encrypted"]);
  silent.add(juliet);
  a.omemo.expireDeviceLists();
  expect([await results(a), await results(a), waits()]).toEqual([["encrypted", "encrypted"], ["encrypted", "encrypted"], 1]);
  world.clock.time += 60_000;
  expect([await results(a), waits()]).toEqual([["encrypted", "encrypted"], 1]);
});

test("T07 a device that the user distrusts is nobody reached: the other one, of which no answer came, is asked for again with the next message", async () => {
  const world = new World();
  const { a, silent, waits, first } = await half(world);
  expect([await results(a), await results(a), waits()]).toEqual([["encrypted", "unavailable"], ["encrypted", "unavailable"], 1]);
  await a.omemo.setTrust(juliet, first.omemo.self.identityKey, "distrusted");
  silent.clear();
  expect(await results(a)).toEqual(["untrusted", "encrypted"]);
});

test("a note to oneself reaches nobody without the other own device: it is asked for with each, and by messages to others once a minute", async () => {
  const world = new World();
  const { a, silent, waits } = await impatient(world);
  await world.device(juliet);
  const other = await world.device(romeo);
  await a.omemo.onDeviceList(romeo, world.server.lists.get(romeo) ?? []);
  silent.add(other.id);
  expect([await results(a), await results(a), waits()]).toEqual([["encrypted", "unavailable"], ["encrypted", "unavailable"], 1]);
  expect([await results(a, romeo), waits()]).toEqual([["unavailable"], 1]);
  silent.clear();
  expect(await results(a, romeo)).toEqual(["encrypted"]);
});

test("Q19 after a stream that began anew what was not answered before is asked for again, and what is missing is not", async () => {
  const world = new World();
  const { a, silent, waits, second } = await half(world);
  const bare = await world.device(juliet);
  world.server.bundles.delete(`${juliet} ${bare.id}`);
  await a.omemo.onDeviceList(juliet, world.server.lists.get(juliet) ?? []);
  expect([await results(a), waits()]).toEqual([["encrypted", "unavailable", "no-bundle"], 1]);
  silent.clear();
  expect([await results(a), waits()]).toEqual([["encrypted", "unavailable", "no-bundle"], 0]);
  a.omemo.expireDeviceLists();
  world.server.log.length = 0;
  expect(await results(a)).toEqual(["encrypted", "encrypted", "no-bundle"]);
  expect(world.server.log.filter((line) => line.startsWith("bundles"))).toEqual([`bundles ${juliet} 1`]);
  expect(second.id).not.toBe(bare.id);
});

test("a new device that writes while the list was not answered has it looked for at once, and gets the answer", async () => {
  const world = new World();
  const { a, silent, waits } = await impatient(world);
  const b = await world.device(juliet);
  await b.open(romeo, await a.send(juliet, "hello"));
  a.omemo.expireDeviceLists();
  silent.add(juliet);
  expect([await results(a), await results(a), waits()]).toEqual([["encrypted"], ["encrypted"], 1]);
  silent.clear();
  const late = await world.device(juliet);
  a.events.length = 0;
  await a.open(juliet, await late.send(romeo, "it is me"));
  expect(a.events).toContainEqual({ kind: "devices-changed", jid: juliet }); // plans made before are forgotten
  const answer = await a.send(juliet, "welcome");
  for (const device of [b, late]) expect(textOfOutcome(await device.open(romeo, answer))).toBe("welcome");
});

test.each([["names no device", false], ["names a distrusted device only", true]])("T04 a list that %s reaches nobody: where the new one was not answered it is asked for with each message", async (_, distrusted) => {
  const world = new World();
  const { a, silent, waits } = await impatient(world);
  await a.omemo.onDeviceList(juliet, []);
  if (distrusted) {
    const lost = await world.device(juliet);
    await a.omemo.onDeviceList(juliet, world.server.lists.get(juliet) ?? []);
    await lost.open(romeo, await a.send(juliet, "hello"));
    await a.omemo.setTrust(juliet, lost.omemo.self.identityKey, "distrusted");
    world.server.lists.delete(juliet);
  }
  const found = await world.device(juliet);
  a.omemo.expireDeviceLists();
  silent.add(juliet);
  await results(a);
  expect(waits()).toBe(1);
  silent.clear();
  expect(textOfOutcome(await found.open(romeo, await a.send(juliet, "hello")))).toBe("hello");
});

test("R14 a session without an answer for a week still reaches its device: no answer for a fresh bundle makes one message wait, not each", async () => {
  const world = new World();
  const { a, silent, waits } = await impatient(world);
  const b = await world.device(juliet);
  await a.send(juliet, "lost");
  world.clock.time += signedPreKeyRotationMs + 1;
  silent.add(b.id);
  expect([await results(a), await results(a), waits()]).toEqual([["encrypted"], ["encrypted"], 1]);
  world.clock.time += 59_999;
  expect([await results(a), waits()]).toEqual([["encrypted"], 0]);
  world.clock.time += 1;
  expect([await results(a), waits()]).toEqual([["encrypted"], 1]);
});

test.each([[4_999, 2, 2], [5_000, 1, 1]])("L02 who fails within %i ms is asked %i times for two messages", async (ms, forBundles, forLists) => {
  const world = new World();
  const { a, silent, waits } = await half(world, ms);
  expect([await results(a), await results(a), waits()]).toEqual([["encrypted", "unavailable"], ["encrypted", "unavailable"], forBundles]);
  silent.clear();
  a.omemo.expireDeviceLists();
  silent.add(juliet);
  expect([await results(a), await results(a), waits()]).toEqual([["encrypted", "encrypted"], ["encrypted", "encrypted"], forLists]);
});

test("Q19 what was not answered because its stream has ended is asked for again on the next one", async () => {
  const world = new World();
  const stream = new AbortController();
  const { a, silent } = await half(world, 30_000, () => { stream.abort(); });
  const planned = async (signal?: AbortSignal): Promise<readonly unknown[]> =>
    (await a.omemo.prepare([juliet], signal)).recipients.flatMap(({ devices }) => devices.map(({ bundle }) => bundle?.kind));
  expect(await planned(stream.signal)).toEqual([undefined, "unavailable"]);
  silent.clear();
  expect(await planned()).toEqual([undefined, "bundle"]);
});
