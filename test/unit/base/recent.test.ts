import { expect, test } from "vitest";

import { Recent } from "../../../src/base/recent.js";

test("H06 the least recently used result leaves, at n-1, n and n+1", () => {
  let computed = 0;
  const recent = new Recent<number>(3);
  const get = (key: string): number => recent.get(key, () => { computed += 1; return computed; });
  for (const key of ["a", "b"]) get(key);
  expect(recent.size).toBe(2);
  get("c");
  expect(recent.size).toBe(3);
  get("a"); // used again: "b" is the oldest now
  get("d");
  expect(recent.size).toBe(3);
  expect(computed).toBe(4);
  get("a");
  expect(computed).toBe(4);
  get("b");
  expect(computed).toBe(5);
});

test("a computation that fails is not remembered", () => {
  const recent = new Recent<number>(3);
  expect(() => recent.get("a", () => { throw new RangeError("no"); })).toThrow(RangeError);
  expect(recent.get("a", () => 7)).toBe(7);
});
