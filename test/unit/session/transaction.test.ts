/** Transaction, Ledger and stored records (docs/architecture.md, The commit rule). @module */
import { expect, test } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import { Ledger } from "../../../src/session/ledger.js";
import { storeKey, type Change, type Fence, type Store } from "../../../src/session/ports.js";
import { decodeDevice, encodeDevice } from "../../../src/session/records/device-record.js";
import { decodeDeviceList, decodeOwner, decodeTrust, encodeDeviceList, encodeOwner, encodeTrust } from "../../../src/session/records/directory-records.js";
import { RecordReader, RecordWriter } from "../../../src/session/records/fields.js";
import { decodeOwnBundle, decodeOwnDevice, decodePreKey } from "../../../src/session/records/own-records.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { memoryDisk, memoryStore } from "../../../src/storage/memory.js";
import { conversation, juliet, romeo, World } from "../../support/omemo-world.js";

const key = (text: string): ReturnType<typeof storeKey> => storeKey(text);
const bytes = (...values: readonly number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);

async function ledgerOver(disk = memoryDisk()): Promise<{ readonly ledger: Ledger; readonly store: Store; readonly commits: Change[][] }> {
  const inner = memoryStore(disk);
  const commits: Change[][] = [];
  const store: Store = {
    acquire: () => inner.acquire(),
    owns: (fence: Fence) => inner.owns(fence),
    get: (name) => inner.get(name),
    getMany: (names) => inner.getMany(names),
    list: (range) => inner.list(range),
    commit: (changes, fence) => { commits.push([...changes]); return inner.commit(changes, fence); },
    close: () => inner.close(),
    destroy: () => inner.destroy(),
  };
  return { ledger: new Ledger(store, await store.acquire()), store, commits };
}

test("a transaction reads through its own writes, in every way of reading", async () => {
  const { ledger } = await ledgerOver();
  await ledger.run(async (tx) => { for (const name of ["a/1", "a/2", "a/3", "b/1"]) tx.put(key(name), bytes(1)); });
  await ledger.run(async (tx) => {
    tx.put(key("a/2"), bytes(2));
    tx.put(key("a/25"), bytes(3));
    tx.delete(key("a/1"));
    expect(await tx.get(key("a/1"))).toBeUndefined();
    expect(await tx.getMany([key("a/1"), key("a/2"), key("a/3")])).toEqual([undefined, bytes(2), bytes(1)]);
    expect((await tx.list({ prefix: "a/" })).map((row) => row.key)).toEqual(["a/2", "a/25", "a/3"]);
    expect((await tx.list({ prefix: "a/", limit: 1 })).map((row) => row.key)).toEqual(["a/2"]);
    expect((await tx.list({ prefix: "a/", limit: 2, reverse: true })).map((row) => row.key)).toEqual(["a/3", "a/25"]);
    expect((await tx.list({ prefix: "a/", after: "a/2", before: "a/3" })).map((row) => row.key)).toEqual(["a/25"]);
  });
});

test("values are copied: what a caller does with its bytes later changes nothing", async () => {
  const { ledger } = await ledgerOver();
  await ledger.run(async (tx) => {
    const value = bytes(1);
    tx.put(key("a"), value);
    value[0] = 9;
    const read = await tx.get(key("a"));
    expect(read).toEqual(bytes(1));
    if (read !== undefined) read[0] = 9;
    expect(await tx.get(key("a"))).toEqual(bytes(1));
  });
});

test("a ledger commits each piece of work once, one after the other, and nothing of work that throws or changes nothing", async () => {
  const { ledger, commits } = await ledgerOver();
  const order: string[] = [];
  const slow = ledger.run(async (tx) => {
    await Promise.resolve();
    tx.put(key("n"), bytes(1));
    order.push("slow");
  });
  const failing = ledger.run(async (tx) => { tx.put(key("n"), bytes(2)); order.push("failing"); throw new RangeError("crash"); });
  const reading = ledger.run(async (tx) => { order.push("reading"); return tx.get(key("n")); });
  await slow;
  await expect(failing).rejects.toThrow("crash");
  expect(await reading).toEqual(bytes(1));
  expect(order).toEqual(["slow", "failing", "reading"]);
  expect(commits.length).toBe(1);
});

test("tasks after the commit run once it is durable, and never if it fails", async () => {
  const disk = memoryDisk();
  const { ledger } = await ledgerOver(disk);
  const seen: string[] = [];
  await ledger.run(async (tx) => { tx.put(key("a"), bytes(1)); tx.afterCommit(() => { seen.push(disk.rows.has(key("a")) ? "durable" : "early"); }); });
  expect(seen).toEqual(["durable"]);
  await ledgerOver(disk); // somebody else takes the store over
  await expect(ledger.run(async (tx) => { tx.put(key("b"), bytes(1)); tx.afterCommit(() => { seen.push("never"); }); })).rejects.toMatchObject({ code: "ERR_STORE_FENCED" });
  expect(await ledger.owns()).toBe(false);
  expect(seen).toEqual(["durable"]);
  expect(disk.rows.has(key("b"))).toBe(false);
});

test("a fan-out to many devices is one commit, and a packed session without skipped keys stays below 600 bytes", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  for (let i = 0; i < 8; i++) {
    await b.open(romeo, await a.send(juliet, "more"));
    await a.open(juliet, await b.send(romeo, "chains"));
  }
  const [row] = [...a.disk.rows].filter(([name]) => name.startsWith("omemo/2/device/")).map(([, value]) => value);
  expect(row?.length ?? 1_000).toBeLessThan(700); // the device's row: the session, two identity keys, bookkeeping
  const device = row === undefined ? undefined : decodeDevice(row);
  expect(device === undefined ? undefined : encodeDevice(device)).toEqual(row);
});

test("stored records are decoded strictly: cut, extended or of another version they are refused", async () => {
  const { a } = await conversation(new World());
  const rows = [...a.disk.rows];
  const find = (prefix: string): Uint8Array => rows.find(([name]) => name.startsWith(prefix))?.[1] ?? new Uint8Array(0);
  const cases: readonly (readonly [Uint8Array, (row: Uint8Array) => unknown])[] = [
    [find("omemo/own"), decodeOwnDevice], [find("omemo/2/bundle"), decodeOwnBundle], [find("omemo/2/prekey/"), decodePreKey],
    [find("omemo/2/device/"), decodeDevice], [find("omemo/2/list/"), decodeDeviceList], [find("omemo/trust/"), decodeTrust], [find("omemo/owner/"), decodeOwner],
  ];
  for (const [row, decode] of cases) {
    expect(row.length).toBeGreaterThan(0);
    expect(() => decode(row)).not.toThrow();
    for (let length = 0; length < row.length; length++) expect(() => decode(row.subarray(0, length))).toThrow();
    expect(() => decode(Uint8Array.from([...row, 0]))).toThrow();
    expect(() => decode(Uint8Array.from(row, (byte, i) => (i === 0 ? byte + 1 : byte)))).toThrow();
  }
});

test("records come back as they were written, labels and all", () => {
  const list = [{ id: 1 as never, label: "Ünicode", labelSignature: bytes(1, 2) }, { id: 2 as never }];
  expect(decodeDeviceList(encodeDeviceList(list))).toEqual(list);
  expect(decodeTrust(encodeTrust({ state: "distrusted", since: 5 }))).toEqual({ state: "distrusted", since: 5 });
  expect(decodeOwner(encodeOwner({ authenticated: true, writtenTo: false }))).toEqual({ authenticated: true, writtenTo: false });
  const reader = new RecordReader(new RecordWriter(1).uint(6, 2 ** 48 - 1).finish(), 1);
  expect(reader.uint(6)).toBe(2 ** 48 - 1);
  expect(() => new RecordWriter(1).uint(1, 256)).toThrow();
});

test("store keys of different owners never meet, and very long addresses fit", () => {
  const keys = new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2");
  const long = bareJid(`${"ä".repeat(500)}@example.org`);
  const names = [romeo, juliet, long, bareJid(`${"ä".repeat(499)}@example.org`), bareJid("a~b@example.org"), bareJid("a%7eb@example.org")].map((jid) => keys.devicePrefix(jid));
  expect(new Set(names).size).toBe(names.length);
  expect(keys.archivedSession(keys.device({ jid: long, deviceId: 1 as never }), 1).length).toBeLessThan(1_024);
});
