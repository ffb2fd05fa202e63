/** The Node store: contract, crashes, locks, the directory, damage on the disk. @module */
import { readlinkSync } from "node:fs";
import { chmod, link, mkdir, mkdtemp, open, readdir, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import { storeKey, type Change, type Fence, type Store } from "../../../src/session/ports.js";
import { fileStore } from "../../../src/storage/node-store.js";
import { frameRecord } from "../../../src/storage/record-frame.js";
import { storeContract } from "../../../src/testing/store-contract.js";
import { buildProgram, runProgram } from "./store-process.js";

let root = "";
let serial = 0;
let path = "";
const programs: string[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "sotto-store-"));
});
beforeEach(() => {
  serial += 1;
  path = join(root, `store-${serial}`);
});
afterAll(async () => {
  for (const each of [root, ...programs]) await rm(each, { recursive: true, force: true });
});

const put = (key: string, value: string): Change => ({ kind: "put", key: storeKey(key), value: utf8(value) });

async function text(store: Store, key: string): Promise<string | undefined> {
  const value = await store.get(storeKey(key));
  return value === undefined ? undefined : utf8Decode(value);
}

async function program(name: string, body: string): Promise<string> {
  const source = `
    import { fileStore } from "./src/storage/node-store.ts";
    const say = (line) => process.stdout.write(line + "\\n");
    const [path, first] = process.argv.slice(2);
    const put = (key, value) => ({ kind: "put", key, value: new TextEncoder().encode(value) });
    const store = fileStore(path);
    ${body}`;
  const built = await buildProgram(name, source);
  programs.push(built);
  return built;
}

/** Opens the raw database under a closed store. */
async function raw(work: (level: ClassicLevel<string, Uint8Array>) => Promise<void>): Promise<void> {
  const level = new ClassicLevel<string, Uint8Array>(path, { valueEncoding: "view" });
  await work(level);
  await level.close();
}

async function write(commits: readonly (readonly Change[])[]): Promise<void> {
  const store = fileStore(path);
  const fence = await store.acquire();
  for (const changes of commits) await store.commit(changes, fence);
  await store.close();
}

describe("store contract: Node", () => {
  let directory = "";
  const cases = storeContract({
    open: () => fileStore(directory),
    reset: () => {
      serial += 1;
      directory = join(root, `contract-${serial}`);
    },
  });
  for (const { name, run } of cases) test(name, run);
});

describe("Node store: crashes", () => {
  test("D01 D05 after kill -9 every acknowledged commit is there, and no half one", async () => {
    const writer = await program("writer", `
      const fence = await store.acquire();
      for (let n = Number(first); ; n++) {
        const text = String(n).padEnd(200 + (n * 37) % 3000, ".");
        await store.commit([put("left", text), put("n/" + String(n).padStart(8, "0"), "x"), put("right", text)], fence);
        say(String(n));
      }`);
    let next = 0;
    for (let round = 0; round < 6; round++) {
      const child = runProgram(writer, [path, String(next)]);
      await child.until((lines) => lines.length >= 20 + round * 13);
      child.process.kill("SIGKILL");
      await child.ended;
      const acknowledged = Number(child.lines.at(-1));

      const store = fileStore(path);
      const [left, right] = await store.getMany([storeKey("left"), storeKey("right")]);
      expect(left).toEqual(right);
      const last = Number.parseInt(utf8Decode(left ?? utf8("")) ?? "", 10);
      expect(last).toBeGreaterThanOrEqual(acknowledged);
      expect(last).toBeLessThanOrEqual(acknowledged + 1); // at most the one that was under way
      const rows = await store.list({ prefix: "n/" });
      expect(rows.map(({ key }) => Number(key.slice(2)))).toEqual(Array.from({ length: last + 1 }, (_unused, n) => n));
      await store.close();
      next = last + 1;
    }
  });

  test("D06 D12 when the disk is full the commit is refused as a whole, not to be tried again on this handle, older rows stay readable, and the store reopens", async () => {
    const filler = await program("filler", `
      const fence = await store.acquire();
      let n = 0;
      try {
        for (; n < 1000; n++) await store.commit([put("left", String(n)), put("ballast", "x".repeat(4000)), put("right", String(n))], fence);
      } catch (error) {
        say("refused " + error.code + " " + error.retryable);
      }
      const [left, right] = (await store.getMany(["left", "right"])).map((value) => new TextDecoder().decode(value));
      say([left === right, Number(left) === n - 1].join(" "));
      await store.commit([put("left", "after")], fence).catch((error) => say("then " + error.code));
      await store.acquire().catch((error) => say("acquire " + error.code));
      await store.close();
      say("acknowledged " + (n - 1));`);
    // A limit on the size of files is what a full disk looks like, without a disk to fill.
    const child = runProgram(filler, [path], ["/bin/sh", "-c", 'ulimit -f 256; exec "$0" "$@"', process.execPath]);
    await child.ended;
    expect(child.lines.slice(0, 4)).toEqual(["refused ERR_STORE_FULL false", "true true", "then ERR_STORE_FAILED", "acquire ERR_STORE_FAILED"]);
    const acknowledged = Number(child.lines[4]?.replace("acknowledged ", ""));
    const store = fileStore(path);
    expect(await text(store, "left")).toBe(await text(store, "right"));
    expect(Number(await text(store, "left"))).toBeGreaterThanOrEqual(acknowledged);
    await store.commit([put("left", "again")], await store.acquire());
    expect(await text(store, "left")).toBe("again");
    await store.close();
  });
});

describe("Node store: one process, several processes", () => {
  test("D10 a second process is refused with ERR_STORE_LOCKED, and may come in when the first has closed", async () => {
    const opener = await program("opener", `
      await store.acquire().then(() => say("open"), (error) => say(error.code + " " + error.retryable));
      await store.close();`);
    const second = async (): Promise<string | undefined> => {
      const child = runProgram(opener, [path]);
      await child.ended;
      return child.lines[0];
    };
    const store = fileStore(path);
    await store.acquire();
    expect(await second()).toBe("ERR_STORE_LOCKED true");

    // A second handle in this process, opened and closed, must not loosen the lock of the first.
    const other = fileStore(join(path, "..", `store-${serial}`));
    await other.acquire();
    await other.close();
    expect(await second()).toBe("ERR_STORE_LOCKED true");

    await store.close();
    expect(await second()).toBe("open");
  });

  test("D10 a store that was locked can be tried again with the same handle", async () => {
    const holder = await program("holder", `
      await store.acquire();
      say("held");
      setInterval(() => undefined, 1000);`);
    const child = runProgram(holder, [path]);
    await child.until((lines) => lines.includes("held"));
    const store = fileStore(path);
    await expect(store.acquire()).rejects.toMatchObject({ code: "ERR_STORE_LOCKED" });
    child.process.kill("SIGKILL");
    await child.ended;
    await store.commit([put("a", "1")], await store.acquire());
    await store.close();
  });

  test("D10 a directory is the same one whatever way leads there", async () => {
    await mkdir(join(root, `real-${serial}`));
    await symlink(join(root, `real-${serial}`), join(root, `way-${serial}`));
    const first = fileStore(join(root, `real-${serial}`, "s"));
    const second = fileStore(join(root, `way-${serial}`, "s"));
    const old = await first.acquire();
    await second.acquire();
    await expect(first.commit([put("a", "1")], old)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
    await first.close();
    await second.close();
  });
});

describe("Node store: the directory", () => {
  test("D14 the directory is made with mode 0700, its missing parents, too", async () => {
    path = join(path, "deep", "store");
    await write([[put("a", "1")]]);
    for (const each of [path, join(path, ".."), join(path, "..", "..")]) expect((await stat(each)).mode & 0o777).toBe(0o700);
  });

  test("D11 a power cut does not take a directory that was made with its parents: each of their names is flushed", async () => {
    const store = fileStore(join(path, "deep", "er"));
    const about = await open(tmpdir(), "r");
    const handles = Object.getPrototypeOf(about) as { sync: () => Promise<void> };
    await about.close();
    const flushed = new Set<string>();
    const sync = vi.spyOn(handles, "sync").mockImplementation(function (this: { readonly fd: number }) {
      flushed.add(readlinkSync(`/proc/self/fd/${this.fd}`));
      return Promise.resolve();
    });
    await store.get(storeKey("a"));
    sync.mockRestore();
    await store.close();
    for (const parent of [dirname(path), path, join(path, "deep")]) expect(flushed).toContain(await realpath(parent));
  });

  test("D18 files that others could read or write are closed to them when the store opens and when it closes", async () => {
    await write([[put("a", "1")]]);
    const modes = async (): Promise<readonly number[]> => Promise.all((await readdir(path)).map(async (name) => (await stat(join(path, name))).mode & 0o777));
    expect(new Set(await modes())).toEqual(new Set([0o600]));
    await chmod(join(path, "CURRENT"), 0o666);
    const store = fileStore(path);
    await store.commit([put("a", "2")], await store.acquire());
    expect(new Set(await modes())).toEqual(new Set([0o600]));
    await store.close();
  });

  test("D14 a directory that others could read is closed to them", async () => {
    await mkdir(path);
    await chmod(path, 0o755);
    await write([[put("a", "1")]]);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  test.each(["", "/", "/."])("D18 a symbolic link is not followed (path ending in %j)", async (ending) => {
    const target = `${path}-target`;
    await mkdir(target);
    await symlink(target, path);
    const store = fileStore(path + ending);
    await expect(store.acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    await expect(store.destroy()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    await store.close();
    expect(await readdir(target)).toEqual([]);
  });

  test("D18 a symbolic link in place of a database file is not followed", async () => {
    await write([[put("a", "1")]]);
    const victim = `${path}-victim`;
    await writeFile(victim, "precious");
    await rm(join(path, "LOG"), { force: true });
    await symlink(victim, join(path, "LOG"));
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    await rm(join(path, "LOG"));
    await link(victim, join(path, "LOG"));
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    expect(await readFile(victim, "utf8")).toBe("precious");
  });

  test("D18 a directory with files of something else, and a plain file, are refused and left as they are", async () => {
    await mkdir(path);
    await chmod(path, 0o755);
    await writeFile(join(path, "thesis.txt"), "precious");
    for (const work of [(store: Store) => store.acquire(), (store: Store) => store.destroy()]) {
      await expect(work(fileStore(path))).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    }
    expect(await readdir(path)).toEqual(["thesis.txt"]);
    expect((await stat(path)).mode & 0o777).toBe(0o755);
    await expect(fileStore(join(path, "thesis.txt")).acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
  });

  test("D19 destroy leaves no file behind", async () => {
    const store = fileStore(path);
    await store.commit([put("a", "1")], await store.acquire());
    await store.destroy();
    await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("Node store: damage on the disk", () => {
  test("D13 a damaged record fails alone, with ERR_STORE_CORRUPT", async () => {
    await write([[put("a", "1"), put("b", "2"), put("c/1", "3")]]);
    await raw(async (level) => {
      const framed = frameRecord("b", utf8("2"));
      framed[5] = 0x33;
      await level.put("b", framed);
    });
    const store = fileStore(path);
    await expect(store.get(storeKey("b"))).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
    await expect(store.list({ prefix: "" })).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
    expect(await text(store, "a")).toBe("1");
    expect(await store.list({ prefix: "c/" })).toHaveLength(1);
    await store.commit([put("b", "repaired")], await store.acquire());
    expect(await text(store, "b")).toBe("repaired");
    await store.close();
  });

  test("D13 a store of a newer format is refused untouched, and can be wiped", async () => {
    await write([[put("a", "1")]]);
    await raw((level) => level.put(" format", frameRecord(" format", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3))));
    const store = fileStore(path);
    await expect(store.acquire()).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE", details: { version: 3, readable: 2 } });
    await expect(store.get(storeKey("a"))).rejects.toMatchObject({ code: "ERR_STORE_UNAVAILABLE" });
    await store.destroy();
    await write([[put("a", "new")]]);
  });

  test("D13 a LevelDB that somebody else wrote is refused", async () => {
    await raw((level) => level.put("theirs", utf8("1")));
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
  });
});

test("D10 handles of one process share the fence: a former owner is refused after the directory was closed and reopened", async () => {
  const first = fileStore(path);
  const old: Fence = await first.acquire();
  await first.close();
  const second = fileStore(path);
  await second.acquire();
  await expect(second.commit([put("a", "1")], old)).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
  await second.close();
});
