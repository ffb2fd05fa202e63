/** Worker mode: a worker that does not start, a caller who loses patience, freezes, and questions that only pages can ask. */
import { afterEach, describe, expect, test } from "vitest";
import { workerFreezeHoldMs, workerStartMsMax } from "../../../src/base/limits.js";
import type { Client } from "../../../src/client/surface.js";
import type { Store, StoreCondition } from "../../../src/session/ports.js";
import { StorageError } from "../../../src/storage/errors.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { openHost } from "../../../src/tabs/host.js";
import { openShared } from "../../../src/tabs/shared-client.js";
import { createWorkerClient, type WorkerClientOptions } from "../../../src/tabs/worker-client.js";
import { join, names } from "../../support/hub-stage.js";
import { TabWorld } from "../../support/tab-world.js";
import { pageOptions, StagedWorker } from "../../support/worker-stage.js";

const clients: Client[] = [];
afterEach(async () => { for (const client of clients.splice(0)) await client.close(); });

async function opened(options: WorkerClientOptions): Promise<Client> {
  const client = await createWorkerClient(options);
  clients.push(client);
  return client;
}

/** How it ended, as soon as it has. */
function outcome(promise: Promise<unknown>): { code: string; cause?: unknown } {
  const said = { code: "pending" };
  promise.then(() => { said.code = "resolved"; }, (error: unknown) => { Object.assign(said, { code: (error as { readonly code: string }).code, cause: (error as Error).cause }); });
  return said;
}

/** Messages of ports come in turns of their own. */
const turns = async (): Promise<void> => { for (let n = 0; n < 20; n++) await new Promise((resolve) => { setTimeout(resolve, 0); }); };

describe("a worker that gives no answer", () => {
  test("has half a minute, then it counts as lost, and nothing is left of the wait", async () => {
    const [world, worker] = [new TabWorld(), new StagedWorker()];
    const said = outcome(createWorkerClient(pageOptions(world, worker)));
    await world.advance(workerStartMsMax - 1);
    expect([said.code, worker.listeners]).toEqual(["pending", 1]);
    await world.advance(1);
    expect([said.code, worker.listeners, world.timers]).toEqual(["ERR_WORKER_LOST", 0, 0]);
  });

  test("and begins after all is ended: its tab does not stay among the tabs", async () => {
    const [world, worker] = [new TabWorld(), new StagedWorker()];
    const said = outcome(createWorkerClient(pageOptions(world, worker)));
    await world.advance(workerStartMsMax);
    expect(said.code).toBe("ERR_WORKER_LOST");
    const tab = world.open();
    worker.serve(tab, undefined, true);
    await world.settle();
    expect(world.holder(names.account)).toBe(tab);
    await expect.poll(() => world.holder(names.account)).toBe(undefined);
  });

  test("because its script failed is lost at once", async () => {
    const [world, worker] = [new TabWorld(), new StagedWorker()];
    const said = outcome(createWorkerClient(pageOptions(world, worker)));
    worker.fail();
    await world.settle();
    expect([said.code, worker.listeners, world.timers]).toEqual(["ERR_WORKER_LOST", 0, 0]);
  });
});

describe("a worker's client that ends says why, though the lock of its tab is quicker than a port, and its tab leaves", () => {
  const locksOf = async (world: TabWorld): Promise<unknown> => (await world.open().platform.locks.query()).held;

  test("at its start", async () => {
    const [world, worker] = [new TabWorld(), new StagedWorker()];
    worker.serve(world.open(), () => { throw new StorageError("ERR_STORE_CORRUPT", "torn"); });
    await expect(createWorkerClient(pageOptions(world, worker))).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
    await expect.poll(() => locksOf(world)).toEqual([]);
  });

  test("D10 when somebody else takes its store over", async () => {
    const [world, worker, disk] = [new TabWorld(), new StagedWorker(), memoryDisk()];
    worker.serve(world.open(), () => memoryStore(disk));
    const client = await opened(pageOptions(world, worker));
    await memoryStore(disk).acquire();
    await expect(client.conversation("juliet@verona.example").send({ text: "too late" }).reached("stored")).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await expect.poll(() => locksOf(world)).toEqual([]);
    await turns();
    expect(client.status.getSnapshot()).toMatchObject({ kind: "stopped", error: { code: "ERR_STORE_FENCED" } });
  });
});

describe("a caller who loses patience", () => {
  test("with a worker that does not start", async () => {
    const [world, worker, patience] = [new TabWorld(), new StagedWorker(), new AbortController()];
    const said = outcome(createWorkerClient({ ...pageOptions(world, worker), signal: patience.signal }));
    await world.settle();
    expect(said.code).toBe("pending");
    patience.abort("enough");
    await world.settle();
    expect([said.code, said.cause, worker.listeners, world.timers]).toEqual(["ERR_ABORTED", "enough", 0, 0]);
    await expect(createWorkerClient({ ...pageOptions(world, worker), signal: patience.signal })).rejects.toMatchObject({ name: "UsageError", code: "ERR_ABORTED" });
  });

  test("in a hidden page beside a frozen leader: its worker leaves the tabs", async () => {
    const [world, worker, patience] = [new TabWorld(), new StagedWorker(), new AbortController()];
    const leader = await join(world);
    leader.tab.freeze();
    worker.serve(world.open());
    const said = outcome(createWorkerClient({ ...pageOptions(world, worker, { visible: false }), signal: patience.signal }));
    await turns();
    await world.advance(60_000);
    expect(said.code).toBe("pending");
    patience.abort();
    await world.settle();
    expect(said.code).toBe("ERR_ABORTED");
    await turns();
    leader.tab.kill();
    await turns();
    expect(world.holder(names.account)).toBe(undefined);
  });

  test("with a shared client in a hidden tab beside a frozen leader: the tab leaves", async () => {
    const [world, patience] = [new TabWorld(), new AbortController()];
    const leader = await join(world);
    leader.tab.freeze();
    const options = { account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", store: () => memoryStore() };
    const open = (): Promise<never> => Promise.reject(new Error("must not lead"));
    const said = outcome(openShared({ ...options, platform: world.open({ visible: false }).platform, signal: patience.signal }, open));
    await world.advance(60_000);
    expect(said.code).toBe("pending");
    patience.abort("enough");
    await world.settle();
    expect([said.code, said.cause]).toEqual(["ERR_ABORTED", "enough"]);
    leader.tab.kill();
    await world.settle();
    expect(world.holder(names.account)).toBe(undefined);
    await expect(openShared({ ...options, platform: world.open().platform, signal: patience.signal }, open)).rejects.toMatchObject({ name: "UsageError", code: "ERR_ABORTED" });
    expect(world.holder(names.account)).toBe(undefined);
  });
});

test("D10 a page that is frozen tells its worker, and keeps its thread until that had its turn; then that it runs again; once closed, nothing", async () => {
  const [world, worker] = [new TabWorld(), new StagedWorker()];
  worker.serve(world.open());
  const options = pageOptions(world, worker);
  const client = await opened(options);
  const { lifecycle } = options.platform;
  lifecycle.dispatchEvent(new Event("freeze"));
  lifecycle.dispatchEvent(new Event("resume"));
  const all = ["worker: freeze", `page: holds ${workerFreezeHoldMs.toString()}`, "worker: resume"];
  expect(worker.notes).toEqual(all);
  await client.close();
  lifecycle.dispatchEvent(new Event("freeze"));
  expect(worker.notes).toEqual(all);
});

describe("D07 whether the browser may delete the worker's store", () => {
  const authority = (granted: boolean): { asked: number; persist: () => Promise<boolean> } => {
    const self = { asked: 0, persist: () => { self.asked += 1; return Promise.resolve(granted); } };
    return self;
  };
  /** A store that knows its medium, and cannot ask for anything. */
  const store = (persistence: StoreCondition["persistence"] = "unknown"): Store => Object.assign(memoryStore(), {
    condition: () => Promise.resolve({ persistence, lost: false, full: false }),
  });

  test.each([[true, "granted"], [false, "denied"]] as const)("is asked in the page, once, and the client tells the answer %s", async (granted, answer) => {
    const [world, worker, browser] = [new TabWorld(), new StagedWorker(), authority(granted)];
    worker.serve(world.open(), () => store());
    const client = await opened(pageOptions(world, worker, { authority: browser }));
    await expect.poll(() => client.storage.persistence).toBe(answer);
    expect(client.storage).toMatchObject({ lost: false, full: false });
    expect(browser.asked).toBe(1);
  });

  test("is not asked if the application says so, nor for a store that knows no medium, nor by a worker that follows", async () => {
    const world = new TabWorld();
    const browsers = [authority(true), authority(true), authority(true)];
    const [first, second, third] = [new StagedWorker(), new StagedWorker(), new StagedWorker()];
    first.serve(world.open(), () => store());
    second.serve(world.open(), () => store());
    third.serve(world.open());
    const [one, two] = [
      await opened({ ...pageOptions(world, first, { authority: browsers[0] as typeof browsers[0] }), persist: false }),
      await opened(pageOptions(world, second, { authority: browsers[1] as typeof browsers[0] })),
    ];
    await opened({ ...pageOptions(world, third, { authority: browsers[2] as typeof browsers[0] }), account: "juliet@verona.example" });
    await turns();
    expect(browsers.map(({ asked }) => asked)).toEqual([0, 0, 0]);
    expect([one.storage.persistence, two.storage.persistence]).toEqual(["unknown", "unknown"]);
  });

  test("a store that was promised it before knows better than the page", async () => {
    const [world, worker] = [new TabWorld(), new StagedWorker()];
    worker.serve(world.open(), () => store("granted"));
    const client = await opened(pageOptions(world, worker, { authority: authority(false) }));
    await turns();
    expect(client.storage.persistence).toBe("granted");
  });
});

test("the store is opened for the prepared address, in a page and in its worker: however it is typed, it is one place", async () => {
  const accounts: string[] = [];
  const store = (account: string): Store => {
    accounts.push(account);
    return memoryStore();
  };
  const [world, worker] = [new TabWorld(), new StagedWorker()];
  worker.serve(world.open(), store);
  await opened({ ...pageOptions(world, worker), account: "Romeo@Verona.example" });
  const { platform } = new TabWorld().open();
  clients.push(await openShared({ account: "ROMEO@verona.example", password: "secret", service: "wss://verona.example/ws", autoConnect: false, store, platform }, openHost));
  expect(accounts).toEqual(["romeo@verona.example", "romeo@verona.example"]);
});
