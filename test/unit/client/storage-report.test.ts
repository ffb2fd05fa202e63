/** What a client says about the medium under its store, and what it does when that has no room (D06, D07). */
import { expect, test } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import { createClient } from "../../../src/client/create-client.js";
import type { ClientEvent } from "../../../src/client/events.js";
import type { Store, StoreCondition } from "../../../src/session/ports.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { quiet } from "../../support/outbox-world.js";

/** A store on a medium with a condition, which a test changes. */
class Medium {
  readonly disk = memoryDisk();
  condition: StoreCondition = { persistence: "unknown", lost: false, full: false };
  /** How often somebody asked for room. */
  asked = 0;
  later: ((condition: StoreCondition) => void) | undefined;

  change(next: Partial<StoreCondition>): void {
    this.condition = { ...this.condition, ...next };
    this.later?.(this.condition);
  }

  store(): Store {
    return Object.assign(memoryStore(this.disk), {
      condition: (later?: (condition: StoreCondition) => void) => {
        this.later = later;
        return Promise.resolve(this.condition);
      },
      hasRoom: () => {
        this.asked += 1;
        return Promise.resolve(!this.condition.full);
      },
    });
  }
}

const open = (store: Store): Promise<SottoClient> => createClient({ account: "romeo@example.org", password: "secret", service: "wss://example.org/ws", store, autoConnect: false });

function listening(client: SottoClient): ClientEvent[] {
  const heard: ClientEvent[] = [];
  client.onEvent((event) => heard.push(event));
  return heard;
}

test("D07 a lost store is told once, to whoever listens first after createClient, and stands in the report", async () => {
  const medium = new Medium();
  medium.change({ lost: true, persistence: "denied" });
  const client = await open(medium.store());
  await quiet();
  const heard = listening(client);
  await quiet();
  expect(heard).toEqual([{ kind: "storage-lost" }]);
  expect(client.storage).toMatchObject({ lost: true, persistence: "denied", full: false });
  const late = listening(client);
  await quiet();
  expect(late).toEqual([]);
  expect(heard).toHaveLength(1);
  await client.close();
});

test("D07 nothing is told when nothing was lost, and a store that cannot tell is unknown", async () => {
  const medium = new Medium();
  for (const store of [medium.store(), memoryStore()]) {
    const client = await open(store);
    const heard = listening(client);
    await quiet();
    expect(heard).toEqual([]);
    expect(client.storage).toEqual({ persistence: "unknown", lost: false, full: false });
    await client.close();
  }
});

test("D07 the browser's answer about persistence comes when it comes", async () => {
  const medium = new Medium();
  const client = await open(medium.store());
  expect(client.storage.persistence).toBe("unknown");
  medium.change({ persistence: "granted" });
  expect(client.storage.persistence).toBe("granted");
  await client.close();
});

test("D06 without room a new message is refused with ERR_STORE_FULL before anything of it is stored; with room it is taken", async () => {
  const medium = new Medium();
  const client = await open(medium.store());
  medium.change({ full: true });
  expect(client.storage.full).toBe(true);
  const rows = new Map(medium.disk.rows);
  const refused = client.conversation("juliet@example.org").send({ text: "too much" });
  await expect(refused.reached("stored")).rejects.toMatchObject({ code: "ERR_STORE_FULL", retryable: true });
  expect(medium.disk.rows).toEqual(rows);
  expect(client.waiting).toBe(0);
  medium.change({ full: false });
  await client.conversation("juliet@example.org").send({ text: "fits" }).reached("stored");
  expect((await client.history()).map(({ text }) => text)).toEqual(["fits"]);
  await client.close();
});

test("D06 after something was deleted the store is asked whether there is room again", async () => {
  const medium = new Medium();
  const client = await open(medium.store());
  medium.change({ full: true });
  for (const remove of [() => client.deleteHistory({ before: 0 }), () => client.conversation("juliet@example.org").deleteHistory()]) {
    const before = medium.asked;
    await remove();
    expect(medium.asked).toBe(before + 1);
  }
  await client.close();
});
