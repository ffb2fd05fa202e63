/** Group commit: what queues up behind a commit is committed together, and no piece of work notices (docs/architecture.md, The commit rule). */
import { expect, test } from "vitest";
import { Ledger, worksPerCommitMax } from "../../../src/session/ledger.js";
import { storeKey, type Change, type Fence, type Store } from "../../../src/session/ports.js";
import type { Transaction } from "../../../src/session/transaction.js";
import { memoryStore } from "../../../src/storage/memory.js";
import { conversation, juliet, World } from "../../support/omemo-world.js";

const key = (name: string) => storeKey(name);
const bytes = (...values: number[]) => Uint8Array.from(values);

/** A store whose commits wait until the test lets them go, or fail. */
async function slowLedger() {
  const inner = memoryStore();
  const commits: (readonly Change[])[] = [];
  const gates: { readonly go: () => void; readonly fail: (error: Error) => void }[] = [];
  const store: Store = {
    acquire: () => inner.acquire(), owns: (fence) => inner.owns(fence), get: (name) => inner.get(name), getMany: (names) => inner.getMany(names),
    list: (range) => inner.list(range), close: () => inner.close(), destroy: () => inner.destroy(),
    async commit(changes: readonly Change[], fence: Fence) {
      commits.push(changes);
      await new Promise<void>((go, fail) => { gates.push({ go, fail }); });
      await inner.commit(changes, fence);
    },
  };
  const ledger = new Ledger(store, await store.acquire());
  const turns = async (): Promise<void> => { for (let i = 0; i < 1_000; i++) await Promise.resolve(); };
  return {
    ledger, store: inner, commits,
    /** Waits for the n-th commit, lets it end, and waits for what follows. */
    commit: async (end: (gate: (typeof gates)[number]) => void = (gate) => { gate.go(); }): Promise<void> => {
      await turns();
      const gate = gates.shift();
      if (gate === undefined) throw new RangeError("no commit is under way");
      end(gate);
      await turns();
    },
  };
}

/** Adds one to a counter in the store. */
async function count(tx: Transaction): Promise<number> {
  const n = ((await tx.get(key("n")))?.[0] ?? 0) + 1;
  tx.put(key("n"), bytes(n));
  return n;
}

test("works that queue up behind a commit go together in the next one, in order, each seeing the one before", async () => {
  const { ledger, commits, commit, store } = await slowLedger();
  const first = ledger.run(count);
  await Promise.resolve();
  await Promise.resolve();
  const done: number[] = [];
  const others = [1, 2, 3, 4, 5].map(() => ledger.run(count).then((n) => { done.push(n); return n; }));
  await commit();
  if (commits.length === 1) { // all were in time for the first one
    expect(await Promise.all([first, ...others])).toEqual([1, 2, 3, 4, 5, 6]);
  } else {
    expect(done).toEqual([]);
    await commit();
    expect(await Promise.all([first, ...others])).toEqual([1, 2, 3, 4, 5, 6]);
  }
  expect(done).toEqual([2, 3, 4, 5, 6]);
  expect(commits.length).toBeLessThanOrEqual(2);
  expect(commits.at(-1)?.length).toBe(1); // one change per key, however many works wrote it
  expect(await store.get(key("n"))).toEqual(bytes(6));
});

test("while a commit is under way nothing more gets into it", async () => {
  const { ledger, commits, commit } = await slowLedger();
  void ledger.run((tx) => { tx.put(key("a"), bytes(1)); });
  for (let i = 0; i < 100; i++) await Promise.resolve(); // the commit has begun
  const late = ledger.run((tx) => { tx.put(key("b"), bytes(1)); });
  await commit();
  expect(commits.map((changes) => changes.map((change) => change.key))).toEqual([["a"], ["b"]]);
  await commit();
  await late;
});

test("a work that throws undoes only its own changes, fails alone and at once, and its tasks never run", async () => {
  const { ledger, commits, commit, store } = await slowLedger();
  const seen: string[] = [];
  const before = ledger.run((tx) => { tx.put(key("a"), bytes(1)); tx.put(key("shared"), bytes(1)); tx.onUndone(() => { seen.push("before undone"); }); });
  const failing = ledger.run(async (tx) => {
    tx.put(key("shared"), bytes(2));
    tx.delete(key("a"));
    tx.put(key("b"), bytes(2));
    tx.afterCommit(() => { seen.push("failing committed"); });
    tx.onUndone((error) => { seen.push(`failing undone ${(error as Error).message}`); });
    await tx.get(key("c"));
    throw new RangeError("crash");
  });
  const after = ledger.run(async (tx) => [await tx.get(key("shared")), await tx.get(key("a")), await tx.get(key("b")), (await tx.list({ prefix: "" })).map((row) => row.key)]);
  await expect(failing).rejects.toThrow("crash");
  await commit();
  await before;
  expect(await after).toEqual([bytes(1), bytes(1), undefined, ["a", "shared"]]);
  expect(commits.length).toBe(1);
  expect(seen).toEqual(["failing undone crash"]);
  expect((await store.list({ prefix: "" })).map((row) => row.key)).toEqual(["a", "shared"]);
});

test("a commit that fails fails every work of it, undoes the last first, and the next commit begins from what is durable", async () => {
  const { ledger, commit, store } = await slowLedger();
  const undone: string[] = [];
  const works = ["x", "y"].map((name) => ledger.run(async (tx) => {
    tx.onUndone(() => { undone.push(name); });
    tx.afterCommit(() => { undone.push("committed"); });
    return count(tx);
  }));
  const bystander = ledger.run(() => "nothing read, nothing written");
  const results = Promise.allSettled(works);
  await commit((gate) => { gate.fail(new RangeError("disk")); });
  expect((await results).map((result) => result.status)).toEqual(["rejected", "rejected"]);
  expect(undone).toEqual(["y", "x"]);
  expect(await bystander).toBe("nothing read, nothing written");
  const next = ledger.run(count);
  await commit();
  expect(await next).toBe(1);
  expect(await store.get(key("n"))).toEqual(bytes(1));
});

test(`a commit holds at most ${worksPerCommitMax} works`, async () => {
  for (const works of [worksPerCommitMax - 1, worksPerCommitMax, worksPerCommitMax + 1]) {
    const { ledger, commits, commit } = await slowLedger();
    const all = Promise.all(Array.from({ length: works }, (_, i) => ledger.run((tx) => { tx.put(key(`k${i}`), bytes(1)); })));
    await commit();
    if (works > worksPerCommitMax) await commit();
    await all;
    expect(commits.map((changes) => changes.length)).toEqual(works > worksPerCommitMax ? [worksPerCommitMax, 1] : [works]);
  }
});

test("a transaction that is kept after its work has ended reaches nothing any more", async () => {
  const { ledger, commit, store } = await slowLedger();
  let kept: Transaction | undefined;
  const first = ledger.run((tx) => { kept = tx; tx.put(key("a"), bytes(1)); });
  const second = ledger.run((tx) => {
    kept?.put(key("late"), bytes(1));
    kept?.delete(key("a"));
    tx.put(key("b"), bytes(1));
  });
  await commit();
  await Promise.all([first, second]);
  expect((await store.list({ prefix: "" })).map((row) => row.key)).toEqual(["a", "b"]);
});

test("a savepoint inside a work gives up its own changes and keeps the others", async () => {
  const { ledger, commit, store } = await slowLedger();
  const seen: string[] = [];
  const work = ledger.run(async (tx) => {
    tx.put(key("a"), bytes(1));
    await tx.attempt((inner) => { inner.put(key("b"), bytes(1)); inner.afterCommit(() => { seen.push("b"); }); });
    await expect(tx.attempt(async (inner) => {
      inner.put(key("a"), bytes(2));
      inner.afterCommit(() => { seen.push("never"); });
      expect(await inner.get(key("b"))).toEqual(bytes(1));
      throw new RangeError("given up");
    })).rejects.toThrow("given up");
    return tx.get(key("a"));
  });
  await commit();
  expect(await work).toEqual(bytes(1));
  expect(seen).toEqual(["b"]);
  expect((await store.list({ prefix: "" })).map((row) => row.key)).toEqual(["a", "b"]);
});

test("R21 a message sealed in the commit that renews the device is sealed by the new device", async () => {
  const world = new World();
  const { a, b } = await conversation(world);
  const former = a.id;
  const plan = await a.omemo.prepareDevice(b.address); // with a bundle: a new session can be made
  const renewed = a.omemo.renewDevice();
  const sealed = a.ledger.run((tx) => a.omemo.seal(tx, plan, [], { to: juliet }));
  const { present } = await renewed;
  expect(present.deviceId).not.toBe(former);
  expect(await sealed).toMatchObject({ kind: "sealed", message: { sid: present.deviceId } });
});
