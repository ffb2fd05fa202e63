/** D13: rows that cannot be read are found by their names, however many there are, and nothing else is touched. */
import { expect, test } from "vitest";
import { toHex, utf8, utf8Decode } from "../../../src/base/bytes.js";
import { type BareJid, bareJid } from "../../../src/base/jid.js";
import { unlessDamaged } from "../../../src/client/damaged.js";
import { mendRows } from "../../../src/client/mending/damaged-rows.js";
import type { PublicKey } from "../../../src/crypto/keys.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { SessionContext } from "../../../src/session/context.js";
import { Ledger } from "../../../src/session/ledger.js";
import { type DeviceId, type Store, storeKey, type StoreKey } from "../../../src/session/ports.js";
import { decodeDevice } from "../../../src/session/records/device-record.js";
import { decodeDeviceList, decodeOwner, decodeTrust, encodeOwner, encodeTrust } from "../../../src/session/records/directory-records.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { applySkipped, enforceSkippedTotal } from "../../../src/session/skipped-rows.js";
import type { Transaction } from "../../../src/session/transaction.js";
import { type MemoryDisk, memoryDisk } from "../../../src/storage/memory.js";
import { damagedStore } from "../../support/damaged-store.js";
import { FakeClock } from "../../support/omemo-world.js";

test.each([[[0]], [[299]], [[0, 1, 2]], [[7, 150, 151, 298]], [[...Array(300).keys()]]])("D13 of 300 rows those are written anew that cannot be read: %j", async (numbers) => {
  const disk = memoryDisk();
  const names = Array.from({ length: 300 }, (_, i) => storeKey(`client/own/${"~!x%".charAt(i % 4)}${i % 3 === 0 ? "" : "a~"}${i}`)).sort();
  const others = ["client/oww", "client/own", "client/owo/1"].map(storeKey);
  const bad = new Set<string>(numbers.map((number) => names[number]!));
  const store = damagedStore(disk, bad);
  const ledger = new Ledger(store, await store.acquire());
  for (const key of [...names, ...others]) disk.rows.set(key, utf8("1"));
  const context = { clock: new FakeClock(), keys: new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2") } as unknown as SessionContext;
  const count = await ledger.run((tx) => mendRows(tx, { context, decodeDevice, decodeDeviceList, decodeTrust, encodeTrust, decodeOwner, encodeOwner, unlessDamaged }));
  expect(count).toBe(numbers.length);
  const changed = [...disk.rows].flatMap(([key, value]) => (utf8Decode(value) === "1" ? [] : [key])).sort();
  expect(changed).toEqual(numbers.map((number) => names[number]));
  expect(disk.rows.size).toBe(303);
});

const keys = new StoreKeys(nobleProvider.symmetric, "urn:xmpp:omemo:2");
const [romeo, juliet, paris] = ["romeo@verona.example", "juliet@verona.example", "paris@verona.example"].map(bareJid) as [BareJid, BareJid, BareJid];

interface Damaged {
  readonly disk: MemoryDisk;
  readonly store: Store;
  readonly clock: FakeClock;
  readonly context: SessionContext;
  readonly run: <T>(work: (tx: Transaction) => Promise<T>) => Promise<T>;
  readonly mend: () => Promise<number>;
}

/** A store on which one row cannot be read, and perhaps others. */
async function damaged(key: StoreKey, way: "store" | "record" = "store", others: readonly StoreKey[] = []): Promise<Damaged> {
  const disk = memoryDisk();
  for (const each of [key, ...others]) disk.rows.set(each, utf8("?"));
  const store = damagedStore(disk, new Set(way === "store" ? [key, ...others] : []));
  const ledger = new Ledger(store, await store.acquire());
  const clock = new FakeClock();
  const context = { clock, keys } as unknown as SessionContext;
  const mend = (): Promise<number> => ledger.run((tx) => mendRows(tx, { context, decodeDevice, decodeDeviceList, decodeTrust, encodeTrust, decodeOwner, encodeOwner, unlessDamaged }));
  return { disk, store, clock, context, run: (work) => ledger.run(work), mend };
}

test.each(["store", "record"] as const)("D13 R09 how many skipped keys there are is counted anew where that cannot be read, and keeps nobody from reading (%s)", async (way) => {
  const { disk, context, run, mend } = await damaged(keys.skippedTotal(), way);
  const device = { jid: juliet, deviceId: 7 as DeviceId };
  const key = { ratchetKey: new Uint8Array(32) as PublicKey, n: 3, messageKey: new Uint8Array(32), sequence: 1 };
  const skip = (tx: Transaction): Promise<void> =>
    applySkipped(tx, context, device, 1, { added: [key], used: undefined, evictOldest: 0 });
  await expect(run(skip)).rejects.toMatchObject({ code: way === "store" ? "ERR_STORE_CORRUPT" : "ERR_RECORD_INVALID" });
  expect(await mend()).toBe(1);
  await run(skip);
  expect(disk.rows.get(keys.skippedTotal())?.[1]).toBe(1); // beyond every bound
  await run((tx) => enforceSkippedTotal(tx, context));
  expect([...disk.rows.get(keys.skippedTotal()) ?? []]).toEqual([1, 0, 0, 0, 0, 0, 0]); // no session says that it holds any
  expect(await mend()).toBe(0);
});

test("D13 R26 whose a key was first is found again by what is on record of it: not by whoever claims it as well", async () => {
  const key = new Uint8Array(32).fill(5);
  const holder = keys.holderOfTrust(keys.trust(romeo, key));
  const { disk, run, mend } = await damaged(holder);
  await run(async (tx) => {
    for (const [jid, state] of [[juliet, "undecided"], [romeo, "trusted"]] as const) tx.put(keys.trust(jid, key), encodeTrust({ state, since: 1 }));
    tx.put(keys.trust(paris, new Uint8Array(32)), encodeTrust({ state: "authenticated", since: 1 }));
  });
  expect(holder.endsWith(toHex(key))).toBe(true);
  expect([await mend(), utf8Decode(disk.rows.get(holder)!)]).toEqual([1, romeo]);
  const nobody = await damaged(holder);
  const long = bareJid(`${"a".repeat(300)}@verona.example`); // its rows do not name it
  await nobody.run(async (tx) => { tx.put(keys.trust(long, key), encodeTrust({ state: "trusted", since: 1 })); });
  expect([await nobody.mend(), nobody.disk.rows.has(holder)]).toEqual([1, false]);
  // Nor is it forgotten while it cannot be told.
  const two = keys.trust(paris, key);
  const both = await damaged(holder, "store", [two]);
  await both.run(async (tx) => { tx.put(keys.trust(romeo, key), encodeTrust({ state: "trusted", since: 1 })); });
  expect([await both.mend(), await both.mend(), await both.mend()]).toEqual([2, 1, 0]);
  expect(utf8Decode(both.disk.rows.get(holder)!)).toBe(romeo);
});

test("D13 R26 nor by whoever is not believed to have it, though that was decided", async () => {
  const key = new Uint8Array(32).fill(5);
  const holder = keys.holderOfTrust(keys.trust(romeo, key));
  for (const state of ["trusted", "authenticated"] as const) {
    const { disk, run, mend } = await damaged(holder);
    await run(async (tx) => {
      for (const [jid, decided] of [[juliet, "distrusted"], [romeo, state]] as const) tx.put(keys.trust(jid, key), encodeTrust({ state: decided, since: 1 }));
    });
    expect([await mend(), utf8Decode(disk.rows.get(holder)!)]).toEqual([1, romeo]);
  }
});

test.each(["omemo/2/strangers-lists", "omemo/retired"].flatMap((key) => (["store", "record"] as const).map((way) => [key, way] as const)))("D13 %s goes, and keeps nobody offline (%s)", async (key, way) => {
  const { disk, mend } = await damaged(key as StoreKey, way);
  expect([await mend(), disk.rows.size]).toEqual([1, 0]);
});

test("D13 L02 what is of no kind that is known here is not looked for with each message that runs into it", async () => {
  const { store, clock, mend } = await damaged("omemo/3/unheard-of" as StoreKey);
  let lists = 0;
  const list = store.list.bind(store);
  store.list = (range) => {
    lists += 1;
    return list(range);
  };
  expect(await mend()).toBe(0);
  const once = lists;
  expect(once).toBeGreaterThan(0);
  for (let i = 0; i < 100; i++) {
    clock.time += 500;
    await mend();
  }
  expect(lists).toBe(once);
  clock.time += 10_000; // something else may be damaged by then
  await mend();
  expect(lists).toBe(2 * once);
});
