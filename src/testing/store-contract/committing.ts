/** Store contract: what `commit` promises (docs/architecture.md, The commit rule; threats D01, D03, D06). @module */
import { UsageError } from "../../base/errors.js";
import { storeKey, type Change } from "../../session/ports.js";
import { del, expectRefusal, expectRows, expectThat, expectValue, filled, put, type ContractCase, type OpenStore } from "./harness.js";

/** Something that fails when it is read, in the midst of the other changes. */
const poisoned: Change = {
  kind: "put",
  key: storeKey("p/poison"),
  get value(): Uint8Array {
    throw new UsageError("ERR_INVALID_ARGUMENT", "a value that cannot be read");
  },
};

/** Something that is no byte string, as an application without types may pass it. */
const notBytes: Change = { kind: "put", key: storeKey("p/text"), value: "text" as unknown as Uint8Array };

export const committingCases: readonly ContractCase[] = [
  {
    name: "a commit is visible when it resolves, to this handle and to any other",
    run: async (open: OpenStore): Promise<void> => {
      const { store } = await filled(open, ["a=1", "b=2"]);
      expectValue(await store.get(storeKey("a")), "1", "a");
      expectRows(await (await open()).list({ prefix: "" }), ["a=1", "b=2"], "the list of a second handle");
    },
  },
  {
    name: "a change that fails in the middle leaves nothing of its commit behind",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=old", "gone=still here"]);
      for (const [bad, what] of [[poisoned, "a value that throws"], [notBytes, "a value that is no byte string"]] as const) {
        await expectRefusal(() => store.commit([put("a", "new"), del("gone"), bad, put("z", "after")], fence), undefined, `a commit with ${what}`);
        expectRows(await store.list({ prefix: "" }), ["a=old", "gone=still here"], `the store after ${what}`);
      }
      await store.commit([put("a", "newer")], fence);
      expectValue(await store.get(storeKey("a")), "newer", "a after a later, sound commit");
    },
  },
  {
    name: "the changes of one commit are applied in their order",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=0"]);
      await store.commit([put("a", "1"), put("a", "2"), put("b", "1"), del("b"), del("c"), put("c", "1"), put("d", "1"), del("d"), put("d", "2")], fence);
      expectRows(await store.list({ prefix: "" }), ["a=2", "c=1", "d=2"], "the store");
    },
  },
  {
    name: "deleting what is not there is no error, and an empty commit changes nothing",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=1"]);
      await store.commit([del("never")], fence);
      await store.commit([], fence);
      expectRows(await store.list({ prefix: "" }), ["a=1"], "the store");
    },
  },
  {
    name: "commits that overlap are applied one after the other, in the order of the calls",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, []);
      const rounds = Array.from({ length: 40 }, (_unused, round) => round);
      await Promise.all(rounds.map((round) => store.commit([put("last", String(round)), put(`each/${String(round).padStart(2, "0")}`, "x")], fence)));
      expectValue(await store.get(storeKey("last")), "39", "the row that all of them wrote");
      expectThat((await store.list({ prefix: "each/" })).length === 40, "each commit is there");
    },
  },
  {
    name: "a reader never sees half a commit",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["x=0", "y=0"]);
      const reader = await open();
      const write = async (): Promise<void> => {
        for (let round = 1; round <= 30; round++) await store.commit([put("x", String(round)), put("y", String(round))], fence);
      };
      const read = async (): Promise<void> => {
        for (let round = 0; round < 30; round++) {
          const [x, y] = await reader.getMany([storeKey("x"), storeKey("y")]);
          expectValue(x, y, "x, read together with y,");
        }
      };
      await Promise.all([write(), read()]);
    },
  },
  {
    name: "values and changes are copied when commit is called",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, []);
      const value = new Uint8Array([1, 2, 3]);
      const changes: Change[] = [put("a", value)];
      const committed = store.commit(changes, fence);
      value.fill(9);
      changes.push(put("b", "late"));
      await committed;
      value.fill(8);
      expectValue(await store.get(storeKey("a")), new Uint8Array([1, 2, 3]), "a");
      expectValue(await store.get(storeKey("b")), undefined, "b");
    },
  },
  {
    name: "a view into a larger buffer is stored as the view alone",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, []);
      const large = new Uint8Array(100).map((_unused, at) => at);
      await store.commit([put("a", large.subarray(10, 13))], fence);
      const value = await store.get(storeKey("a"));
      expectValue(value, new Uint8Array([10, 11, 12]), "a");
      expectThat(value?.buffer.byteLength === 3, "what comes out does not lie in a larger buffer");
    },
  },
  {
    name: "empty values are values, and every byte value survives",
    run: async (open: OpenStore): Promise<void> => {
      const all = new Uint8Array(256).map((_unused, at) => at);
      const { store, fence } = await filled(open, []);
      await store.commit([put("empty", new Uint8Array(0)), put("all", all)], fence);
      expectValue(await store.get(storeKey("empty")), new Uint8Array(0), "the empty value");
      expectValue(await store.get(storeKey("all")), all, "the value of all bytes");
      expectThat((await store.list({ prefix: "empty" })).length === 1, "an empty value is listed");
    },
  },
  {
    name: "a value of two megabytes survives",
    run: async (open: OpenStore): Promise<void> => {
      const large = new Uint8Array(2 * 1024 * 1024).map((_unused, at) => (at * 7919) >>> 3);
      const { store, fence } = await filled(open, []);
      await store.commit([put("large", large), put("small", "1")], fence);
      expectValue(await (await open()).get(storeKey("large")), large, "the large value");
    },
  },
  {
    name: "a thousand changes in one commit are all applied",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, []);
      await store.commit(Array.from({ length: 1000 }, (_unused, at) => put(`k/${String(at).padStart(4, "0")}`, String(at))), fence);
      const rows = await store.list({ prefix: "k/" });
      expectThat(rows.length === 1000 && rows[999]?.key === storeKey("k/0999"), "all rows are there, in order");
    },
  },
  {
    name: "two thousand changes that are refused leave nothing behind",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=1"]);
      await (await open()).acquire();
      await expectRefusal(() => store.commit(Array.from({ length: 2000 }, (_unused, at) => put(`k/${at}`, "late")), fence), "ERR_STORE_FENCED", "a large commit of the former owner");
      expectRows(await store.list({ prefix: "" }), ["a=1"], "the store");
    },
  },
  {
    name: "a reader never sees half of a large commit, in a list or in getMany",
    run: async (open: OpenStore): Promise<void> => {
      const keys = Array.from({ length: 1200 }, (_unused, at) => `k/${String(at).padStart(4, "0")}`);
      const { store, fence } = await filled(open, keys.map((key) => `${key}=0`));
      const reader = await open();
      let writing = true;
      const write = async (): Promise<void> => {
        for (let round = 1; round <= 6; round++) await store.commit(keys.map((key) => put(key, String(round))), fence);
        writing = false;
      };
      const read = async (): Promise<void> => {
        for (let round = 0; writing || round === 0; round++) {
          const listed = (await reader.list({ prefix: "k/" })).map(({ value }) => value);
          const asked = await reader.getMany(keys.map(storeKey));
          for (const values of [listed, asked]) {
            expectThat(values.length === keys.length, "every row is there");
            expectValue(values.at(-1), values[0], "the last row, read together with the first,");
          }
        }
      };
      await Promise.all([write(), read()]);
    },
  },
  {
    name: "a row that was deleted can be written again, and is deleted again",
    run: async (open: OpenStore): Promise<void> => {
      const { store, fence } = await filled(open, ["a=1"]);
      for (const [change, expected] of [[del("a"), []], [put("a", "2"), ["a=2"]], [del("a"), []]] as const) {
        await store.commit([change], fence);
        expectRows(await (await open()).list({ prefix: "" }), expected, "the store");
      }
    },
  },
];
