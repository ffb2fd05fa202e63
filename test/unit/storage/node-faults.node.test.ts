/** A disk that refuses, other processes, and files that should not be there (threats D10, D12, D18). @module */
import { chmod, mkdir, readdir, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { fileStore } from "../../../src/storage/node-store.js";
import { historyOf, put, refusedBatch, text, workshop, write, type Workshop } from "./store-directory.js";
import { buildProgram, runProgram, type Child } from "./store-process.js";

let shop: Workshop;
let path = "";
const programs: string[] = [];
beforeAll(async () => {
  shop = await workshop();
});
beforeEach(() => {
  path = shop.fresh();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  await shop.remove();
  for (const each of programs) await rm(each, { force: true });
});

async function program(name: string, body: string): Promise<string> {
  const built = await buildProgram(name, `
    import { fileStore } from "./src/storage/node-store.ts";
    import { openSync, closeSync, rmSync } from "node:fs";
    const say = (line) => process.stdout.write(line + "\\n");
    const [path, first] = process.argv.slice(2);
    const put = (key, value) => ({ kind: "put", key, value: new TextEncoder().encode(value) });
    const read = async (store, key) => new TextDecoder().decode(await store.get(key));
    const store = fileStore(path);
    ${body}`);
  programs.push(built);
  return built;
}

/** Runs to the end and gives the lines that were printed. */
async function lines(child: Child): Promise<readonly string[]> {
  await child.ended;
  return child.lines;
}

const ioError = (text: string): Error => Object.assign(new Error(text), { code: "LEVEL_IO_ERROR" });

describe("Node store: a disk that refuses", () => {
  test.each([
    ["a flush that fails", "IO error: /s/000003.log: Input/output error", "ERR_STORE_FAILED"],
    ["a disk that is full", "IO error: /s/000003.log: No space left on device", "ERR_STORE_FULL"],
    ["too many open files", "IO error: /s/000009.log: Too many open files", "ERR_STORE_FAILED"],
    ["a disk that became read-only", "IO error: /s/000003.log: Read-only file system", "ERR_STORE_FAILED"],
  ])("D12 %s is fatal for the handle, typed, and leaves the old state readable", async (_what, message, code) => {
    const store = fileStore(path);
    const fence = await store.acquire();
    await store.commit([put("a", "1")], fence);
    const batch = vi.spyOn(ClassicLevel.prototype, "batch").mockImplementationOnce((() => refusedBatch(ioError(message))) as never);
    await expect(store.commit([put("a", "2")], fence)).rejects.toMatchObject({ code });
    const after = batch.mock.calls.length;
    await expect(store.commit([put("a", "3")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    await expect(store.acquire()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    const other = fileStore(path);
    await expect(other.acquire()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    await other.close();
    expect(await text(store, "a")).toBe("1");
    expect(batch.mock.calls.length).toBe(after); // nothing was tried behind what may be torn
    const history = await historyOf(store);
    await store.close();
    expect(await write(path, [[put("a", "4")]])).toBe(history); // what was refused was not acknowledged: no loss
  });

  test("D12 a commit that is on the disk succeeds when the head cannot be written, and it is the last one", async () => {
    const store = fileStore(path);
    const fence = await store.acquire();
    const { Head } = await import("../../../src/storage/node-head.js");
    vi.spyOn(Head.prototype, "note").mockImplementationOnce(() => {
      throw Object.assign(new TypeError("planted"), { code: "EIO" });
    });
    await store.commit([put("a", "1")], fence);
    await expect(store.commit([put("a", "2")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    expect(await text(store, "a")).toBe("1");
    const history = await historyOf(store);
    await store.close();
    expect(await write(path, [[put("a", "3")]])).toBe(history); // ahead of its head, as after a crash
  });

  test("D12 a sweep that fails on close does not keep the store from closing, and the next start is sound", async () => {
    const history = await write(path, [[put("a", "1")]]);
    const store = fileStore(path);
    await store.commit([put("a", "2")], await store.acquire());
    vi.spyOn(ClassicLevel.prototype, "compactRange").mockImplementationOnce((() => Promise.reject(ioError("IO error: Input/output error"))));
    await store.close();
    const again = fileStore(path);
    expect([await text(again, "a"), await historyOf(again)]).toEqual(["2", history]);
    await again.close();
  });

  test("D12 a directory without permission, and one that is read-only, are ERR_STORE_UNAVAILABLE and stay as they are", async () => {
    await write(path, [[put("a", "1")]]);
    const blocked = await program("blocked", `
      process.chdir(path);
      if (process.getuid() === 0) process.setuid(65534);
      for (const each of ["shut/s", "owned"]) await fileStore(each).acquire().then(() => say("open"), (error) => say(error.code));`);
    const parent = shop.fresh();
    await mkdir(join(parent, "shut"), { recursive: true });
    await write(join(parent, "owned"), [[put("a", "1")]]);
    await chmod(parent, 0o755);
    await chmod(join(parent, "shut"), 0o555);
    // As root nothing is forbidden: there the child becomes nobody. As another user "owned" is made unwritable.
    if (process.getuid?.() !== 0) for (const each of await readdir(join(parent, "owned"))) await chmod(join(parent, "owned", each), 0o000);
    const root = join(parent, "..");
    await chmod(root, 0o755);
    expect(await lines(runProgram(blocked, [parent]))).toEqual(["ERR_STORE_UNAVAILABLE", "ERR_STORE_UNAVAILABLE"]);
    expect(await readdir(join(parent, "shut"))).toEqual([]);
  });

  test("D12 too many open files at the start are ERR_STORE_UNAVAILABLE and may pass; the store is unharmed", async () => {
    const history = await write(path, [[put("a", "1")]]);
    const hungry = await program("hungry", `
      await import("classic-level");
      for (const spare of [0, 1, 2, 3, 4]) {
        const taken = [];
        try { for (;;) taken.push(openSync("/dev/null")); } catch (error) { say(error.code); }
        for (let n = 0; n < spare; n++) closeSync(taken.pop());
        await fileStore(path).acquire().then(() => say("open"), (error) => say(error.code + " " + error.retryable));
        for (const each of taken) closeSync(each);
      }
      await store.acquire();
      say(await read(store, "a") + " " + await store.history());
      await store.close();`);
    const said = await lines(runProgram(hungry, [path], ["/bin/sh", "-c", 'ulimit -n 64; exec "$0" "$@"', process.execPath]));
    expect(said.filter((line) => line !== "EMFILE")).toEqual([...Array.from({ length: 5 }, () => "ERR_STORE_UNAVAILABLE true"), `1 ${history}`]);
  });
});

describe("Node store: two processes on one directory", () => {
  const contender = `
    let done = 0;
    const until = Number(first);
    while (done < until) {
      const mine = fileStore(path);
      try {
        const fence = await mine.acquire();
        for (let n = 0; n < 5 && done < until; n++) {
          const value = await mine.get("counter");
          await mine.commit([put("counter", String(Number(value === undefined ? 0 : new TextDecoder().decode(value)) + 1))], fence);
          done += 1;
        }
      } catch (error) {
        if (error.code !== "ERR_STORE_LOCKED") say("unexpected " + error.code + " " + error.message);
      } finally {
        await mine.close();
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    say("done " + done);`;

  test("D03 D10 no update is lost between processes that read, add one and commit in turn", async () => {
    const built = await program("contender", contender);
    const said = await Promise.all([25, 25].map((count) => lines(runProgram(built, [path, String(count)]))));
    expect(said).toEqual([["done 25"], ["done 25"]]);
    const store = fileStore(path);
    expect(await text(store, "counter")).toBe("50");
    await store.close();
  });

  test("D10 when the lock was lost, the process that was there first is fenced at its next commit and writes nothing more", async () => {
    const first = await program("first", `
      const fence = await store.acquire();
      await store.commit([put("a", "first")], fence);
      say("held");
      process.once("SIGUSR2", async () => {
        await store.commit([put("a", "late")], fence).then(() => say("committed"), (error) => say(error.code));
        await store.commit([put("a", "late")], fence).catch((error) => say(error.code));
        say(String(await store.owns(fence)));
        await store.close();
        process.exit(0);
      });
      setInterval(() => undefined, 1000);`);
    const child = runProgram(first, [path]);
    await child.until((said) => said.includes("held"));
    await rm(join(path, "LOCK")); // a lock on a file that has no name keeps nobody out
    const store = fileStore(path);
    await store.commit([put("a", "second")], await store.acquire());
    const history = await historyOf(store);
    child.process.kill("SIGUSR2");
    expect((await lines(child)).slice(1)).toEqual(["ERR_STORE_FENCED", "ERR_STORE_FENCED", "false"]);
    await store.commit([put("b", "third")], await store.acquire());
    await store.close();
    const again = fileStore(path);
    expect([await text(again, "a"), await text(again, "b"), await historyOf(again)]).toEqual(["second", "third", history]);
    await again.close();
  });

  test("D10 a directory that was removed under an open store takes no more commits", async () => {
    const store = fileStore(path);
    const fence = await store.acquire();
    await store.commit([put("a", "1")], fence);
    await rm(path, { recursive: true });
    await expect(store.commit([put("a", "2")], fence)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await store.close();
  });
});

describe("Node store: files that should not be there", () => {
  test.each(["HEAD", "HEAD.new", "TABLES", "TABLES.new", "LOCK", "000999.log"])("D18 a symbolic link in place of %s is not followed", async (name) => {
    await write(path, [[put("a", "1")]]);
    const victim = shop.fresh();
    await rm(join(path, name), { force: true });
    await symlink(victim, join(path, name));
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    await expect(readdir(victim)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("D18 a directory and a socket among the files are refused", async () => {
    await write(path, [[put("a", "1")]]);
    await mkdir(join(path, "000999.ldb"));
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    await rm(join(path, "000999.ldb"), { recursive: true });
    const server = createServer();
    await new Promise<void>((resolve) => { server.listen(join(path, "000999.log"), resolve); });
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    await new Promise((resolve) => { server.close(resolve); });
    const store = fileStore(path);
    expect(await text(store, "a")).toBe("1");
    await store.close();
  });
});
