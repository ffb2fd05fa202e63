/** Several accounts in one process: nothing is shared. On a real server: test/client/accounts.node.test.ts. */
import { expect, test } from "vitest";
import type { SottoClient } from "../../../src/client/client.js";
import { createClientWith } from "../../../src/client/create-client.js";
import { checkOptions } from "../../../src/client/options.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../../src/storage/memory.js";
import { juliet, romeo } from "../../support/omemo-world.js";

const nurse = "nurse@example.org";
const tybalt = "tybalt@example.org";

function open(account: string, disk: MemoryDisk): Promise<SottoClient> {
  return createClientWith({ account, password: "secret", service: "wss://example.org/ws", store: memoryStore(disk), autoConnect: false });
}

/** All texts of a disk, keys and values. */
const textOf = (disk: MemoryDisk): string => [...disk.rows].map(([key, value]) => `${key} ${new TextDecoder().decode(value)}`).join("\n");
/** Every 16 bytes of what a disk holds of keys, at every place. */
function pieces(disk: MemoryDisk): Set<string> {
  const found = new Set<string>();
  for (const [key, value] of disk.rows) {
    if (!key.startsWith("omemo/")) continue;
    for (let i = 0; i + 16 <= value.length; i++) {
      const piece = value.subarray(i, i + 16);
      if (new Set(piece).size > 12) found.add(piece.join()); // random bytes: counters, times and zeros are alike everywhere
    }
  }
  return found;
}

test("two accounts in one process have each their own device, keys, rows, messages and events, and what one does changes nothing of the other", async () => {
  const disks = [memoryDisk(), memoryDisk()] as const;
  const [a, b] = await Promise.all([open(romeo, disks[0]), open(juliet, disks[1])]);
  const events: string[] = [];
  b.onEvent((event) => { events.push(event.kind); });
  expect(a.device.fingerprint).not.toBe(b.device.fingerprint);
  expect(a.device.deviceId).not.toBe(b.device.deviceId);
  const before = textOf(disks[1]);
  await a.conversation(nurse).send({ text: "for the nurse" }).reached("stored");
  await a.deleteHistory({ before: 0 });
  expect(textOf(disks[1])).toBe(before);
  await b.conversation(tybalt).send({ text: "for the cousin" }).reached("stored");
  expect([(await a.history()).map(({ text }) => text), (await b.history()).map(({ text }) => text)]).toEqual([["for the nurse"], ["for the cousin"]]);
  expect([a.waiting, b.waiting]).toEqual([1, 1]);
  expect(events).toEqual([]);

  const texts = [textOf(disks[0]), textOf(disks[1])] as const;
  for (const foreign of [juliet, tybalt, "for the cousin"]) expect(texts[0].includes(foreign)).toBe(false);
  for (const foreign of [romeo, nurse, "for the nurse"]) expect(texts[1].includes(foreign)).toBe(false);
  const ours = pieces(disks[0]);
  expect(ours.size).toBeGreaterThan(1_000);
  expect([...pieces(disks[1])].filter((piece) => ours.has(piece))).toEqual([]);

  await a.close();
  await b.conversation(tybalt).send({ text: "still here" }).reached("stored");
  await b.close();
});

test("N14 a store that belongs to one account is refused to another, and its owner does not suffer from the attempt", async () => {
  const disk = memoryDisk();
  const a = await open(romeo, disk);
  const before = [disk.acquisitions, textOf(disk)];
  await expect(open(juliet, disk)).rejects.toMatchObject({ code: "ERR_STORE_FOREIGN_ACCOUNT" });
  expect([disk.acquisitions, textOf(disk)]).toEqual(before);
  await a.conversation(nurse).send({ text: "still mine" }).reached("stored");
  await a.close();
  await expect(open(juliet, disk)).rejects.toMatchObject({ code: "ERR_STORE_FOREIGN_ACCOUNT" });
  await (await open(romeo, disk)).close();
});

test("two clients share no cache of keys, and no generator of ids", async () => {
  const options = { account: romeo, password: "secret", service: "wss://example.org/ws" } as const;
  const [a, b] = [checkOptions({ ...options, store: memoryStore() }), checkOptions({ ...options, account: juliet, store: memoryStore() })];
  // Portable primitives hold nothing; Node's hold imported keys (node-key-cache.ts).
  if (a.provider.name !== "noble") expect(a.provider.curve).not.toBe(b.provider.curve);
  expect(a.rng).not.toBe(b.rng);
  expect(a.store).not.toBe(b.store);
});
