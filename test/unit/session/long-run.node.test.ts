/** Long conversations and stolen states: threats R25, R28, R27. @module */
import { expect, test } from "vitest";
import { memoryDisk } from "../../../src/storage/memory.js";
import { conversation, juliet, romeo, textOfOutcome, World, type TestDevice } from "../../support/omemo-world.js";

const bytesOf = (device: TestDevice): number => [...device.disk.rows].reduce((sum, [key, value]) => sum + key.length + value.length, 0);

test("R25 twenty thousand messages in one direction, most of them in one chain: rows and bytes stay what they were, on both sides", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const sizes: (readonly number[])[] = [];
  for (let batch = 0; batch < 20; batch++) {
    const messages = await a.ledger.run(async (tx) => {
      const sealed = [];
      for (let n = 0; n < 1_000; n++) sealed.push(await a.omemo.sealEmpty(tx, b.address));
      return sealed;
    });
    await b.ledger.run(async (tx) => {
      for (const message of messages) {
        if (message === undefined) throw new RangeError("no session");
        const outcome = await b.omemo.open(tx, { sender: romeo, message, context: { kind: "chat" } });
        if (outcome.kind !== "empty") throw new RangeError(outcome.kind);
      }
    });
    sizes.push([a.disk.rows.size, bytesOf(a), b.disk.rows.size, bytesOf(b)]);
  }
  const [first, last] = [sizes[1], sizes.at(-1)];
  expect(last).toEqual(first);
}, 240_000);

test("R25 R09 one-way with nearly all messages lost: at most a thousand skipped keys, and their bytes stop growing", async () => {
  const { a, b } = await conversation(new World());
  const sizes: number[] = [];
  for (let batch = 0; batch < 4; batch++) {
    const messages = await a.ledger.run(async (tx) => {
      const sealed = [];
      for (let n = 0; n < 1_000; n++) sealed.push(await a.omemo.sealEmpty(tx, b.address));
      return sealed;
    });
    // One read in five hundred: evictions are costly, and one message is as good as many to cause them.
    for (const index of [499, 999]) {
      const message = messages[index];
      if (message === undefined) throw new RangeError("no session");
      expect((await b.open(romeo, message)).kind).toBe("empty");
    }
    sizes.push(bytesOf(b));
  }
  expect([...b.disk.rows.keys()].filter((key) => key.includes("/skipped/"))).toHaveLength(1_000);
  expect(sizes.at(-1)).toBe(sizes[1]);
}, 240_000);

test("R28 a copied state reads what comes next, and nothing any more after one round trip", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const stolen = memoryDisk();
  for (const [key, value] of b.disk.rows) stolen.rows.set(key, value.slice());
  const thief = await world.device(juliet, { disk: stolen, announce: false });
  const before = await a.send(juliet, "read by both");
  expect(textOfOutcome(await thief.open(romeo, before))).toBe("read by both");
  expect(textOfOutcome(await b.open(romeo, before))).toBe("read by both");
  expect(textOfOutcome(await a.open(juliet, await b.send(romeo, "out")))).toBe("out");
  const healed = await a.send(juliet, "and back");
  expect(textOfOutcome(await thief.open(romeo, healed))).toBe("failed ERR_CRYPTO_DECRYPT");
  expect(textOfOutcome(await b.open(romeo, healed))).toBe("and back");
  for (let turn = 0; turn < 3; turn++) {
    await a.open(juliet, await b.send(romeo, "on"));
    const later = await a.send(juliet, `later ${turn}`);
    expect((await thief.open(romeo, later)).kind).toBe("failed");
    expect(textOfOutcome(await b.open(romeo, later))).toBe(`later ${turn}`);
  }
});
