import { expect, test } from "vitest";

import { InternalError } from "../../../src/base/errors.js";
import { KeyedMutex } from "../../../src/base/keyed-mutex.js";

/** A promise and the function that resolves it. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => { open = resolve; });
  return { passed, open };
}

test("tasks of one key run alone and in the order of the calls", async () => {
  const mutex = new KeyedMutex<string>();
  const log: string[] = [];
  const first = gate();
  const results = [
    mutex.run("a", async () => { log.push("1 begins"); await first.passed; log.push("1 ends"); return 1; }),
    mutex.run("a", async () => { log.push("2"); return 2; }),
    mutex.run("b", async () => { log.push("other key"); return 3; }),
  ];
  await results[2];
  expect(log).toEqual(["1 begins", "other key"]);
  first.open();
  expect(await Promise.all(results)).toEqual([1, 2, 3]);
  expect(log).toEqual(["1 begins", "other key", "1 ends", "2"]);
});

test("a task that fails, fails alone: its caller learns it, the next task runs", async () => {
  const mutex = new KeyedMutex<number>();
  const failing = mutex.run(1, async () => { throw new InternalError("on purpose"); });
  const thrown = mutex.run(1, () => { throw new InternalError("at once"); });
  const next = mutex.run(1, async () => "ran");
  await expect(failing).rejects.toBeInstanceOf(InternalError);
  await expect(thrown).rejects.toBeInstanceOf(InternalError);
  expect(await next).toBe("ran");
});

test("nothing is kept of a key whose tasks are done", async () => {
  const mutex = new KeyedMutex<number>();
  await Promise.all(Array.from({ length: 100 }, (_, key) => mutex.run(key, async () => key)));
  await Promise.resolve();
  expect(mutex.size).toBe(0);
});
