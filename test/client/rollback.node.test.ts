/** A store that has gone back in time, on a real server. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { ClientEvent, SottoClient } from "../../src/index.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../src/storage/memory.js";
import { type Stage, stage } from "../support/prosody.js";
import { take } from "../support/take.js";

let verona: Stage;
beforeAll(async () => { verona = await stage(); });
afterAll(() => verona.end());

const soon = (): AbortSignal => AbortSignal.timeout(20_000);
const copyOf = (disk: MemoryDisk): MemoryDisk => ({ ...disk, rows: new Map(disk.rows) });

function rollbacks(client: SottoClient): Extract<ClientEvent, { kind: "rolled-back" }>[] {
  const seen: Extract<ClientEvent, { kind: "rolled-back" }>[] = [];
  client.onEvent((event) => { if (event.kind === "rolled-back") seen.push(event); });
  return seen;
}

/** Romeo talks to Juliet from a disk of which a copy is taken in the middle. */
async function story(): Promise<{ romeo: string; juliet: SottoClient; disk: MemoryDisk; backup: MemoryDisk; deviceId: number; heard: AsyncIterableIterator<{ text: string }> }> {
  const romeo = await verona.account("romeo");
  const account = await verona.account("juliet");
  const juliet = await verona.client(account);
  const disk = memoryDisk();
  const first = await verona.client(romeo, { store: memoryStore(disk) });
  await Promise.all([first.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
  const heard = juliet.messages({ signal: AbortSignal.timeout(60_000) });
  await first.conversation(account).send({ text: "before the copy" }).reached("sent", { signal: soon() });
  const backup = copyOf(disk);
  for (const text of ["after the copy", "and more"]) await first.conversation(account).send({ text }).reached("sent", { signal: soon() });
  await take(heard, 3);
  const { deviceId } = first.device;
  await first.close();
  return { romeo, juliet, disk, backup, deviceId, heard };
}

describe("R21", () => {
  test("a restored copy is noticed by the archive before anything is encrypted, and goes on as a new device", async () => {
    const { romeo, juliet, backup, deviceId, heard } = await story();
    const restored = await verona.client(romeo, { store: memoryStore(backup), autoConnect: false });
    const seen = rollbacks(restored);
    const handle = restored.conversation(juliet.device.jid).send({ text: "from the restored copy" });
    restored.connect();
    await handle.reached("sent", { signal: soon() });
    expect(seen).toEqual([{ kind: "rolled-back", formerDeviceId: deviceId, deviceId: restored.device.deviceId }]);
    expect(restored.device.deviceId).not.toBe(deviceId);
    expect((await take(heard, 1))[0]?.text).toBe("from the restored copy");
    const devices = await restored.devices(romeo);
    expect(devices.filter(({ active }) => active).map(({ device }) => device.deviceId)).toEqual([restored.device.deviceId]);
  });

  test("a restored copy from before the last opening is noticed by the witness", async () => {
    const romeo = await verona.account("romeo");
    const disk = memoryDisk();
    const first = await verona.client(romeo, { store: memoryStore(disk) });
    await first.ready({ signal: soon() });
    await first.close();
    const backup = copyOf(disk);
    const second = await verona.client(romeo, { store: memoryStore(disk) });
    await second.ready({ signal: soon() });
    await second.close();
    const restored = await verona.client(romeo, { store: memoryStore(backup), autoConnect: false });
    const seen = rollbacks(restored);
    restored.connect();
    await restored.ready({ signal: soon() });
    expect(seen).toHaveLength(1);
  });

  test("an application that wants to decide for itself gets a typed stop, and nothing was encrypted", async () => {
    const { romeo, juliet, backup } = await story();
    const restored = await verona.client(romeo, { store: memoryStore(backup), autoConnect: false, onRollback: "stop" });
    const handle = restored.conversation(juliet.device.jid).send({ text: "not yet" });
    restored.connect();
    await expect(restored.ready({ signal: soon() })).rejects.toMatchObject({ code: "ERR_STORE_ROLLED_BACK" });
    expect(handle.getSnapshot().state).toBe("stored");
  });

  test("stays stopped, whoever tries again and how, until the application opens it with renew: then it is told and goes on as a new device", async () => {
    const { romeo, juliet, backup, deviceId, heard } = await story();
    for (const tries of [2, 1]) {
      const stopped = await verona.client(romeo, { store: memoryStore(backup), autoConnect: false, onRollback: "stop" });
      for (let i = 0; i < tries; i++) {
        stopped.connect();
        await expect(stopped.ready({ signal: soon() })).rejects.toMatchObject({ code: "ERR_STORE_ROLLED_BACK" });
      }
      await stopped.close();
    }
    const restored = await verona.client(romeo, { store: memoryStore(backup), autoConnect: false });
    const seen = rollbacks(restored);
    restored.connect();
    await restored.conversation(juliet.device.jid).send({ text: "decided" }).reached("sent", { signal: soon() });
    expect(seen).toEqual([{ kind: "rolled-back", formerDeviceId: deviceId, deviceId: restored.device.deviceId }]);
    expect((await take(heard, 1))[0]?.text).toBe("decided");
  });

  test("what waits in the copy and was sent by the lost state is not sent again", async () => {
    const romeo = await verona.account("romeo");
    const account = await verona.account("juliet");
    const juliet = await verona.client(account);
    const disk = memoryDisk();
    const first = await verona.client(romeo, { store: memoryStore(disk) });
    await Promise.all([first.ready({ signal: soon() }), juliet.ready({ signal: soon() })]);
    const heard = juliet.messages({ signal: AbortSignal.timeout(60_000) });
    await first.conversation(account).send({ text: "one" }).reached("sent", { signal: soon() });
    await first.disconnect();
    await first.conversation(account).send({ text: "two" }).reached("stored", { signal: soon() });
    const backup = copyOf(disk);
    first.connect();
    expect((await take(heard, 2)).map(({ text }) => text)).toEqual(["one", "two"]);
    await first.close();
    const restored = await verona.client(romeo, { store: memoryStore(backup), autoConnect: false });
    const seen = rollbacks(restored);
    restored.connect();
    await restored.ready({ signal: soon() });
    await expect.poll(() => restored.waiting, { timeout: 20_000 }).toBe(0);
    await restored.conversation(account).send({ text: "three" }).reached("sent", { signal: soon() });
    expect((await take(heard, 1))[0]?.text).toBe("three");
    expect(seen).toHaveLength(1);
  });

  test("D11 a store that says itself that commits are missing is believed, once", async () => {
    const romeo = await verona.account("romeo");
    const disk = memoryDisk();
    const first = await verona.client(romeo, { store: memoryStore(disk) });
    await first.ready({ signal: soon() });
    const { deviceId } = first.device;
    await first.close();
    disk.history = "another line of commits";
    const second = await verona.client(romeo, { store: memoryStore(disk), autoConnect: false });
    const seen = rollbacks(second);
    second.connect();
    await second.ready({ signal: soon() });
    expect(seen).toEqual([{ kind: "rolled-back", formerDeviceId: deviceId, deviceId: second.device.deviceId }]);
    await second.close();
    const third = await verona.client(romeo, { store: memoryStore(disk), autoConnect: false });
    const seenAgain = rollbacks(third);
    third.connect();
    await third.ready({ signal: soon() });
    expect(seenAgain).toEqual([]);
  });

  test("a store that is simply opened again is no rollback", async () => {
    const { romeo, juliet, disk, deviceId, heard } = await story();
    const again = await verona.client(romeo, { store: memoryStore(disk), autoConnect: false });
    const seen = rollbacks(again);
    again.connect();
    await again.conversation(juliet.device.jid).send({ text: "the same device" }).reached("sent", { signal: soon() });
    expect((await take(heard, 1))[0]?.text).toBe("the same device");
    expect(seen).toEqual([]);
    expect(again.device.deviceId).toBe(deviceId);
  });
});
