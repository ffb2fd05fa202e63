/** The Node store notices commits that are missing: at the end, in the middle, in the tables (threats D11, D13, D17, R21). @module */
import { cp, open, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ClassicLevel } from "classic-level";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { utf8 } from "../../../src/base/bytes.js";
import { SottoError } from "../../../src/base/errors.js";
import { storeKey, type Change } from "../../../src/session/ports.js";
import { fileStore } from "../../../src/storage/node-store.js";
import { frameRecord } from "../../../src/storage/record-frame.js";
import { crashImage, filesAt, flip, historyAt, historyOf, put, text, workshop, write, type Workshop } from "./store-directory.js";

let shop: Workshop;
let path = "";
let image = "";
beforeAll(async () => {
  shop = await workshop();
});
beforeEach(() => {
  path = shop.fresh();
  image = shop.fresh();
});
afterAll(() => shop.remove());

/** Commits that all write one row anew, as a ratchet does, and one row of their own. */
const ratchet = (count: number): readonly (readonly Change[])[] =>
  Array.from({ length: count }, (_unused, n) => [put("state", String(n + 1).padStart(40, "0")), put(`n/${String(n).padStart(5, "0")}`, "x".repeat(60))]);

async function raw(directory: string, work: (level: ClassicLevel<string, Uint8Array>) => Promise<void>): Promise<void> {
  const level = new ClassicLevel<string, Uint8Array>(directory, { valueEncoding: "view" });
  await work(level);
  await level.close();
}

/** What the application gets to see of a store that somebody has damaged. */
async function verdict(directory: string, history: string, expected: ReadonlyMap<string, string>): Promise<string> {
  const store = fileStore(directory);
  try {
    const said = await historyOf(store);
    const rows = new Map((await store.list({ prefix: "" })).map(({ key, value }): [string, string] => [key, new TextDecoder().decode(value)]));
    const looked = await store.getMany([...expected.keys()].map(storeKey));
    const same = rows.size === expected.size && [...expected].every(([key, value], at) => rows.get(key) === value && new TextDecoder().decode(looked[at]) === value);
    return said !== history ? "told" : same ? "unharmed" : "SILENT";
  } catch (error) {
    return error instanceof SottoError ? "refused" : `untyped: ${String(error)}`;
  } finally {
    await store.close();
  }
}

describe("Node store: history", () => {
  test("D11 the history keeps its name over commits, closing, reopening, and a crash", async () => {
    const history = await crashImage(path, image, ratchet(5));
    expect(history).toMatch(/^[0-9a-f]{32}$/);
    expect(await write(path, ratchet(3))).toBe(history);
    expect(await historyAt(path)).toBe(history);
    expect(await historyAt(image)).toBe(history);
    expect(await historyAt(shop.fresh())).not.toBe(history);
  });

  test("D11 a crash between the commit and the note of it in the head is no loss", async () => {
    const store = fileStore(path);
    const fence = await store.acquire();
    for (const changes of ratchet(4)) await store.commit(changes, fence);
    const history = await historyOf(store);
    await cp(join(path, "HEAD"), image); // the note of the commits that follow never reaches the disk
    for (const changes of ratchet(3)) await store.commit(changes, fence);
    const crashed = shop.fresh();
    await cp(path, crashed, { recursive: true });
    await rename(image, join(crashed, "HEAD"));
    await store.close();
    expect(await historyAt(crashed)).toBe(history);
  });

  test("D11 R21 a log that lost its tail opens, is usable, and has another history; it keeps that one", async () => {
    const history = await crashImage(path, image, ratchet(60));
    const [log = ""] = await filesAt(image, /\.log$/);
    await truncate(log, Math.floor((await stat(log)).size / 2));
    const store = fileStore(image);
    const fence = await store.acquire();
    const after = await historyOf(store);
    expect(after).not.toBe(history);
    expect(Number(await text(store, "state"))).toBeLessThan(60); // readable, and old
    await store.commit([put("state", "renewed")], fence);
    await store.close();
    expect(await historyAt(image)).toBe(after);
  });

  test("D11 a loss that was noticed by a process that died at once is noticed by the next one", async () => {
    const history = await crashImage(path, image, ratchet(20));
    const [log = ""] = await filesAt(image, /\.log$/);
    await truncate(log, Math.floor((await stat(log)).size / 2));
    const store = fileStore(image);
    const first = await historyOf(store); // and nobody has done anything about it yet
    const crashed = shop.fresh();
    await cp(image, crashed, { recursive: true });
    await store.close();
    expect(first).not.toBe(history);
    expect(await historyAt(crashed)).toBe(first);
  });

  test("R21 an older copy of the database under the present head has another history", async () => {
    const history = await write(path, ratchet(5));
    await cp(path, image, { recursive: true });
    await write(path, ratchet(5));
    await cp(join(path, "HEAD"), join(image, "HEAD"));
    expect(await historyAt(image)).not.toBe(history);
  });

  test("R21 as many commits with other contents have another history", async () => {
    const history = await write(path, ratchet(5));
    await cp(path, image, { recursive: true });
    await write(path, [[put("state", "one way")]]);
    await write(image, [[put("state", "the other way")]]);
    await cp(join(path, "HEAD"), join(image, "HEAD"));
    expect(await historyAt(image)).not.toBe(history);
  });

  test("D11 a head that is missing, empty, or of no sense is a loss; one torn slot is none", async () => {
    const history = await write(path, ratchet(5));
    const damages: readonly (readonly [string, (head: string) => Promise<void>, boolean])[] = [
      ["missing", (head) => rm(head), true],
      ["empty", (head) => truncate(head, 0), true],
      ["rubbish", (head) => writeFile(head, new Uint8Array(9000).fill(7)), true],
      ["slot 0 torn", (head) => flip(head, 20, 3), false],
      ["slot 1 torn", (head) => flip(head, 4096 + 20, 3), false],
    ];
    for (const [what, damage, lost] of damages) {
      const copy = shop.fresh();
      await cp(path, copy, { recursive: true });
      await damage(join(copy, "HEAD"));
      expect([what, (await historyAt(copy)) !== history]).toEqual([what, lost]);
    }
  });

  test("D13 a list of tables that cannot be read counts as a loss: nobody knows what the tables were", async () => {
    const history = await write(path, ratchet(5));
    await flip(join(path, "TABLES"), 9, 2);
    expect(await historyAt(path)).not.toBe(history);
  });

  test("D11 when everything but the head is gone the store is empty, and has another history", async () => {
    const history = await write(path, ratchet(5));
    for (const file of await filesAt(path, /^(?!HEAD$)/)) await rm(file);
    expect(await historyAt(path)).not.toBe(history);
  });

  test("D11 the chain outlives more commits than it has slots", async () => {
    const store = fileStore(path);
    const fence = await store.acquire();
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 1000 }, (_unused, n) => store.commit([put("n", `${round}.${n}`)], fence)));
    }
    const history = await historyOf(store);
    await cp(path, image, { recursive: true });
    await store.close();
    // A hole is seen as long as its links are in the ring: the log must never hold more commits than that.
    const logs = await Promise.all((await filesAt(image, /\.log$/)).map((file) => readFile(file, "latin1")));
    expect(logs.join("").split(" chain/").length - 1).toBeLessThanOrEqual(512);
    for (const directory of [path, image]) {
      const again = fileStore(directory);
      expect(await text(again, "n")).toBe("2.999");
      expect(await historyOf(again)).toBe(history);
      await again.commit([put("n", "more")], await again.acquire());
      await again.close();
      expect(await historyAt(directory)).toBe(history);
    }
  });
});

describe("Node store: holes", () => {
  test("D11 a commit that is missing in the middle is reported when the store opens", async () => {
    await write(path, ratchet(10));
    await raw(path, (level) => level.del(" chain/005"));
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT", details: { commit: 5, last: 10 } });
  });

  test("D11 a commit that was replaced by one of another history is reported", async () => {
    await write(path, ratchet(10));
    await write(image, [...ratchet(4), [put("state", "elsewhere")]]);
    let foreign: Uint8Array | undefined;
    await raw(image, async (level) => void (foreign = await level.get(" chain/005")));
    await raw(path, (level) => level.put(" chain/005", foreign ?? new Uint8Array(0)));
    // Sound in itself, it grows out of the fourth; but the sixth does not grow out of it.
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT", details: { commit: 6, last: 10 } });
  });

  test("D11 damage in the middle of the log, which LevelDB skips without a word, is reported", async () => {
    // Each commit fills more than one 32 KiB block of the log, so a damaged block takes whole commits with it.
    await crashImage(path, image, Array.from({ length: 10 }, (_unused, n) => [put(`n/${n}`, "x".repeat(40_000))]));
    const [log = ""] = await filesAt(image, /\.log$/);
    const file = await open(log, "r+");
    await file.write(Uint8Array.of(0xff, 0xff, 0xff), 0, 3, 150_000);
    await file.close();
    await expect(fileStore(image).acquire()).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT" });
  });
});

describe("Node store: flipped bits", () => {
  const commits = ratchet(60);
  const expected = new Map(commits.flatMap((changes) => changes.flatMap((change): [string, string][] => (change.kind === "put" ? [[change.key, new TextDecoder().decode(change.value)]] : []))));
  const step = 7919;

  /** The verdicts on `count` copies of `source` with one bit flipped in the file that matches. */
  async function campaign(source: string, history: string, pattern: RegExp, count: number): Promise<Map<string, number>> {
    const [file = ""] = await filesAt(source, pattern);
    const { size } = await stat(file);
    const verdicts = new Map<string, number>();
    for (let round = 0; round < count; round++) {
      const copy = shop.fresh();
      await cp(source, copy, { recursive: true });
      await flip(file.replace(source, copy), (round * step + Math.floor((size * round) / count)) % size, round % 8);
      const said = await verdict(copy, history, expected);
      verdicts.set(said, (verdicts.get(said) ?? 0) + 1);
      await rm(copy, { recursive: true, force: true });
    }
    return verdicts;
  }

  test("D11 D13 of one flipped bit in the log nothing older ever comes up without a word", async () => {
    const history = await crashImage(path, image, commits);
    const verdicts = await campaign(image, history, /\.log$/, 87);
    expect([...verdicts.keys()].filter((each) => !["told", "refused", "unharmed"].includes(each)), JSON.stringify([...verdicts])).toEqual([]);
    expect(verdicts.get("told") ?? 0).toBeGreaterThan(40);
  });

  test("D13 of one flipped bit in a table no row vanishes and no older one shows without a word", async () => {
    const history = await write(path, commits);
    const verdicts = await campaign(path, history, /\.ldb$/, 60);
    expect([...verdicts.keys()].filter((each) => !["refused"].includes(each)), JSON.stringify([...verdicts])).toEqual([]);
  });

  test("D13 of one flipped bit in any other file nothing is lost without a word", async () => {
    const history = await write(path, commits);
    for (const pattern of [/^HEAD$/, /^TABLES$/, /^MANIFEST/, /^CURRENT$/]) {
      const verdicts = await campaign(path, history, pattern, 12);
      expect([...verdicts.keys()].filter((each) => !["told", "refused", "unharmed"].includes(each)), `${pattern} ${JSON.stringify([...verdicts])}`).toEqual([]);
    }
  });
});

describe("Node store: former formats", () => {
  const number = (value: number): Uint8Array => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
    return bytes;
  };
  const framed = (key: string, value: Uint8Array): { type: "put"; key: string; value: Uint8Array } => ({ type: "put", key, value: frameRecord(key, value) });

  /** Not the Buffer that classic-level gives. */
  const bytesAt = async (level: ClassicLevel<string, Uint8Array>, key: string): Promise<Uint8Array> => new Uint8Array((await level.get(key)) ?? []);

  /** What version 1 left: a ring of 4096 numbers, no chain, no head. */
  async function versionOne(directory: string, commits: number): Promise<void> {
    await raw(directory, async (level) => {
      await level.batch([framed(" format", number(1)), framed("a", utf8("kept"))], { sync: true });
      for (let at = 1; at <= commits; at++) await level.batch([framed(` trail/${(at % 4096).toString(16).padStart(3, "0")}`, number(at))]);
    });
  }

  test("D17 a store of version 1 opens with all its rows, and is one of version 2 from then on", async () => {
    await versionOne(path, 7);
    const history = await write(path, [[put("b", "new")]]);
    const store = fileStore(path);
    expect([await text(store, "a"), await text(store, "b"), await historyOf(store)]).toEqual(["kept", "new", history]);
    await store.close();
    await raw(path, async (level) => {
      expect(await bytesAt(level, " format")).toEqual(frameRecord(" format", number(2)));
      expect(await level.keys({ gte: " trail/", lt: " trail/\x7f" }).all()).toEqual([]);
    });
  });

  test("D17 a migration that is interrupted leaves a store of version 1, untouched; the next start finishes it", async () => {
    await versionOne(path, 7);
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the right `this` below
    const sound = ClassicLevel.prototype.batch as (...parameters: unknown[]) => unknown;
    let cut = 0;
    ClassicLevel.prototype.batch = function interrupted(this: unknown, ...parameters: unknown[]) {
      cut += 1;
      return cut === 1 ? Promise.reject(Object.assign(new Error("IO error: planted"), { code: "LEVEL_IO_ERROR" })) : sound.apply(this, parameters);
    } as typeof ClassicLevel.prototype.batch;
    try {
      await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    } finally {
      ClassicLevel.prototype.batch = sound as typeof ClassicLevel.prototype.batch;
    }
    expect(await filesAt(path, /HEAD|TABLES/)).toEqual([]); // names that version 1 would refuse
    await raw(path, async (level) => {
      expect(await bytesAt(level, " format")).toEqual(frameRecord(" format", number(1)));
      expect(await bytesAt(level, " trail/007")).toEqual(frameRecord(" trail/007", number(7)));
    });
    const store = fileStore(path);
    expect(await text(store, "a")).toBe("kept");
    await store.close();
  });

  test("D17 a crash right after the migration's batch, before there is a head, is no loss", async () => {
    await versionOne(path, 7);
    await raw(path, (level) => level.batch([
      framed(" format", number(2)), ...Array.from({ length: 7 }, (_unused, at) => ({ type: "del" as const, key: ` trail/00${at + 1}` })),
    ]));
    const store = fileStore(path);
    expect(await text(store, "a")).toBe("kept");
    await store.commit([put("a", "new")], await store.acquire());
    await store.close();
  });

  test("D17 a store of version 1 with a hole is refused and stays as it is", async () => {
    await versionOne(path, 7);
    await raw(path, (level) => level.del(" trail/003"));
    await expect(fileStore(path).acquire()).rejects.toMatchObject({ code: "ERR_STORE_CORRUPT", details: { commit: 3, last: 7 } });
    await raw(path, async (level) => expect(await bytesAt(level, " format")).toEqual(frameRecord(" format", number(1))));
  });
});
