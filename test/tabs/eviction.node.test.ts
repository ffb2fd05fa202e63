/** The browser takes the database away under two real tabs on a real server: no tab lies about it, and the next leader begins anew (D07, D08). */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../support/documents.js";
import type { ChromiumPage } from "../support/chromium.js";
import { TabStage } from "./tab-stage.js";

/** The application of a tab. What it sees of its client it notes. */
const application = `
  import { createSharedClient } from "sotto/tabs";
  import { indexedDbStore } from "sotto/storage/indexeddb";
  globalThis.begin = async ({ peer, account, ...options }) => {
    const client = await createSharedClient({ ...options, account, unsafeAllowInsecureLoopback: true, store: () => indexedDbStore(account) });
    const noted = [];
    const text = ({ kind, error }) => [kind, error?.code, error?.details?.reason].filter(Boolean).join(" ");
    client.status.subscribe(() => { noted.push(text(client.status.getSnapshot())); });
    client.onEvent(({ kind }) => { if (kind === "storage-lost") noted.push(kind); });
    globalThis.app = {
      noted, device: () => client.device.deviceId, lost: () => client.storage.lost,
      ready: () => client.ready(),
      send: (text) => client.conversation(peer).send({ text }).reached("sent"),
      forget: () => { noted.length = 0; },
    };
  };
`;

let stage: TabStage;
let files: Server;
let script = "";

beforeAll(async () => {
  files = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><link rel=icon href=data:,>");
  }).listen(0, "127.0.0.1");
  const { outputFiles } = await build({
    stdin: { contents: application, resolveDir: root, loader: "ts", sourcefile: "application.ts" }, bundle: true, write: false, format: "iife",
    platform: "browser", target: "es2022", conditions: ["sotto-source", "browser"], logLevel: "error",
  });
  script = (outputFiles[0] as { readonly text: string }).text;
  stage = await TabStage.open();
});
afterAll(async () => {
  await stage.close();
  await new Promise((resolve) => files.close(resolve));
});

const origin = (): string => `http://127.0.0.1:${(files.address() as AddressInfo).port.toString()}`;

/** A tab whose client is online. */
async function tab(): Promise<ChromiumPage> {
  const page = await stage.browser.open(`${origin()}/`);
  await expect.poll(() => page.evaluate("location.origin + document.readyState")).toBe(`${origin()}complete`);
  await page.evaluate(`(() => { ${script} })()`);
  await page.evaluate(`begin(${JSON.stringify({ account: stage.account, peer: stage.peerJid, password: "a rose by any other name", service: stage.watch.url })})`);
  await page.evaluate("app.ready()");
  return page;
}

const noted = (page: ChromiumPage): Promise<readonly string[]> => page.evaluate("app.noted");
const device = (page: ChromiumPage): Promise<number> => page.evaluate("app.device()");

/** Resolves when the correspondent has it. */
async function arrives(text: string, from: ChromiumPage): Promise<void> {
  const got = new Promise<void>((resolve) => {
    const stop = stage.peer.onEvent((event) => {
      if (event.kind !== "message" || event.message.text !== text) return;
      stop();
      resolve();
    });
  });
  await from.evaluate(`app.send(${JSON.stringify(text)})`);
  await got;
}

const clear = (storageTypes: string) => async (page: ChromiumPage): Promise<unknown> => page.send("Storage.clearDataForOrigin", { origin: origin(), storageTypes });

/** The database goes away under the two: both say so, and go on as one new device. */
async function lose(first: ChromiumPage, second: ChromiumPage, act: (page: ChromiumPage) => Promise<unknown>): Promise<void> {
  const former = await device(first);
  for (const page of [first, second]) await page.evaluate("app.forget()");
  await act(second);
  for (const page of [first, second]) {
    await expect.poll(() => noted(page), { timeout: 30_000 }).toContain("online");
    const told = await noted(page);
    expect(told.find((each) => each !== "storage-lost")).toBe("stopped ERR_STORE_UNAVAILABLE evicted");
    expect(told.filter((each) => each === "storage-lost")).toHaveLength(1);
  }
  expect(await device(first)).not.toBe(former);
  expect(await device(second)).toBe(await device(first));
}

test.each([
  { how: "evicted by the browser", act: clear("indexeddb") },
  { how: "deleted by a script", act: (page: ChromiumPage) => page.evaluate(`new Promise((resolve) => { indexedDB.deleteDatabase(${JSON.stringify(stage.account)}).onsuccess = () => { resolve(true); }; })`) },
])("D07 a database that is $how under two tabs: both stop with the reason, go on as one new device, and a third tab joins them", async ({ how, act }) => {
  const [first, second] = [await tab(), await tab()];
  await arrives(`before it was ${how}`, second);
  await lose(first, second, act);
  const third = await tab();
  for (const [n, page] of [first, second, third].entries()) await arrives(`${how}: ${n.toString()}`, page);
  expect(stage.browser.complaints).toEqual([]);
  for (const page of [first, second, third]) await page.close();
});

// Chromium gives pages that are opened after that other locks than those that were open: neither sees what the other holds. The store's fence decides.
test("D07 D10 after all data of the site were cleared the tabs go on as one new device; one that is opened later has the store alone, the others stop with the reason until they are reloaded", async () => {
  const [first, second] = [await tab(), await tab()];
  await lose(first, second, clear("all"));
  await arrives("after all data were cleared", first);
  const third = await tab();
  for (const page of [first, second]) await expect.poll(async () => (await noted(page)).at(-1), { timeout: 30_000 }).toBe("stopped ERR_STORE_FENCED");
  await arrives("from the one that was opened later", third);
  await expect(first.evaluate("app.send('from one that was open')")).rejects.toThrow("another writer has taken the store over");
  expect((await noted(third)).at(-1)).toBe("online");
  for (const page of [first, second]) await page.close(); // what a reload does to them
  const [fourth, fifth] = [await tab(), await tab()];
  for (const [n, page] of [third, fourth, fifth].entries()) await arrives(`reloaded: ${n.toString()}`, page);
  expect(await device(fifth)).toBe(await device(third));
  for (const page of [third, fourth, fifth]) await page.close();
});
