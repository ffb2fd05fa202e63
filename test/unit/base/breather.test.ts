import { expect, test } from "vitest";
import { Breather } from "../../../src/base/breather.js";
import { threadKeptMs } from "../../../src/base/limits.js";

/** A task of its own, as input of a user would be; true once it has run. */
function somethingElse(): { readonly ran: () => boolean } {
  let ran = false;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    ran = true;
    port1.close();
  };
  port2.postMessage(undefined);
  return { ran: () => ran };
}

test("others get the thread once it was kept for its time, and not before", async () => {
  let time = 1_000;
  const breather = new Breather({ monotonic: () => time });
  const other = somethingElse();
  time += threadKeptMs - 1;
  await breather.pause();
  expect(other.ran()).toBe(false);
  time += 1;
  await breather.pause();
  expect(other.ran()).toBe(true);
});

test("the time begins anew with each pause", async () => {
  let time = 0;
  const breather = new Breather({ monotonic: () => time });
  time += threadKeptMs;
  await breather.pause();
  const other = somethingElse();
  time += threadKeptMs - 1;
  await breather.pause();
  expect(other.ran()).toBe(false);
});
