/** Asking the browser not to evict the store: once, without waiting for a person (D07). */
import { expect, test } from "vitest";
import { Persistence, type StorageAuthority } from "../../../src/storage/persistence.js";

/** An authority whose answer a test gives. */
function authority(persisted: boolean): StorageAuthority & { asked: number; answer: (granted: boolean) => void; refuse: () => void } {
  let resolve: (granted: boolean) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const answer = new Promise<boolean>((yes, no) => { [resolve, reject] = [yes, no]; });
  const self = {
    asked: 0,
    persisted: () => Promise.resolve(persisted),
    persist: () => {
      self.asked += 1;
      return answer;
    },
    estimate: () => Promise.resolve({ usage: 1, quota: 2 }),
    answer: (granted: boolean) => { resolve(granted); },
    refuse: () => { reject(new DOMException("planted", "SecurityError")); },
  };
  return self;
}

test.each([[true, "granted"], [false, "denied"]] as const)("D07 the answer %s comes later, is reported as %s, and nobody waits for it", async (granted, reported) => {
  const browser = authority(false);
  let told: (() => void) | undefined;
  const change = new Promise<void>((resolve) => { told = resolve; });
  const persistence = new Persistence(browser, () => told?.());
  await persistence.settle(true);
  expect(persistence.answer).toBe("unknown");
  await persistence.settle(true);
  expect(browser.asked).toBe(1);
  browser.answer(granted);
  await change;
  expect(persistence.answer).toBe(reported);
});

test("D07 what was granted before is not asked for again", async () => {
  const browser = authority(true);
  const persistence = new Persistence(browser, () => undefined);
  await persistence.settle(true);
  expect([persistence.answer, browser.asked]).toEqual(["granted", 0]);
});

test("D07 nobody is asked who does not want it, nor where there is nobody, and a browser that refuses to answer is unknown", async () => {
  const browser = authority(false);
  const unwanted = new Persistence(browser, () => undefined);
  await unwanted.settle(false);
  expect([unwanted.answer, browser.asked]).toEqual(["unknown", 0]);

  const none = new Persistence(undefined, () => undefined);
  await none.settle(true);
  expect([none.answer, await none.estimate()]).toEqual(["unknown", undefined]);

  const refusing = new Persistence(browser, () => undefined);
  await refusing.settle(true);
  browser.refuse();
  await expect(browser.persist?.()).rejects.toThrow();
  expect([refusing.answer, await refusing.estimate()]).toEqual(["unknown", { usage: 1, quota: 2 }]);

  const throwing: StorageAuthority = { persisted: () => { throw new DOMException("planted", "SecurityError"); }, persist: () => { throw new DOMException("planted", "SecurityError"); } };
  const forbidden = new Persistence(throwing, () => undefined);
  await forbidden.settle(true);
  expect(forbidden.answer).toBe("unknown");
});
