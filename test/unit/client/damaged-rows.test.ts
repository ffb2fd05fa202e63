/** D13: rows that cannot be read are found by their names, however many there are, and nothing else is touched. */
import { expect, test } from "vitest";
import { utf8, utf8Decode } from "../../../src/base/bytes.js";
import { mendRows } from "../../../src/client/damaged-rows.js";
import { unlessDamaged } from "../../../src/client/log/damaged.js";
import { nobleProvider } from "../../../src/crypto/noble-provider.js";
import type { SessionContext } from "../../../src/session/context.js";
import { Ledger } from "../../../src/session/ledger.js";
import { storeKey } from "../../../src/session/ports.js";
import { decodeDevice } from "../../../src/session/records/device-record.js";
import { decodeDeviceList, decodeOwner, decodeTrust, encodeOwner, encodeTrust } from "../../../src/session/records/directory-records.js";
import { StoreKeys } from "../../../src/session/records/store-keys.js";
import { memoryDisk } from "../../../src/storage/memory.js";
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
