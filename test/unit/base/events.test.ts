import { expect, test } from "vitest";

import { InternalError } from "../../../src/base/errors.js";
import { Emitter, ObservableValue } from "../../../src/base/events.js";

test("P18 a listener that throws harms no other, and is reported once", () => {
  const reported: unknown[] = [];
  const seen: string[] = [];
  const emitter = new Emitter<string>((error) => reported.push(error));
  const failure = new InternalError("on purpose");
  emitter.subscribe((event) => seen.push(`first ${event}`));
  emitter.subscribe(() => { throw failure; });
  emitter.subscribe((event) => seen.push(`last ${event}`));
  emitter.emit("x");
  expect(seen).toEqual(["first x", "last x"]);
  expect(reported).toEqual([failure]);
});

test("P18 a listener whose promise rejects is reported once, and one that never settles holds nothing up", async () => {
  const reported: unknown[] = [];
  const seen: number[] = [];
  const emitter = new Emitter<number>((error) => reported.push(error));
  const failure = new InternalError("on purpose");
  emitter.subscribe(() => new Promise(() => undefined));
  emitter.subscribe(() => Promise.reject(failure));
  emitter.subscribe((event) => seen.push(event));
  emitter.emit(1);
  emitter.emit(2);
  expect(seen).toEqual([1, 2]);
  await Promise.resolve();
  await Promise.resolve();
  expect(reported).toEqual([failure, failure]);
});

test("the same function may listen twice; each subscription ends on its own, and ending twice is nothing", () => {
  const emitter = new Emitter<number>();
  const seen: number[] = [];
  const listener = (event: number): unknown => seen.push(event);
  const stop = emitter.subscribe(listener);
  emitter.subscribe(listener);
  emitter.emit(1);
  stop();
  stop();
  emitter.emit(2);
  expect(seen).toEqual([1, 1, 2]);
  expect(emitter.size).toBe(1);
});

test("a listener may subscribe and unsubscribe while it is called", () => {
  const emitter = new Emitter<number>();
  const seen: string[] = [];
  const stop = emitter.subscribe(() => {
    stop();
    emitter.subscribe((event) => seen.push(`late ${event}`));
  });
  emitter.emit(1);
  expect(seen).toEqual([]);
  emitter.emit(2);
  expect(seen).toEqual(["late 2"]);
});

test("a value tells its subscribers of changes only, and its snapshot is the same object until then", () => {
  const first = { n: 1 };
  const value = new ObservableValue(first);
  let calls = 0;
  const { subscribe, getSnapshot } = value; // user-interface libraries take them off the object
  const stop = subscribe(() => { calls += 1; });
  value.set(first);
  expect(calls).toBe(0);
  expect(getSnapshot()).toBe(first);
  value.set({ n: 2 });
  expect(calls).toBe(1);
  stop();
  value.set({ n: 3 });
  expect(calls).toBe(1);
});
