/** A freeze in the midst of a commit, in a worker: its scope tells of it, as serveWorker repeats it there (tabs/serve-worker.ts). */
import { IDBFactory as FakeFactory, IDBKeyRange as FakeKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import { type Change, type Fence, type Store, storeKey } from "../../../src/session/ports.js";
import { indexedDbStore } from "../../../src/storage/indexeddb.js";
import { platformLifecycle } from "../../../src/storage/page-freeze.js";

let scope: EventTarget;
beforeEach(() => {
  scope = new EventTarget();
  vi.stubGlobal("IDBKeyRange", FakeKeyRange);
  vi.stubGlobal("addEventListener", scope.addEventListener.bind(scope));
  vi.stubGlobal("removeEventListener", scope.removeEventListener.bind(scope));
});
afterEach(() => { vi.unstubAllGlobals(); });

const put = (key: string, value: string): Change => ({ kind: "put", key: storeKey(key), value: utf8(value) });
const both = async (store: Store): Promise<(string | undefined)[]> => (await store.getMany([storeKey("a"), storeKey("b")])).map((value) => value && utf8Decode(value));
/** Time for everything that is not held up. */
const aWhile = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 50); });

/** A store with a transaction under way: `commit` has read the fence, and written nothing yet. */
async function amid(): Promise<{ store: Store; platform: IDBFactory; fence: Fence; code: () => string; begun: () => number }> {
  const platform: IDBFactory = new FakeFactory();
  let begun = 0;
  let reached: () => void = () => undefined;
  const open = platform.open.bind(platform);
  vi.spyOn(platform, "open").mockImplementation((name, version) => {
    const request = open(name, version);
    request.addEventListener("success", () => {
      const { result } = request;
      const transaction = result.transaction.bind(result);
      vi.spyOn(result, "transaction").mockImplementation((...args) => {
        begun += 1;
        const made = transaction(...args);
        queueMicrotask(() => { reached(); });
        return made;
      });
    });
    return request;
  });
  const store = indexedDbStore("s", { platform, reserveBytes: 0 });
  const fence = await store.acquire();
  await store.commit([put("a", "1"), put("b", "1")], fence);
  begun = 0;
  const midst = new Promise<void>((resolve) => { reached = resolve; });
  let code = "pending";
  store.commit([put("a", "2"), put("b", "2")], fence).then(() => { code = "written"; }, (error: unknown) => { code = (error as { readonly code: string }).code; });
  await midst;
  return { store, platform, fence, code: () => code, begun: () => begun };
}

test("D10 what is open is taken back at once, nothing is begun until the worker runs again, and then it is written", async () => {
  const { store, fence, code, begun } = await amid();
  scope.dispatchEvent(new Event("freeze"));
  const late = store.commit([put("b", "3")], fence);
  await aWhile();
  expect([code(), begun()]).toEqual(["pending", 1]);
  scope.dispatchEvent(new Event("resume"));
  await late;
  expect([code(), begun()]).toEqual(["written", 3]);
  expect(await both(store)).toEqual(["2", "3"]);
  await store.close();
});

test("D10 whoever takes over meanwhile finds nothing of it, and after the thaw the fence refuses it", async () => {
  const { store, platform, code } = await amid();
  scope.dispatchEvent(new Event("freeze"));
  // The next leader runs: no freeze of its own.
  vi.unstubAllGlobals();
  vi.stubGlobal("IDBKeyRange", FakeKeyRange);
  const next = indexedDbStore("s", { platform, reserveBytes: 0 });
  const fence = await next.acquire();
  expect(await both(next)).toEqual(["1", "1"]);
  await next.commit([put("b", "4")], fence);
  vi.stubGlobal("removeEventListener", scope.removeEventListener.bind(scope));
  scope.dispatchEvent(new Event("resume"));
  await expect.poll(code).toBe("ERR_STORE_FENCED");
  expect(await both(next)).toEqual(["1", "4"]);
  await Promise.all([store.close(), next.close()]);
});

test("a page's document tells of its freeze, a worker's scope of the worker's, and where neither is nobody is frozen", () => {
  const document = new EventTarget();
  vi.stubGlobal("document", document);
  expect(platformLifecycle()).toBe(document);
  vi.stubGlobal("document", undefined);
  expect(platformLifecycle()).toBe(globalThis);
  vi.stubGlobal("addEventListener", undefined);
  expect(platformLifecycle()).toBe(undefined);
});

test("a store that is closed while it is being opened leaves no listener behind", async () => {
  const listening = new Set<string>();
  vi.stubGlobal("addEventListener", (type: string) => { listening.add(type); });
  vi.stubGlobal("removeEventListener", (type: string) => { listening.delete(type); });
  const used = indexedDbStore("used", { platform: new FakeFactory() });
  await used.acquire();
  expect([...listening]).toEqual(["freeze", "resume"]);
  await used.close();
  expect([...listening]).toEqual([]);
  const store = indexedDbStore("s", { platform: new FakeFactory() });
  const reading = store.get(storeKey("a"));
  await Promise.all([expect(reading).rejects.toMatchObject({ code: "ERR_STORE_CLOSED" }), store.close()]);
  expect([...listening]).toEqual([]);
});
