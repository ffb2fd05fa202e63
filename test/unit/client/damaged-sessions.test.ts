/** D13: a row about devices, keys or ids cannot be read that whoever connects, sends or receives runs into: what it costs, and how it heals. */
import { expect, onTestFinished, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import type { SottoClient } from "../../../src/client/client.js";
import { createClientWith } from "../../../src/client/create-client.js";
import type { StoreKey } from "../../../src/session/ports.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { Life } from "../../simulation/life.js";
import { damaging } from "../../support/damaged-store.js";
import { type FacadeWorld, juliet, romeo, testWorld } from "../../support/facade-world.js";

const ways = ["store", "record"] as const;

/** Romeo's client over `disk`, online. */
async function open(world: FacadeWorld, disk = world.disk, bad: Set<string> = new Set()): Promise<SottoClient> {
  const client = await createClientWith(
    { account: romeo, password: "secret", service: "wss://verona.example/ws", store: damaging(memoryStore(disk), bad) }, world.network(romeo, new Life()),
  );
  onTestFinished(() => client.close());
  await client.ready();
  return client;
}

/** What is stored under the first key that begins with `prefix` cannot be read when the client starts again. */
async function reopened(world: FacadeWorld, prefix: string, way: (typeof ways)[number]): Promise<SottoClient> {
  const key = [...world.disk.rows.keys()].find((each) => each.startsWith(prefix)) as StoreKey;
  if (way === "record") world.disk.rows.set(key, utf8("?"));
  return open(world, world.disk, new Set(way === "store" ? [key] : []));
}

const rows = ["omemo/2/device/juliet", "omemo/2/device/romeo", "omemo/2/list/juliet", "omemo/2/list/romeo"];

/** What stands in the log, in its order; a message that nothing could be read of as its reason. */
const texts = async (client: SottoClient): Promise<readonly string[]> => (await client.history()).map(({ text, unreadable }) => unreadable ?? text);

test.each(rows.flatMap((prefix) => ways.map((way) => [prefix, way] as const)))("D13 T04 a row under %s that cannot be read holds back no message to anybody (%s)", async (prefix, way) => {
  const world = testWorld();
  const second = await open(world, memoryDisk()); // another device of romeo's
  const first = await open(world);
  await world.other(juliet);
  await first.conversation(juliet).send({ text: "1" }).reached("delivered");
  await first.close();
  const client = await reopened(world, prefix, way);
  const handle = client.conversation(juliet).send({ text: "2" });
  await handle.reached("delivered");
  expect(handle.getSnapshot().report.map(({ device: { jid }, result }) => `${jid} ${result}`).sort()).toEqual([`${juliet} encrypted`, `${romeo} encrypted`]);
  await expect.poll(() => texts(second)).toEqual(["1", "2"]);
});

test.each(rows.filter((prefix) => !prefix.endsWith("device/romeo")).flatMap((prefix) => ways.map((way) => [prefix, way] as const)))("D13 R22 a row under %s that cannot be read costs at most the messages that were under way, also where nothing is sent (%s)", async (prefix, way) => {
  const world = testWorld();
  const first = await open(world);
  const other = await world.other(juliet);
  await first.conversation(juliet).send({ text: "0" }).reached("delivered");
  // Behind the receipt comes an empty message, which ends the key exchange. Were it under way as well, it would have the session mended before "2".
  await expect.poll(() => world.server.accounts.get(romeo)?.archive.length).toBe(3);
  await first.conversation(juliet).send({ text: "1" }).reached("delivered");
  await first.close();
  const client = await reopened(world, prefix, way);
  await other.conversation(romeo).send({ text: "2" }).reached("sent");
  await expect.poll(async () => (await texts(client)).length).toBe(3);
  await expect.poll(async () => {
    await other.conversation(romeo).send({ text: "3" }).reached("sent");
    return (await texts(client)).at(-1);
  }).toBe("3");
  expect((await texts(client)).slice(0, 3)).toEqual(["0", "1", prefix.includes("list") ? "2" : "ERR_SESSION_NONE"]);
});

test.each(ways)("D13 R22 resetSession() begins anew where the session cannot be read (%s)", async (way) => {
  const world = testWorld();
  const first = await open(world);
  const other = await world.other(juliet);
  await first.conversation(juliet).send({ text: "1" }).reached("delivered");
  await first.close();
  const client = await reopened(world, "omemo/2/device/juliet", way);
  await client.resetSession(juliet, other.device.deviceId);
  const handle = client.conversation(juliet).send({ text: "2" });
  await handle.reached("delivered");
  expect(handle.getSnapshot().obstacle).toBeUndefined();
});

const needed = ["client/own/", "client/taken/", "omemo/2/list/romeo", "omemo/trust/romeo", "omemo/owner/juliet"];

test.each(needed.flatMap((prefix) => ways.map((way) => [prefix, way] as const)))("D13 a client gets online, sends and receives although a row under %s cannot be read (%s)", async (prefix, way) => {
  const world = testWorld();
  await open(world, memoryDisk()); // another device of romeo's
  const first = await open(world);
  const other = await world.other(juliet);
  await first.conversation(juliet).send({ text: "1" }).reached("delivered");
  await first.close();
  const client = await reopened(world, prefix, way);
  await client.conversation(juliet).send({ text: "2" }).reached("delivered");
  await other.conversation(romeo).send({ text: "3" }).reached("delivered");
  expect(await texts(client)).toEqual(["1", "2", "3"]);
});

test.each(ways)("D13 T01 a key of which nobody can read what was decided about it gets nothing until somebody decides anew (%s)", async (way) => {
  const world = testWorld();
  const first = await open(world);
  const other = await world.other(juliet);
  await first.conversation(juliet).send({ text: "1" }).reached("delivered");
  const [device] = await first.devices(juliet);
  await first.close();
  const client = await reopened(world, "omemo/trust/juliet", way);
  await expect(client.conversation(juliet).send({ text: "2" }).reached("sent")).rejects.toMatchObject({ code: "ERR_NO_TRUSTED_DEVICE" });
  expect((await client.devices(juliet)).map(({ trust }) => trust)).toEqual(["undecided"]);
  await client.setTrust(juliet, device!.identityKey!, "authenticated");
  await client.conversation(juliet).send({ text: "3" }).reached("delivered");
  expect(await texts(other)).toEqual(["1", "3"]);
});

test.each(ways)("D13 T01 new keys of somebody of whom nobody can read whether one was authenticated wait for a decision, as if one was (%s)", async (way) => {
  const world = testWorld();
  const first = await open(world);
  const other = await world.other(juliet);
  await first.conversation(juliet).send({ text: "1" }).reached("delivered");
  const [known] = await first.devices(juliet);
  await first.setTrust(juliet, known!.identityKey!, "authenticated");
  await first.close();
  const added = await world.other(juliet);
  const client = await reopened(world, "omemo/owner/juliet", way);
  await client.conversation(juliet).send({ text: "2" }).reached("delivered");
  const trust = new Map<number, unknown>((await client.devices(juliet)).map((each) => [each.device.deviceId, each.trust]));
  expect([trust.get(other.device.deviceId), trust.get(added.device.deviceId)]).toEqual(["authenticated", "undecided"]);
});

test.each(["omemo/2/device/juliet", "client/own/"].flatMap((prefix) => ways.map((way) => [prefix, way] as const)))("D13 R21 an old copy of the store of which a row under %s cannot be read is replaced all the same (%s)", async (prefix, way) => {
  const world = testWorld();
  const first = await open(world);
  await world.other(juliet);
  await first.conversation(juliet).send({ text: "1" }).reached("delivered");
  const { deviceId } = first.device;
  await first.close();
  const old = new Map(world.disk.rows);
  await (await open(world)).close(); // and goes on
  world.disk.rows.clear();
  for (const [key, value] of old) world.disk.rows.set(key, value);
  const client = await reopened(world, prefix, way);
  expect(client.device.deviceId).not.toBe(deviceId);
  await client.conversation(juliet).send({ text: "2" }).reached("delivered");
});
