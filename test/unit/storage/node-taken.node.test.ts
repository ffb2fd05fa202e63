/** A directory whose lock has failed, and which another process has now: what the former one does no more (threats D10). @module */
import { cp, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../src/base/clock.js";
import { systemRng } from "../../../src/base/rng.js";
import { storeKey, type Fence, type Store } from "../../../src/session/ports.js";
import { fileStore } from "../../../src/storage/node-store.js";
import { sweepAfterMs } from "../../../src/storage/node-upkeep.js";
import { filesAt, put, refusedBatch, text, workshop, type Workshop } from "./store-directory.js";
import { buildProgram, runProgram } from "./store-process.js";

let shop: Workshop;
let path = "";
beforeAll(async () => {
  shop = await workshop();
});
beforeEach(() => {
  path = shop.fresh();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => shop.remove());

interface Planned { readonly delay: number; readonly task: () => void; cancelled: boolean }

/** Time stands still; what is planned can be run. */
function plans(): readonly Planned[] {
  const planned: Planned[] = [];
  vi.spyOn(systemClock, "schedule").mockImplementation((delay, task) => {
    const entry = { delay, task, cancelled: false };
    planned.push(entry);
    return () => { entry.cancelled = true; };
  });
  return planned;
}

const sweepOf = (planned: readonly Planned[]): Planned => planned.find(({ delay }) => delay === sweepAfterMs)!;

/** Another mark in HEAD, as if a process had opened the directory that no lock has kept out. */
async function takeOver(): Promise<void> {
  const handle = await open(join(path, "HEAD"), "r+");
  await handle.write(systemRng()(16), 0, 16, 8192);
  await handle.close();
}

async function filled(): Promise<{ readonly store: Store; readonly fence: Fence }> {
  const store = fileStore(path);
  const fence = await store.acquire();
  for (let n = 0; n < 20; n++) await store.commit([put("a", String(n))], fence);
  return { store, fence };
}

/** Every file but LevelDB's diary. */
async function contents(): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const file of await filesAt(path, /^(?!LOG)/)) files[file] = await readFile(file, "base64");
  return files;
}

/** Long enough for any sweep of twenty commits. */
const sweeps = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 300); });

describe("Node store: a directory that another process has taken", () => {
  test("D10 the sweep of the process that has lost the lock leaves the new owner's files alone: what that one commits is there after its end", async () => {
    const program = await buildProgram("taken", `
      import { systemClock } from "./src/base/clock.ts";
      import { fileStore } from "./src/storage/node-store.ts";
      const say = (line) => process.stdout.write(line + "\\n");
      let sweep;
      systemClock.schedule = (delay, task) => { if (delay === ${sweepAfterMs}) sweep = task; return () => undefined; };
      const store = fileStore(process.argv[2]);
      const fence = await store.acquire();
      for (let n = 0; n < 20; n++) await store.commit([{ kind: "put", key: "first/" + n, value: new Uint8Array(100) }], fence);
      process.once("SIGUSR2", () => { sweep(); setTimeout(() => { say("swept"); }, 500); });
      say("held");
      setInterval(() => undefined, 1000);`);
    const former = runProgram(program, [path]);
    await former.until((said) => said.includes("held"));
    await rm(join(path, "LOCK"));
    const store = fileStore(path);
    const fence = await store.acquire();
    for (let n = 0; n < 50; n++) await store.commit([put(`second/${n}`, "x".repeat(100))], fence);
    former.process.kill("SIGUSR2");
    await former.until((said) => said.includes("swept"));
    for (let n = 50; n < 60; n++) await store.commit([put(`second/${n}`, "x".repeat(100))], fence);
    const image = shop.fresh();
    await cp(path, image, { recursive: true }); // the disk as a kill leaves it
    former.process.kill("SIGKILL");
    const next = fileStore(image);
    expect([(await next.list({ prefix: "first/" })).length, (await next.list({ prefix: "second/" })).length]).toEqual([20, 60]);
    expect(await next.history?.()).toBe(await store.history?.());
    await Promise.all([store.close(), next.close(), former.ended, rm(program)]);
  });

  test("D10 a sweep that is due finds the directory taken, and writes nothing", async () => {
    const planned = plans();
    const { store, fence } = await filled();
    await takeOver();
    const before = await contents();
    sweepOf(planned).task();
    await sweeps();
    expect(await contents()).toEqual(before);
    expect(await store.owns(fence)).toBe(false);
    await store.close();
    expect(await contents()).toEqual(before);
  });

  test.each(["compactRange", "batch", "second compactRange"] as const)("D10 a sweep that finds the directory taken after its %s goes no further", async (step) => {
    const planned = plans();
    const { store } = await filled();
    const calls: string[] = [];
    const takenAt = ["compactRange", "batch", "second compactRange"].indexOf(step) + 1;
    for (const name of ["compactRange", "batch"] as const) {
      const real = Reflect.get(ClassicLevel.prototype, name) as (...given: unknown[]) => Promise<void>;
      vi.spyOn(ClassicLevel.prototype, name).mockImplementation(async function (this: unknown, ...given: unknown[]) {
        await real.apply(this, given);
        if (calls.push(name) === takenAt) await takeOver();
      } as never);
    }
    const listed = await readFile(join(path, "TABLES"), "base64").catch(() => "none");
    sweepOf(planned).task();
    await expect.poll(() => calls.length).toBe(takenAt);
    await sweeps();
    expect(calls).toEqual(["compactRange", "batch", "compactRange"].slice(0, takenAt));
    expect(await readFile(join(path, "TABLES"), "base64").catch(() => "none")).toBe(listed);
    await store.close();
  });

  test("D10 D12 after a failed write a sweep that is due writes nothing", async () => {
    const planned = plans();
    const { store, fence } = await filled();
    vi.spyOn(ClassicLevel.prototype, "batch").mockImplementationOnce((() => refusedBatch(new Error("IO error"))) as never);
    await expect(store.commit([put("a", "x")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    const before = await contents();
    sweepOf(planned).task();
    await sweeps();
    expect(await contents()).toEqual(before);
    expect(await text(store, "a")).toBe("19");
    await store.close();
  });

  test.each<readonly [string, (store: Store, fence: Fence) => Promise<unknown>]>([
    ["a commit", (store, fence) => store.commit([put("a", "x")], fence)],
    ["a takeover", (store) => store.acquire()],
    ["a read", (store) => store.get(storeKey("a"))],
    ["a list", (store) => store.list({ prefix: "a" })],
  ])("D10 %s that finds the directory taken is refused, and the database is closed with what was planned for it: LevelDB compacts by itself after reads", async (_what, use) => {
    const planned = plans();
    const { store, fence } = await filled();
    const close = vi.spyOn(ClassicLevel.prototype, "close");
    await takeOver();
    await expect(use(store, fence)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    expect(close).toHaveBeenCalledOnce();
    expect(planned.filter(({ cancelled }) => !cancelled)).toEqual([]);
    await expect(store.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await expect(store.commit([put("a", "x")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await store.close();
  });

  test("D10 a read that is under way when the directory is found taken is refused for the same reason", async () => {
    const { store, fence } = await filled();
    const get = Reflect.get(ClassicLevel.prototype, "get") as (...given: unknown[]) => Promise<never>;
    vi.spyOn(ClassicLevel.prototype, "get").mockImplementationOnce(async function (this: unknown, ...given: unknown[]) {
      await takeOver();
      await store.owns(fence);
      return get.apply(this, given);
    });
    await expect(store.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await store.close();
  });

  test("D10 whoever has lost the directory does not own the store, before any commit of theirs has found out", async () => {
    const { store, fence } = await filled();
    expect(await store.owns(fence)).toBe(true);
    await takeOver();
    expect(await store.owns(fence)).toBe(false);
    await store.close();
  });
});

/** Another process that holds the directory, has committed, and commits again when it is told to. */
const owner = `
  import { fileStore } from "./src/storage/node-store.ts";
  const say = (line) => process.stdout.write(line + "\\n");
  const store = fileStore(process.argv[2]);
  const fence = await store.acquire();
  const commit = (key) => store.commit([{ kind: "put", key, value: new Uint8Array(100) }], fence);
  await commit("first");
  process.once("SIGUSR2", () => { commit("second").then(() => { say("committed"); }, (error) => { say(error.code); }); });
  say("held");
  setInterval(() => undefined, 1000);`;

describe("Node store: destroying a directory that another process holds", () => {
  test("D10 D19 is refused, and takes nothing from that process: it goes on", async () => {
    const program = await buildProgram("owner", owner);
    const other = runProgram(program, [path]);
    await other.until((said) => said.includes("held"));
    const names = await filesAt(path, /./);
    const store = fileStore(path);
    for (let times = 0; times < 2; times++) await expect(store.destroy()).rejects.toMatchObject({ code: "ERR_STORE_LOCKED", retryable: true });
    expect(await filesAt(path, /./)).toEqual(names);
    other.process.kill("SIGUSR2");
    await other.until((said) => said.length > 1);
    expect(other.lines).toEqual(["held", "committed"]);
    other.process.kill("SIGKILL");
    await other.ended;
    await store.destroy();
    await expect(filesAt(path, /./)).rejects.toMatchObject({ code: "ENOENT" });
    await rm(program);
  });

  test("D10 D19 is refused as well by one from whom it was taken: the new owner goes on", async () => {
    const { store } = await filled();
    await rm(join(path, "LOCK"));
    const program = await buildProgram("new-owner", owner);
    const other = runProgram(program, [path]);
    await other.until((said) => said.includes("held"));
    await expect(store.destroy()).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
    other.process.kill("SIGUSR2");
    await other.until((said) => said.length > 1);
    expect(other.lines).toEqual(["held", "committed"]);
    other.process.kill("SIGKILL");
    await Promise.all([other.ended, store.close(), rm(program)]);
  });

  test("D19 one that is interrupted leaves an empty store, which is sound and can be destroyed", async () => {
    const { store } = await filled();
    await store.close();
    await ClassicLevel.destroy(path); // as far as it came
    expect((await filesAt(path, /./)).length).toBeGreaterThan(0);
    const next = fileStore(path);
    expect(await next.list({ prefix: "" })).toEqual([]);
    await next.commit([put("a", "new")], await next.acquire());
    await next.close();
    const reopened = fileStore(path);
    expect(await text(reopened, "a")).toBe("new");
    await reopened.destroy();
    await expect(filesAt(path, /./)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
