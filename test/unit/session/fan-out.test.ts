/** What a fan-out costs the store, in operations (docs/architecture.md, What things cost). @module */
import { expect, test, vi } from "vitest";
import { bareJid } from "../../../src/base/jid.js";
import type { Store } from "../../../src/session/ports.js";
import { body, juliet, romeo, World } from "../../support/omemo-world.js";

/** Counts calls of `store` while `work` runs; `get` and `getMany` are one read each. */
async function operations(store: Store, work: () => Promise<unknown>): Promise<Readonly<Record<"reads" | "lists" | "commits", number>>> {
  const spies = (["get", "getMany", "list", "commit"] as const).map((name) => [name, vi.spyOn(store, name)] as const);
  try {
    await work();
    const calls = (...names: readonly string[]): number => spies.filter(([name]) => names.includes(name)).reduce((sum, [, spy]) => sum + spy.mock.calls.length, 0);
    return { reads: calls("get", "getMany"), lists: calls("list"), commits: calls("commit") };
  } finally {
    for (const [, spy] of spies) spy.mockRestore();
  }
}

test("sealing for many devices is two reads, whatever their number and policy, and one commit", async () => {
  const world = new World();
  const a = await world.device(romeo);
  await world.device(romeo);
  a.omemo.expireDeviceLists();
  for (const devices of [1, 4]) {
    for (let n = 0; n < devices; n++) await world.device(juliet);
    a.omemo.expireDeviceLists();
    const first = await a.omemo.prepare([juliet]);
    await a.ledger.run((tx) => a.omemo.seal(tx, first, [body("makes the sessions")], { to: juliet }));
    const plan = await a.omemo.prepare([juliet]);
    const seal = (): Promise<unknown> => a.ledger.run((tx) => a.omemo.seal(tx, plan, [body("over sessions")], { to: juliet }));
    expect(await operations(a.store, seal)).toEqual({ reads: 2, lists: 0, commits: 1 });
  }
});

test("L04 T02 the lists of many recipients are fetched eight at a time", async () => {
  const world = new World();
  const directory = world.server.directoryOf(romeo);
  let [open, most] = [0, 0];
  const a = await world.device(romeo, { directory: {
    ...directory,
    fetchDeviceList: async (...of) => {
      most = Math.max(most, ++open);
      await Promise.resolve();
      open -= 1;
      return directory.fetchDeviceList(...of);
    },
  } });
  const recipients = Array.from({ length: 20 }, (_, i) => bareJid(`friend${String(i)}@example.org`));
  expect((await a.omemo.prepare(recipients)).recipients).toHaveLength(21);
  expect(most).toBe(8);
});

test("preparing a send, and the application's view of the devices, cost the same for one device and for many", async () => {
  const world = new World();
  const a = await world.device(romeo);
  for (const devices of [1, 4]) {
    for (let n = 0; n < devices; n++) await world.device(juliet);
    a.omemo.expireDeviceLists();
    await a.send(juliet, "makes the sessions");
    // The lists of both accounts, the devices of one and the trust in their keys. The own account has no other device.
    expect(await operations(a.store, () => a.omemo.prepare([juliet]))).toEqual({ reads: 4, lists: 0, commits: 0 });
    expect(await operations(a.store, () => a.omemo.devices(juliet))).toEqual({ reads: 2, lists: 1, commits: 0 });
  }
});

test("a transaction reads each row once", async () => {
  const world = new World();
  const a = await world.device(romeo);
  const [one, two] = [...a.disk.rows.keys()];
  if (one === undefined || two === undefined) throw new RangeError("no rows");
  const reads = (): Promise<unknown> => a.ledger.run(async (tx) => {
    const first = await tx.getMany([one, two, one]);
    expect(first[2]).toEqual(first[0]);
    expect(await tx.get(one)).toEqual(first[0]);
    first[0]?.fill(0);
    expect(await tx.get(one)).not.toEqual(first[0]); // a copy each time
  });
  expect(await operations(a.store, reads)).toEqual({ reads: 1, lists: 0, commits: 0 });
});
