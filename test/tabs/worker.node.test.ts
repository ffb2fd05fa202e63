/** Worker mode in a real browser, against a real server. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Message } from "../../src/client/message.js";
import { startBrowserStage } from "../support/browser-stage.js";
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
  // Receipts are on their way: looks one after the other may see different states until they have come. A stranger's first message gets none.
  const states = async (tab: AppTab): Promise<readonly unknown[]> => (await tab.shown()).flatMap(({ state }) => state ?? []);
  for (const tab of [first, second, third]) await expect.poll(() => states(tab), { timeout: 30_000 }).toEqual(["sent", "delivered", "delivered"]);
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

const afterwards = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Two tabs with workers; the leading one is frozen, busy or not. @returns milliseconds until the other has its answer */
async function answerBesideFrozen(busy: boolean): Promise<number> {
  const first = await stage.opened({ worker: true });
  await first.call("ready");
  const second = await stage.opened({ worker: true });
  if (busy) {
    await first.page.evaluate('void (async () => { for (let n = 0; ; n++) await Promise.all([app.send("a" + n), app.send("b" + n)]); })().catch(() => undefined)');
    await afterwards(350); // whatever it is at then: no two runs are alike
  }
  await first.freeze();
  const since = performance.now();
  const took = await Promise.race([second.call("look").then(() => performance.now() - since), afterwards(30_000).then(() => Infinity)]);
  for (const tab of [first, second]) await tab.page.close();
  return took;
}

test("D10 a leader whose page is frozen is replaced, also while its worker writes: no transaction of it stays open", async () => {
  const took: Record<"busy" | "idle", number[]> = { busy: [], idle: [] };
  for (let n = 0; n < 5; n++) {
    took.busy.push(await answerBesideFrozen(true));
    if (n < 2) took.idle.push(await answerBesideFrozen(false));
  }
  console.log("milliseconds until the answer:", JSON.stringify({ busy: took.busy.map(Math.round), idle: took.idle.map(Math.round) }));
  // A transaction that stayed open would keep the others out for a minute.
  for (const each of [...took.busy, ...took.idle]) expect(each).toBeLessThan(30_000);
  expect(stage.watch.complaints).toEqual([]);
});

test("under the guide's content security policy a worker starts, and the page asks the browser to keep its store", async () => {
  const own = await startBrowserStage({
    csp: "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self' wss://example.org; require-trusted-types-for 'script'; trusted-types default",
    modules: { "chat-worker.js": `
      import { indexedDbStore } from "sotto/storage/indexeddb";
      import { serveWorker } from "sotto/tabs";
      serveWorker({ store: (account) => indexedDbStore(account) });
    ` },
    entry: `
      import { createWorkerClient } from "sotto/tabs";
      globalThis.trustedTypes?.createPolicy("default", {
        createScriptURL: (url) => (new URL(url, location.href).origin === location.origin ? url : null),
      });
      const worker = new Worker(new URL("./chat-worker.js", import.meta.url), { type: "module" });
      window.started = createWorkerClient({
        worker, account: "romeo@example.org", password: "secret", service: "wss://example.org/xmpp-websocket", autoConnect: false,
      });
    `,
  });
  try {
    const page = await (await own.newContext()).newPage();
    await page.goto(own.url);
    await page.waitForFunction("window.started !== undefined");
    const answer = await page.evaluate<boolean>("navigator.storage.persist()") ? "granted" : "denied";
    await expect.poll(() => page.evaluate("started.then((client) => client.storage.persistence)")).toBe(answer);
  } finally {
    await own.close();
  }
});
