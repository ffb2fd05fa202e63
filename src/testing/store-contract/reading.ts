/** Store contract: what `get`, `getMany` and `list` promise. @module */
import { storeKey, type StoreRange } from "../../session/ports.js";
import { expectRows, expectThat, expectValue, filled, put, type ContractCase, type OpenStore } from "./harness.js";

/** Keys around the edges of the prefix `m/`: the characters before and after `/`, and the lowest and highest of all. */
const sample: readonly string[] = ["!=0", "l=1", "m=2", "m.x=3", "m/=4", "m/!=5", "m/a=6", "m/b=7", "m/b/c=8", "m/~=9", "m0=10", "n=11", "~=12"];
const inside: readonly string[] = ["m/=4", "m/!=5", "m/a=6", "m/b=7", "m/b/c=8", "m/~=9"];

/** Ranges over the sample and what they give, in words of the port. */
const ranges: readonly (readonly [string, StoreRange, readonly string[]])[] = [
  ["the empty prefix", { prefix: "" }, sample],
  ["a prefix", { prefix: "m/" }, inside],
  ["a prefix that is itself a key", { prefix: "m" }, ["m=2", "m.x=3", ...inside, "m0=10"]],
  ["a prefix that nothing has", { prefix: "q/" }, []],
  ["the prefix of the highest characters", { prefix: "m/~" }, ["m/~=9"]],
  ["after a key", { prefix: "m/", after: "m/a" }, ["m/b=7", "m/b/c=8", "m/~=9"]],
  ["after something that is no key", { prefix: "m/", after: "m/aa" }, ["m/b=7", "m/b/c=8", "m/~=9"]],
  ["after the prefix itself", { prefix: "m/", after: "m/" }, inside.slice(1)],
  ["after something below the prefix", { prefix: "m/", after: "l" }, inside],
  ["after something above the prefix", { prefix: "m/", after: "n" }, []],
  ["after the last key", { prefix: "m/", after: "m/~" }, []],
  ["before a key", { prefix: "m/", before: "m/b" }, ["m/=4", "m/!=5", "m/a=6"]],
  ["before something above the prefix", { prefix: "m/", before: "z" }, inside],
  ["before the prefix itself", { prefix: "m/", before: "m/" }, []],
  ["between two keys", { prefix: "m/", after: "m/!", before: "m/~" }, ["m/a=6", "m/b=7", "m/b/c=8"]],
  ["between the wrong way round", { prefix: "m/", after: "m/b", before: "m/a" }, []],
  ["between a key and itself", { prefix: "m/", after: "m/b", before: "m/b" }, []],
  ["after without a prefix", { prefix: "", after: "m0" }, ["n=11", "~=12"]],
  ["before without a prefix", { prefix: "", before: "m" }, ["!=0", "l=1"]],
  ["a limit", { prefix: "m/", limit: 2 }, ["m/=4", "m/!=5"]],
  ["a limit of none", { prefix: "m/", limit: 0 }, []],
  ["a limit above all", { prefix: "m/", limit: 99 }, inside],
  ["the next page", { prefix: "m/", after: "m/!", limit: 2 }, ["m/a=6", "m/b=7"]],
  ["reverse", { prefix: "m/", reverse: true }, [...inside].reverse()],
  ["reverse without a prefix", { prefix: "", reverse: true }, [...sample].reverse()],
  ["the last two", { prefix: "m/", reverse: true, limit: 2 }, ["m/~=9", "m/b/c=8"]],
  ["the last two before a key", { prefix: "m/", before: "m/~", reverse: true, limit: 2 }, ["m/b/c=8", "m/b=7"]],
  ["reverse with all bounds", { prefix: "m/", after: "m/!", before: "m/b/c", reverse: true, limit: 5 }, ["m/b=7", "m/a=6"]],
  ["reverse with a limit of none", { prefix: "m/", reverse: true, limit: 0 }, []],
  ["forwards when said so", { prefix: "m/", reverse: false, limit: 1 }, ["m/=4"]],
];

export const readingCases: readonly ContractCase[] = [
  ...ranges.map(
    ([what, range, expected]): ContractCase => ({
      name: `list: ${what}`,
      run: async (open: OpenStore): Promise<void> => {
        const { store } = await filled(open, sample);
        expectRows(await store.list(range), expected, what);
      },
    }),
  ),
  {
    name: "list does not depend on the order in which rows were written",
    run: async (open: OpenStore): Promise<void> => {
      const { store } = await filled(open, [...sample].reverse());
      expectRows(await store.list({ prefix: "" }), sample, "the list");
    },
  },
  {
    name: "upper case sorts before lower case, as in ASCII",
    run: async (open: OpenStore): Promise<void> => {
      const { store } = await filled(open, ["b=1", "B=2", "a=3", "A=4", "_=5", "10=6", "9=7"]);
      expectRows(await store.list({ prefix: "" }), ["10=6", "9=7", "A=4", "B=2", "_=5", "a=3", "b=1"], "the list");
    },
  },
  {
    name: "a prefix is text: no character of it stands for others, and upper case is not lower case",
    run: async (open: OpenStore): Promise<void> => {
      const keys = ["A_B/1", "a\"b/1", "a%b/1", "a'b/1", "a*b/1", "a?b/1", "aXb/1", "a[xX]b/1", "a\\b/1", "a_b/1", "ab/1", "axb/1", "axxb/1"];
      const { store } = await filled(open, keys.map((key) => `${key}=${key}`));
      for (const key of keys) expectRows(await store.list({ prefix: key.slice(0, -1) }), [`${key}=${key}`], `the prefix ${key.slice(0, -1)}`);
      expectRows(await store.list({ prefix: "ax" }), ["axb/1=axb/1", "axxb/1=axxb/1"], "the prefix ax");
    },
  },
  {
    name: "getMany answers what was asked when it was called",
    run: async (open: OpenStore): Promise<void> => {
      const { store } = await filled(open, ["a=1", "b=2"]);
      const asked = ["a", "b"].map(storeKey);
      const answer = store.getMany(asked);
      asked.reverse();
      const [first, second] = await answer;
      expectValue(first, "1", "the first answer");
      expectValue(second, "2", "the second answer");
    },
  },
  {
    name: "getMany answers in the order asked, with gaps and repetitions",
    run: async (open: OpenStore): Promise<void> => {
      const { store } = await filled(open, ["a=1", "b=2", "c=3"]);
      const asked = ["c", "nothing", "a", "c"].map(storeKey);
      const values = await store.getMany(asked);
      expectThat(values.length === 4, "getMany gives one answer per key");
      expectValue(values[0], "3", "the first answer");
      expectValue(values[1], undefined, "the answer for a missing key");
      expectValue(values[2], "1", "the third answer");
      expectValue(values[3], "3", "the repeated answer");
      expectThat((await store.getMany([])).length === 0, "no keys give no answers");
    },
  },
  {
    name: "values are copied on the way out",
    run: async (open: OpenStore): Promise<void> => {
      const { store } = await filled(open, ["a=123"]);
      const key = storeKey("a");
      (await store.get(key))?.fill(0);
      (await store.getMany([key, key]))[0]?.fill(0);
      (await store.list({ prefix: "a" }))[0]?.value.fill(0);
      const [first, second] = await store.getMany([key, key]);
      first?.fill(0);
      expectValue(second, "123", "the second of two equal answers");
      expectValue(await store.get(key), "123", "the stored value");
    },
  },
  {
    name: "names that mean something in JavaScript are keys like any other",
    run: async (open: OpenStore): Promise<void> => {
      const names = ["__proto__", "constructor", "hasOwnProperty", "length", "prototype", "toString"];
      const { store, fence } = await filled(open, []);
      for (const name of names) expectValue(await store.get(storeKey(name)), undefined, `${name}, before it was written,`);
      await store.commit(names.map((name) => put(name, `value of ${name}`)), fence);
      for (const name of names) expectValue(await store.get(storeKey(name)), `value of ${name}`, name);
      expectRows(await store.list({ prefix: "" }), names.map((name) => `${name}=value of ${name}`), "the list");
    },
  },
  {
    name: "every character of a key, and its whole length, is told apart",
    run: async (open: OpenStore): Promise<void> => {
      const characters = Array.from({ length: 0x7e - 0x21 + 1 }, (_unused, at) => String.fromCharCode(0x21 + at));
      const [longA, longB] = [`${"k".repeat(1023)}a`, `${"k".repeat(1023)}b`];
      const { store, fence } = await filled(open, []);
      await store.commit([...characters.map((each) => put(`c/${each}`, each)), put(longA, "A"), put(longB, "B")], fence);
      expectRows(await store.list({ prefix: "c/" }), characters.map((each) => `c/${each}=${each}`), "the list of all characters");
      expectValue(await store.get(storeKey(longA)), "A", "the first long key");
      expectValue(await store.get(storeKey(longB)), "B", "the second long key");
    },
  },
  {
    name: "three thousand rows come whole, and page by page, each once and in order, while others are written",
    run: async (open: OpenStore): Promise<void> => {
      const keys = Array.from({ length: 3000 }, (_unused, at) => `m/${String(at).padStart(5, "0")}`);
      const { store, fence } = await filled(open, keys.map((key) => `${key}=${key}`));
      expectThat((await store.list({ prefix: "m/" })).length === keys.length, "a list without a limit gives every row");
      for (const reverse of [false, true]) {
        const seen: string[] = [];
        for (let pages = 0; pages < 10; pages++) { // an adapter that never comes to an end fails below
          const last = seen.at(-1);
          const bound = last === undefined ? {} : reverse ? { before: last } : { after: last };
          const page = await store.list({ prefix: "m/", ...bound, limit: 700, reverse });
          seen.push(...page.map(({ key }) => key));
          if (page.length < 700) break;
          await store.commit([put(`a/${seen.length}`, "beside"), put(keys[0] ?? "", "anew")], fence);
        }
        expectThat(seen.join() === (reverse ? [...keys].reverse() : keys).join(), `pages of 700 give each of 3,000 rows once${reverse ? ", backwards" : ""}`);
      }
    },
  },
  {
    name: "getMany of two thousand keys answers them all",
    run: async (open: OpenStore): Promise<void> => {
      const keys = Array.from({ length: 2000 }, (_unused, at) => `k/${at}`);
      const { store } = await filled(open, keys.map((key) => `${key}=${key}`));
      const values = await store.getMany(keys.map(storeKey));
      expectThat(values.length === keys.length, "getMany gives one answer per key");
      keys.forEach((key, at) => expectValue(values[at], key, key));
    },
  },
];
