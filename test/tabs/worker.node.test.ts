/** Worker mode in a real browser, against a real server. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Message } from "../../src/client/message.js";
import { type AppTab, TabStage } from "./tab-stage.js";

let stage: TabStage;
beforeAll(async () => { stage = await TabStage.open(); });
afterAll(() => stage.close());

/** Waits until a tab shows all of these. */
async function shows(tab: AppTab, ...texts: readonly string[]): Promise<void> {
  await expect.poll(async () => (await tab.shown()).map(({ text }) => text), { timeout: 30_000 }).toEqual(expect.arrayContaining([...texts]));
}

test("a client in a worker signs in, sends and receives; another tab's page and worker share the account with it", async () => {
  const inbox = stage.peer.messages({ after: 0 });
  const next = async (): Promise<Message> => (await inbox.next()).value as Message;
  const first = await stage.opened({ worker: true });
  await first.call("ready");
  await first.call("send", "from the worker");
  expect(await next()).toMatchObject({ text: "from the worker", security: { level: "trusted" } });
  await stage.peer.conversation(stage.account).send({ text: "to the worker" }).reached("sent");
  await shows(first, "from the worker", "to the worker");

  const [second, third] = [await stage.opened({ worker: true }), await stage.opened()];
  await second.call("send", "from the second worker");
  expect((await next()).text).toBe("from the second worker");
  await third.call("send", "from a page");
  expect((await next()).text).toBe("from a page");
  expect(await third.leads()).toBe(false);
  for (const tab of [first, second, third]) await shows(tab, "from the worker", "to the worker", "from the second worker", "from a page");
  expect(await second.shown()).toEqual(await first.shown());
  expect(await third.shown()).toEqual(await first.shown());

  await first.page.close(); // its worker led
  await second.call("send", "after the first");
  expect((await next()).text).toBe("after the first");
  expect(stage.watch.complaints).toEqual([]);
  expect(stage.browser.complaints).toEqual([]);
  for (const tab of [second, third]) await tab.page.close();
});

test("a worker that was ended is a typed state, and what waited for it is told", async () => {
  const tab = await stage.opened({ worker: true });
  await tab.call("ready");
  const waiting = tab.page.evaluate<string>('app.look().then(() => "answered", ({ code }) => code)');
  await waiting;
  await tab.call("endWorker");
  await expect.poll(() => tab.call("status"), { timeout: 30_000 }).toBe("stopped ERR_WORKER_LOST");
  expect(await tab.page.evaluate('app.look().then(() => "answered", ({ code }) => code)')).toBe("ERR_WORKER_LOST");
  await tab.page.close();
});
