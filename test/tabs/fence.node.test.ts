/** One store and several who believe to own it, in a real browser (threats D10). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TabStage } from "./tab-stage.js";

let stage: TabStage;
beforeAll(async () => { stage = await TabStage.open(); });
afterAll(() => stage.close());

test("D10 of two tabs that write into one store the one that came later does, and the other is told", async () => {
  const [first, second] = [await stage.opened(), await stage.opened()];
  await first.call("writer.take");
  expect(await first.call("writer.write", "first")).toBe("written");
  await second.call("writer.take");
  expect(await first.call("writer.write", "again the first")).toBe("ERR_STORE_FENCED");
  expect(await first.call("writer.owns")).toBe(false);
  expect(await second.call("writer.read")).toBe("first");
  expect(await second.call("writer.write", "second")).toBe("written");
  for (const tab of [first, second]) await tab.page.close();
});

test("D10 a tab and a worker: the same", async () => {
  const tab = await stage.opened();
  await tab.call("writer.take");
  expect(await tab.call("writer.write", "the page")).toBe("written");
  await tab.call("inWorker", "take");
  expect(await tab.call("writer.write", "again the page")).toBe("ERR_STORE_FENCED");
  expect(await tab.call("inWorker", "read")).toBe("the page");
  expect(await tab.call("inWorker", "write", "the worker")).toBe("written");
  await tab.call("writer.take");
  expect(await tab.call("inWorker", "write", "again the worker")).toBe("ERR_STORE_FENCED");
  expect(await tab.call("writer.read")).toBe("the worker");
  await tab.page.close();
});

test("D10 a tab that is frozen in the middle of a transaction keeps nobody out, and makes it anew when it runs again", async () => {
  const [busy, other] = [await stage.opened(), await stage.opened()];
  await other.call("writer.take");
  await busy.page.evaluate("void (app.lingering = app.writer.linger())");
  await expect.poll(() => busy.page.evaluate("app.writer.begun")).toBe(1);
  await busy.freeze();
  // Were the transaction still open, this would last until Chromium gives it up: a minute.
  const wrote = await Promise.race([other.call("writer.write", "other"), new Promise((resolve) => { setTimeout(resolve, 20_000, "kept out"); })]);
  expect(wrote).toBe("written");
  await busy.thaw();
  await busy.page.evaluate("app.writer.done = true, app.lingering");
  expect(await busy.page.evaluate("app.writer.begun")).toBe(2);
  for (const tab of [busy, other]) await tab.page.close();
});

describe("a thawed leader", () => {
  test("D10 that goes on with what it was about to do is refused: nothing of it is written, and nothing is sent", async () => {
    const [first, second] = [await stage.opened(), await stage.opened()];
    await first.call("ready");
    expect(await first.leads()).toBe(true);
    await first.page.evaluate('app.sendOnThaw("too late")');
    await first.freeze();
    await second.call("look");
    expect(await second.leads()).toBe(true);
    await second.call("ready");
    await first.thaw(); // it writes before it hears that the lock is gone
    expect(await first.page.evaluate("app.late")).toBe("ERR_STORE_FENCED");
    const marker = crypto.randomUUID();
    await first.call("send", marker); // as a follower it works like any other tab
    const texts: string[] = [];
    for await (const { text } of stage.peer.messages({ after: 0 })) {
      texts.push(text);
      if (text === marker) break;
    }
    expect(texts).not.toContain("too late");
    expect((await second.shown()).map(({ text }) => text)).not.toContain("too late");
    expect(await first.shown()).toEqual(await second.shown());
    expect(stage.watch.complaints).toEqual([]);
    expect(await first.call("status")).toBe("online");
    for (const tab of [first, second]) await tab.page.close();
  });
});
