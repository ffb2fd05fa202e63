/** The IndexedDB store in a page whose browser is driven from outside: quotas, evictions, other tabs, workers. Chromium does these things itself. */
import type { BrowserContext, CDPSession, Page } from "playwright";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { indexedDbStore, IndexedDbOptions } from "../../../src/storage/indexeddb.js";
import { startBrowserStage, type BrowserStage } from "../../support/browser-stage.js";

/** What the page's module puts on `globalThis`; strings for keys and values, and codes for errors. */
interface Stage {
  indexedDbStore: typeof indexedDbStore;
  open: (name: string, options?: IndexedDbOptions) => Promise<{ acquired: string; condition?: unknown }>;
  put: (key: string, value: string | number) => Promise<string>;
  remove: (keys: readonly string[]) => Promise<string>;
  read: (key: string) => Promise<string>;
  count: (prefix: string) => Promise<number>;
  fill: (bytes: number) => Promise<number>;
  hasRoom: () => Promise<boolean | undefined>;
  close: () => Promise<void>;
  inWorker: (name: string) => Promise<unknown>;
}
declare const stage: Stage;

const shared = `
  import { indexedDbStore } from "sotto/storage/indexeddb";
  let store, fence;
  const said = (error) => error.code + (error.details?.reason ? " " + error.details.reason : "");
  const noise = (bytes) => {
    const all = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(all.subarray(at, Math.min(bytes, at + 65536)));
    return all;
  };
  const commit = (changes) => store.commit(changes, fence).then(() => "done", said);
  const stage = {
    indexedDbStore,
    async open(name, options) {
      store = indexedDbStore(name, options);
      const acquired = await store.acquire().then((won) => { fence = won; return "done"; }, said);
      return acquired === "done" ? { acquired, condition: await store.condition() } : { acquired };
    },
    put: (key, value) => commit([{ kind: "put", key, value: typeof value === "number" ? noise(value) : new TextEncoder().encode(value) }]),
    remove: (keys) => commit(keys.map((key) => ({ kind: "delete", key }))),
    read: (key) => store.get(key).then((value) => value === undefined ? "nothing" : new TextDecoder().decode(value), said),
    count: async (prefix) => (await store.list({ prefix })).length,
    async fill(bytes) {
      for (let n = 0; ; n++) {
        const outcome = await stage.put("client/log/" + n, bytes);
        if (outcome !== "done") return outcome === "ERR_STORE_FULL" ? n : Promise.reject(new Error(outcome));
      }
    },
    hasRoom: () => store.hasRoom(),
    close: () => store.close(),
    inWorker: (name) => new Promise((resolve, reject) => {
      const worker = new Worker("/worker.js", { type: "module" });
      worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
      worker.onerror = (event) => { reject(new Error(event.message)); };
      worker.postMessage(name);
    }),
  };
`;

let server: BrowserStage;
let context: BrowserContext;
let page: Page;
let devtools: CDPSession;

beforeAll(async () => {
  server = await startBrowserStage({
    entry: `${shared} globalThis.stage = stage;`,
    modules: {
      "worker.js": `${shared}
        self.onmessage = async ({ data: name }) => {
          const opened = await stage.open(name);
          const before = await stage.read("a");
          const put = await stage.put("a", "from the worker");
          await stage.close();
          self.postMessage({ ...opened, before, put });
        };`,
    },
  });
});
afterAll(async () => {
  await server.close();
});
beforeEach(async () => {
  context = await server.newContext();
  page = await context.newPage();
  await page.goto(server.url);
  devtools = await context.newCDPSession(page);
});
afterEach(async () => {
  await context.close();
});

const reload = async (): Promise<void> => {
  await page.reload();
};
/** As the browser evicts: open connections are closed, and the data is gone. */
const evict = async (...kinds: readonly string[]): Promise<void> => {
  await devtools.send("Storage.clearDataForOrigin", { origin: server.origin, storageTypes: kinds.join(",") });
};

const kib = 1024;
const full = "ERR_STORE_FULL";

describe("IndexedDB store: quota", () => {
  beforeEach(async () => {
    // Before the database is opened: Chromium remembers for a while how much was left.
    await devtools.send("Storage.overrideQuotaForOrigin", { origin: server.origin, quotaSize: 6 * 1024 * kib });
  });

  test("D06 a real quota ends in ERR_STORE_FULL for bulk; all that was acknowledged is there, and key state is stored from the reserve", async () => {
    expect(await page.evaluate(() => stage.open("full"))).toMatchObject({ acquired: "done", condition: { full: false, lost: false } });
    const rows = await page.evaluate((bytes) => stage.fill(bytes), 100 * kib);
    expect(rows).toBeGreaterThan(30);
    expect(await page.evaluate(() => stage.count("client/log/"))).toBe(rows);
    expect(await page.evaluate((n) => stage.read(`client/log/${n.toString()}`), rows)).toBe("nothing");
    const vital = await page.evaluate(async () => {
      const outcomes: string[] = [];
      for (let n = 0; n < 50; n++) outcomes.push(await stage.put(`omemo/2/device/${n.toString()}`, 3_000));
      return outcomes;
    });
    expect(new Set(vital)).toEqual(new Set(["done"]));
    expect(await page.evaluate((bytes) => stage.put("client/log/late", bytes), 100 * kib)).toBe(full);
    expect(await page.evaluate(() => stage.hasRoom())).toBe(false);
  });

  test("D06 a full store is opened again after a reload, read and deleted from, and takes bulk once there is room", async () => {
    await page.evaluate(() => stage.open("full"));
    const rows = await page.evaluate((bytes) => stage.fill(bytes), 100 * kib);
    expect(await page.evaluate((bytes) => stage.put("omemo/2/device/1", bytes), 100 * kib)).toBe("done");
    await reload();
    expect(await page.evaluate(() => stage.open("full"))).toMatchObject({ acquired: "done", condition: { full: true, lost: false } });
    expect(await page.evaluate(() => stage.count(""))).toBe(rows + 1);
    expect(await page.evaluate(() => stage.put("omemo/2/device/2", 3_000))).toBe("done");
    expect(await page.evaluate((n) => stage.remove(Array.from({ length: n }, (_, at) => `client/log/${at.toString()}`)), rows)).toBe("done");
    await expect.poll(() => page.evaluate(() => stage.hasRoom()), { timeout: 30_000 }).toBe(true);
    expect(await page.evaluate((bytes) => stage.put("client/log/late", bytes), 100 * kib)).toBe("done");
  });
});

describe("IndexedDB store: eviction", () => {
  const begin = async (): Promise<void> => {
    expect(await page.evaluate(() => stage.open("s"))).toMatchObject({ acquired: "done", condition: { lost: false } });
    expect(await page.evaluate(() => stage.put("a", "1"))).toBe("done");
  };

  test("D07 everything that has a quota is evicted and localStorage stays: the next start says so, once", async () => {
    await begin();
    await evict("indexeddb", "cache_storage", "file_systems", "service_workers");
    await reload();
    expect(await page.evaluate(() => stage.open("s"))).toMatchObject({ acquired: "done", condition: { lost: true } });
    expect(await page.evaluate(() => stage.read("a"))).toBe("nothing");
    await reload();
    expect(await page.evaluate(() => stage.open("s"))).toMatchObject({ condition: { lost: false } });
  });

  test("D07 localStorage is cleared and the database stays: nothing is lost, and a later eviction is recognised again", async () => {
    await begin();
    await evict("local_storage");
    await reload();
    expect(await page.evaluate(() => stage.open("s"))).toMatchObject({ acquired: "done", condition: { lost: false } });
    expect(await page.evaluate(() => stage.read("a"))).toBe("1");
    await evict("indexeddb");
    await reload();
    expect(await page.evaluate(() => stage.open("s"))).toMatchObject({ condition: { lost: true } });
  });

  test("D07 everything is evicted: that cannot be told from a new store, and is documented so", async () => {
    await begin();
    await evict("all");
    await reload();
    expect(await page.evaluate(() => stage.open("s"))).toMatchObject({ acquired: "done", condition: { lost: false } });
  });

  test("D07 a store that is evicted while it is open gives neither an empty database for the old one nor a commit into a new one", async () => {
    await begin();
    await evict("indexeddb");
    expect(await page.evaluate(() => stage.read("a"))).toBe("ERR_STORE_UNAVAILABLE evicted");
    expect(await page.evaluate(() => stage.put("a", "2"))).toBe("ERR_STORE_UNAVAILABLE evicted");
    expect(await page.evaluate(async () => (await indexedDB.databases()).length)).toBe(0);
    expect(await page.evaluate(() => stage.open("s"))).toMatchObject({ acquired: "done", condition: { lost: true } });
  });

  test("D07 in a worker the loss of the database is recognised, too", async () => {
    expect(await page.evaluate(() => stage.inWorker("w"))).toMatchObject({ acquired: "done", condition: { lost: false } });
    await evict("indexeddb");
    expect(await page.evaluate(() => stage.inWorker("w"))).toMatchObject({ acquired: "done", condition: { lost: true }, before: "nothing" });
  });

  test("D07 what is destroyed on purpose is not lost", async () => {
    await begin();
    await page.evaluate(async () => { await stage.indexedDbStore("s").destroy(); });
    expect(await page.evaluate(() => stage.open("s"))).toMatchObject({ condition: { lost: false } });
  });
});

describe("IndexedDB store: where it may and may not be", () => {
  test("D08 a private window has a store that works, and says that nobody has promised to keep it", async () => {
    await page.evaluate(() => stage.open("s"));
    await expect.poll(() => page.evaluate(() => stage.open("s"))).toMatchObject({ acquired: "done", condition: { persistence: "denied" } });
  });

  test("D08 where storage is forbidden the first call is a rejection with ERR_STORE_UNAVAILABLE, and nothing goes on in memory", async () => {
    await page.setContent(`<iframe sandbox="allow-scripts" src="${server.url}"></iframe>`); // an origin of its own, without any storage
    const frame = await (await page.waitForSelector("iframe")).contentFrame();
    await frame?.waitForFunction(() => "stage" in globalThis);
    expect(await frame?.evaluate(() => stage.open("s"))).toEqual({ acquired: "ERR_STORE_UNAVAILABLE forbidden" });
    expect(await frame?.evaluate(() => stage.read("a"))).toBe("ERR_STORE_UNAVAILABLE forbidden");
  });

  test("D08 an older tab that does not let go blocks an upgrade: a typed state at once, and it works after that tab is gone", async () => {
    const older = await context.newPage();
    await older.goto(server.url);
    await older.evaluate(async () => {
      await stage.open("s");
      await stage.put("a", "1");
      await stage.close();
      await new Promise((resolve) => {
        const request = indexedDB.open("s", 1); // without a versionchange listener: it never lets go
        request.onsuccess = () => { resolve(Object.assign(globalThis, { held: request.result })); };
      });
    });
    const newer = (): Promise<unknown> => page.evaluate(() => stage.open("s", {
      platform: { open: (name: string, version: number) => indexedDB.open(name, version + 1) } as IDBFactory,
    }));
    expect(await newer()).toEqual({ acquired: "ERR_STORE_UNAVAILABLE blocked" });
    await older.close();
    await expect.poll(newer).toMatchObject({ acquired: "done" });
    expect(await page.evaluate(() => stage.read("a"))).toBe("1");
  });

  test("the store opens in a dedicated worker, and a page reads what that has written", async () => {
    expect(await page.evaluate(() => stage.inWorker("s"))).toMatchObject({ acquired: "done", put: "done", condition: { full: false } });
    await page.evaluate(() => stage.open("s"));
    expect(await page.evaluate(() => stage.read("a"))).toBe("from the worker");
  });
});
