/** A client whose database the browser has deleted: a new device, said so, and none of the old keys (D07). */
import { IDBFactory as FakeFactory, IDBKeyRange as FakeKeyRange } from "fake-indexeddb";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import { createClient } from "../../../src/client/create-client.js";
import type { ClientEvent } from "../../../src/client/events.js";
import { indexedDbStore } from "../../../src/storage/indexeddb.js";
import type { StoreWitness } from "../../../src/storage/store-witness.js";
import { quiet } from "../../support/outbox-world.js";

beforeAll(() => {
  vi.stubGlobal("IDBKeyRange", FakeKeyRange);
});
afterAll(() => {
  vi.unstubAllGlobals();
});

/** A page's localStorage, which stays when the database goes. */
function memoryWitness(): StoreWitness & { readonly notes: Map<string, string> } {
  const notes = new Map<string, string>();
  return {
    notes,
    read: (name) => Promise.resolve(notes.get(name)),
    write: (name, incarnation) => Promise.resolve(void notes.set(name, incarnation)),
    remove: (name) => Promise.resolve(void notes.delete(name)),
  };
}

const gone = (platform: IDBFactory, name: string): Promise<unknown> => new Promise((resolve) => { platform.deleteDatabase(name).onsuccess = resolve; });

test("D07 after an eviction the client is a new device with a new identity, says so once, and holds nothing of the old one", async () => {
  const platform: IDBFactory = new FakeFactory();
  const witness = memoryWitness();
  const open = (): Promise<SottoClient> => createClient({
    account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", autoConnect: false, store: indexedDbStore("s", { platform, witness }),
  });
  const kinds = async (client: SottoClient): Promise<string[]> => {
    const heard: ClientEvent[] = [];
    client.onEvent((event) => heard.push(event));
    await quiet();
    return heard.map(({ kind }) => kind);
  };

  const first = await open();
  expect(await kinds(first)).toEqual([]);
  await first.conversation("juliet@example.org").send({ text: "kept here alone" }).reached("stored");
  const { device } = first;
  await first.close();

  const reopened = await open();
  expect(reopened.device).toEqual(device); // nothing was lost: the same device
  expect(reopened.storage.lost).toBe(false);
  await reopened.close();

  await gone(platform, "s");
  const after = await open();
  expect(await kinds(after)).toEqual(["storage-lost"]);
  expect(after.storage.lost).toBe(true);
  expect(after.device.fingerprint).not.toBe(device.fingerprint);
  expect(after.device.deviceId).not.toBe(device.deviceId);
  expect(await after.history()).toEqual([]);
  await after.close();

  const again = await open();
  expect(await kinds(again)).toEqual([]);
  expect(again.device).toEqual(after.device);
  await again.close();
});

test("D07 a start that ends before anybody asked does not use the news up", async () => {
  const platform: IDBFactory = new FakeFactory();
  const witness = memoryWitness();
  const acquired = async (): Promise<ReturnType<typeof indexedDbStore>> => {
    const store = indexedDbStore("s", { platform, witness });
    await store.acquire();
    return store;
  };
  await (await acquired()).close();
  await gone(platform, "s");
  await (await acquired()).close(); // crashed here, as far as the application knows
  const asked = await acquired();
  expect(await asked.condition?.()).toMatchObject({ lost: true });
  await asked.close();
  const later = await acquired();
  expect(await later.condition?.()).toMatchObject({ lost: false });
  await later.close();
});

test("D07 a database of another incarnation than the one witnessed is a loss, too", async () => {
  const platform: IDBFactory = new FakeFactory();
  const witness = memoryWitness();
  witness.notes.set("s", "an earlier one");
  const store = indexedDbStore("s", { platform, witness });
  await store.acquire();
  expect(await store.condition?.()).toMatchObject({ lost: true });
  await store.destroy();
  expect(witness.notes.size).toBe(0);
});
