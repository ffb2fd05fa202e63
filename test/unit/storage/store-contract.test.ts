/** The contract suite is itself on trial: each kind of broken adapter must fail it (threats D20). @module */
import { describe, expect, test } from "vitest";
import { copyBytes, utf8, type Bytes } from "../../../src/base/bytes.js";
import { storeKey, type Change, type Fence, type Store, type StoreKey, type StoreRange, type StoreRow } from "../../../src/session/ports.js";
import { fencedError } from "../../../src/storage/errors.js";
import { memoryDisk, memoryStore, type MemoryDisk } from "../../../src/storage/memory.js";
import { storeContract } from "../../../src/testing/store-contract.js";

/** Methods that replace the sound ones of a memory store on `disk`. */
type Breakage = (sound: Store, disk: MemoryDisk) => Partial<Store>;

/** A sound store with some methods replaced. */
function brokenStore(sound: Store, broken: Partial<Store>): Store {
  return {
    acquire: (confirm) => sound.acquire(confirm),
    owns: (fence) => sound.owns(fence),
    get: (key) => sound.get(key),
    getMany: (keys) => sound.getMany(keys),
    list: (range) => sound.list(range),
    commit: (changes, fence) => sound.commit(changes, fence),
    close: () => sound.close(),
    destroy: () => sound.destroy(),
    history: () => sound.history?.() ?? Promise.resolve("none"),
    ...broken,
  };
}

/** Names of the cases that the broken adapter fails. */
async function failures(breakage: Breakage): Promise<readonly string[]> {
  let disk = memoryDisk();
  const failed: string[] = [];
  const open = (): Store => {
    const sound = memoryStore(disk);
    return brokenStore(sound, breakage(sound, disk));
  };
  for (const { name, run } of storeContract({ open, reset: () => void (disk = memoryDisk()) })) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

const listed = (work: (sound: Store, range: StoreRange) => Promise<readonly StoreRow[]>): Breakage => (sound) => ({ list: (range) => work(sound, range) });
const newestFence = (disk: MemoryDisk): Fence => String(disk.acquisitions) as Fence;

/** One change after the other, as an adapter without transactions does it. */
async function applyOneByOne(changes: readonly Change[], disk: MemoryDisk): Promise<void> {
  for (const change of changes) {
    if (change.kind === "delete") disk.rows.delete(change.key);
    else disk.rows.set(change.key, copyBytes(change.value));
    await Promise.resolve();
  }
}

/** Each kind of violation, and a piece of the name of a case that must notice it. */
const violations: readonly (readonly [string, string, Breakage])[] = [
  ["a commit that is applied piece by piece", "fails in the middle", (sound, disk) => ({
    commit: async (changes, fence) => {
      if (!(await sound.owns(fence))) throw fencedError();
      await applyOneByOne(changes, disk);
    },
  })],
  ["a commit that does not look at the fence", "takes over", (_sound, disk) => ({ commit: (changes) => memoryStore(disk).commit(changes, newestFence(disk)) })],
  ["a commit that checks the fence, waits, and then writes", "meets a takeover|what a takeover reads is final", (sound, disk) => ({
    commit: async (changes, fence) => {
      if (!(await sound.owns(fence))) throw fencedError();
      const copies = changes.map((change): Change => (change.kind === "put" ? { ...change, value: copyBytes(change.value) } : change));
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
      await sound.commit(copies, newestFence(disk));
    },
  })],
  ["an owns() that always agrees", "takes over", () => ({ owns: () => Promise.resolve(true) })],
  ["an acquire() that gives out one fence twice", "takes over", (_sound, disk) => ({
    acquire: () => {
      disk.acquisitions = 1;
      return Promise.resolve(newestFence(disk));
    },
  })],
  ["an acquire() that waits for no confirmation", "not confirmed", (sound) => ({ acquire: () => sound.acquire() })],
  ["an acquire() that looks at the newest writer after the confirmation", "before the confirmation", (sound) => ({
    acquire: async (confirm) => {
      if (confirm !== undefined && !(await confirm())) throw fencedError();
      return sound.acquire();
    },
  })],
  ["an acquire() that refuses whatever was asked about", "if the answer is yes", (sound) => ({
    acquire: (confirm) => (confirm === undefined ? sound.acquire() : Promise.reject(fencedError())),
  })],
  ["changes applied in reverse order", "in their order", (sound) => ({ commit: (changes, fence) => sound.commit([...changes].reverse(), fence) })],
  ["deletes that are applied after all puts", "in their order", (sound) => ({
    commit: (changes, fence) => sound.commit([...changes].sort((a, b) => Number(a.kind === "delete") - Number(b.kind === "delete")), fence),
  })],
  ["deletes that are forgotten", "in their order", (sound) => ({ commit: (changes, fence) => sound.commit(changes.filter((change) => change.kind === "put"), fence) })],
  ["a commit that resolves before it has written", "is visible when it resolves", (sound) => ({
    commit: (changes, fence) => {
      const copies = [...changes];
      setTimeout(() => void sound.commit(copies, fence).catch(() => undefined), 0);
      return Promise.resolve();
    },
  })],
  ["rows that live in the handle and not on the medium", "closing and opening again", () => {
    const own = memoryStore(memoryDisk());
    return brokenStore(own, {});
  }],
  ["values that are not copied on the way in", "copied when commit is called", (sound) => ({
    commit: async (changes, fence) => {
      await Promise.resolve();
      await sound.commit(changes, fence);
    },
  })],
  ["values that are not copied on the way out", "copied on the way out", (_sound, disk) => ({ get: (key) => Promise.resolve(disk.rows.get(key)) })],
  ["a getMany that answers in sorted order", "in the order asked", (sound) => ({ getMany: (keys) => sound.getMany([...keys].sort()) })],
  ["a getMany that leaves missing rows out", "in the order asked", (sound) => ({ getMany: async (keys) => (await sound.getMany(keys)).filter((value) => value !== undefined) })],
  ["a getMany of several reads", "half a commit", (sound) => ({
    getMany: async (keys) => {
      const values: (Bytes | undefined)[] = [];
      for (const key of keys) values.push(await sound.get(key));
      return values;
    },
  })],
  ["an empty value that reads as missing", "empty values are values", (sound) => ({
    get: async (key) => {
      const value = await sound.get(key);
      return value === undefined || value.length === 0 ? undefined : value;
    },
  })],
  ["a list without order", "order in which rows were written", (_sound, disk) => ({
    list: async (range) => [...disk.rows].filter(([key]) => key.startsWith(range.prefix)).map(([key, value]) => ({ key, value: copyBytes(value) })),
  })],
  ["a list sorted by locale", "upper case sorts before lower case", listed(async (sound, range) => [...(await sound.list(range))].sort((a, b) => a.key.localeCompare(b.key)))],
  ["an after that includes its bound", "list: after a key", listed(async (sound, range) => {
    const rows = await sound.list(range);
    const at = range.after === undefined || !range.after.startsWith(range.prefix) ? undefined : await sound.get(range.after as StoreKey);
    return at === undefined ? rows : [{ key: range.after as StoreKey, value: at }, ...rows];
  })],
  ["a before that is ignored", "list: before a key", listed((sound, range) => {
    const { before, ...rest } = range;
    return sound.list(before === undefined ? range : rest);
  })],
  ["a limit that is applied before reversing", "the last two", listed(async (sound, { reverse, ...range }) => {
    const rows = await sound.list(range);
    return reverse === true ? [...rows].reverse() : rows;
  })],
  ["a limit of none that means all", "a limit of none", listed((sound, { limit, ...range }) => sound.list(limit === undefined || limit === 0 ? range : { ...range, limit }))],
  ["an after below the prefix that widens the range", "after something below the prefix", listed((sound, range) => sound.list(range.after === "l" ? { prefix: "", after: "l" } : range))],
  ["rows in a plain object", "names that mean something", (sound) => ({
    get: async (key) => (await sound.get(key)) ?? ((({}) as Record<string, unknown>)[key] as Bytes | undefined),
  })],
  ["a closed store that still answers", "a closed store refuses everything", () => ({ close: () => Promise.resolve() })],
  ["a close() that may be called only once", "can be closed again", (sound) => {
    let closed = false;
    return {
      close: async () => {
        if (closed) throw fencedError();
        closed = true;
        await sound.close();
      },
    };
  }],
  ["a method that throws instead of rejecting", "a closed store refuses everything", (sound, disk) => {
    let closed = false;
    return {
      close: async () => {
        closed = true;
        await sound.close();
      },
      get: (key) => {
        if (closed) throw fencedError();
        return memoryStore(disk).get(key);
      },
    };
  }],
  ["a destroy() that leaves rows behind", "destroy wipes every row", (sound, disk) => ({
    destroy: async () => {
      const kept = [...disk.rows].slice(0, 1);
      await sound.destroy();
      for (const [key, value] of kept) disk.rows.set(key, value);
    },
  })],
  ["a destroy() after which the old owner writes on", "no other handle writes", (sound, disk) => ({
    destroy: async () => {
      const before = disk.acquisitions;
      await sound.destroy();
      disk.acquisitions = before;
    },
  })],
  ["keys cut to 255 characters", "its whole length", (sound) => {
    const cut = (key: StoreKey): StoreKey => storeKey(key.slice(0, 255));
    return {
      get: (key) => sound.get(cut(key)),
      commit: (changes, fence) => sound.commit(changes.map((change) => ({ ...change, key: cut(change.key) })), fence),
    };
  }],
  ["large values that are cut", "two megabytes", (sound) => ({ get: async (key) => (await sound.get(key))?.slice(0, 65_536) })],
  ["a list that gives a thousand rows at most", "three thousand rows", listed(async (sound, range) => (await sound.list(range)).slice(0, 1000))],
  ["a page that begins with the last row of the one before", "three thousand rows", listed(async (sound, range) => {
    const rows = await sound.list(range);
    const last = range.after === undefined || range.limit === undefined ? undefined : await sound.get(range.after as StoreKey);
    return last === undefined ? rows : [{ key: range.after as StoreKey, value: last }, ...rows].slice(0, range.limit);
  })],
  ["a getMany that answers 999 keys at most", "getMany of two thousand", (sound) => ({ getMany: async (keys) => (await sound.getMany(keys)).map((value, at) => (at < 999 ? value : undefined)) })],
  ["a large commit in several pieces", "half of a large commit", (sound) => ({
    commit: async (changes, fence) => {
      const copies = changes.map((change): Change => (change.kind === "put" ? { ...change, value: copyBytes(change.value) } : change));
      for (let at = 0; at < Math.max(1, copies.length); at += 500) {
        await sound.commit(copies.slice(at, at + 500), fence);
        await new Promise((resolve) => { setTimeout(resolve, 0); });
      }
    },
  })],
  ["a large list in several reads", "half of a large commit", listed(async (sound, range) => {
    if (range.limit !== undefined || range.reverse === true) return sound.list(range);
    const rows: StoreRow[] = [];
    for (;;) {
      const last = rows.at(-1)?.key;
      const page = await sound.list({ ...range, ...(last === undefined ? {} : { after: last }), limit: 500 });
      rows.push(...page);
      if (page.length < 500) return rows;
      await new Promise((resolve) => { setTimeout(resolve, 0); });
    }
  })],
  ["a large commit that looks at the fence when it has written", "two thousand changes that are refused", (sound, disk) => ({
    commit: async (changes, fence) => {
      if (changes.length > 1000) await memoryStore(disk).commit(changes, newestFence(disk));
      await sound.commit(changes, fence);
    },
  })],
  ["an acquire() that reads the counter, waits, and writes it", "at the same moment", (_sound, disk) => ({
    acquire: async () => {
      const next = disk.acquisitions + 1;
      await new Promise((resolve) => { setTimeout(resolve, 0); });
      disk.acquisitions = next;
      return newestFence(disk);
    },
  })],
  ["a read from a cache of the handle", "no update is lost", (sound) => {
    const cache = new Map<StoreKey, Bytes | undefined>();
    return {
      getMany: async (keys) => {
        for (const key of keys) if (!cache.has(key)) cache.set(key, await sound.get(key));
        return keys.map((key) => cache.get(key)?.slice());
      },
      commit: async (changes, fence) => {
        await sound.commit(changes, fence);
        for (const change of changes) cache.set(change.key, change.kind === "put" ? copyBytes(change.value) : undefined);
      },
    };
  }],
  ["a deleted row that is marked and never comes back", "deleted can be written again", (sound) => {
    const gone = new Set<StoreKey>();
    return {
      commit: (changes, fence) => {
        for (const { key, kind } of changes) if (kind === "delete") gone.add(key);
        return sound.commit(changes.filter(({ key, kind }) => kind === "delete" || !gone.has(key)), fence);
      },
    };
  }],
  ["a history that each handle gives another name", "keeps its name", () => {
    const name = crypto.randomUUID();
    return { history: () => Promise.resolve(name) };
  }],
  ["a history that counts commits", "keeps its name", (sound, disk) => ({
    commit: async (changes, fence) => {
      await sound.commit(changes, fence);
      disk.history += "x";
    },
  })],
  ["fences that are counted anew in the store that is made in a destroyed one's place", "no other handle writes", (sound, disk) => ({
    destroy: async () => {
      await sound.destroy();
      disk.acquisitions = 0;
    },
  })],
  ["fences that begin again after a byte's worth", "however often", (sound, disk) => ({
    acquire: async (confirm) => {
      disk.acquisitions %= 256;
      return sound.acquire(confirm);
    },
  })],
  ["an acquire() that takes a question that failed for a yes", "cannot be asked", (sound) => ({
    acquire: (confirm) => sound.acquire(confirm === undefined ? undefined : () => confirm().catch(() => true)),
  })],
  ["a prefix with wildcards, as SQL has them", "a prefix is text", listed(async (sound, { prefix, limit, ...range }) => {
    const like = new RegExp(`^${prefix.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("%", ".*").replaceAll("_", ".")}`);
    return (await sound.list({ prefix: "", ...range })).filter(({ key }) => like.test(key)).slice(0, limit);
  })],
  ["a prefix in either case, as SQL compares", "a prefix is text", listed(async (sound, range) => {
    const rows = [...await sound.list(range), ...range.limit === undefined ? await sound.list({ ...range, prefix: range.prefix.toUpperCase() }) : []];
    return [...new Map(rows.map((row) => [row.key, row])).values()].sort((a, b) => (a.key < b.key ? -1 : 1) * (range.reverse === true ? -1 : 1));
  })],
  ["a getMany that reads its keys later", "asked when it was called", (sound) => ({
    getMany: async (keys) => {
      await Promise.resolve();
      return sound.getMany(keys);
    },
  })],
  ["an end that is told of one's own closing", "by the same handle", (sound) => {
    let tell: (error: Error) => void = () => undefined;
    return {
      onEnd: (listener) => { tell = listener as typeof tell; },
      close: async () => {
        await sound.close();
        tell(fencedError());
      },
    };
  }],
  ["views that are stored with their whole buffer", "a view into a larger buffer", (_sound, disk) => ({
    get: (key) => {
      const value = disk.rows.get(key);
      if (value === undefined) return Promise.resolve(undefined);
      const large = new Uint8Array(value.length + 8);
      large.set(value);
      return Promise.resolve(large.subarray(0, value.length));
    },
  })],
];

describe("D20 the contract suite notices", () => {
  for (const [what, noticedBy, breakage] of violations) {
    test(what, async () => {
      const failed = await failures(breakage);
      expect(failed.some((name) => new RegExp(noticedBy).test(name)), `noticed by: ${failed.join("; ")}`).toBe(true);
    });
  }

  test("nothing where nothing is broken", async () => {
    expect(await failures(() => ({}))).toEqual([]);
  });

  test("what is wrong, in words that name the expectation", async () => {
    const cases = storeContract({ open: () => brokenStore(memoryStore(), { get: async () => utf8("wrong") }), reset: () => undefined });
    const reading = cases.find(({ name }) => name.startsWith("a commit is visible"));
    await expect(reading?.run()).rejects.toMatchObject({ code: "ERR_STORE_CONTRACT", message: "expected: a is 0x31, not 0x77726f6e67" });
  });
});
