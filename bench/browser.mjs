/**
 * Figures of the browser, in Debian's Chromium: native curves against noble; and how long the main thread is blocked while 1,000 archived
 * messages of a real server are taken in, decrypted, stored and shown - by a client in the page, and by one in a worker.
 * @module
 */
import { createServer } from "node:http";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { chromium } from "playwright";

import { Stage } from "./stage.mjs";

const count = 999; // of 1,000 messages that a timeline keeps, one is the greeting
const password = "a rose by any other name";
const folder = fileURLToPath(new URL("browser/", import.meta.url));

/** @param {string} file */
async function bundle(file) {
  const { outputFiles } = await build({ entryPoints: [path.join(folder, file)], bundle: true, write: false, minify: true, format: "esm", platform: "browser", target: "es2022", conditions: process.env["SOTTO_BENCH_SOURCE"] === "1" ? ["sotto-source"] : [] });
  return outputFiles[0]?.text ?? "";
}

async function serve() {
  const files = new Map([
    ["/", ["text/html", `<!doctype html><meta charset="utf-8"><title>bench</title><script type="module" src="/page.js"></script>`]],
    ["/page.js", ["text/javascript", await bundle("page.mjs")]],
    ["/worker.js", ["text/javascript", await bundle("worker.mjs")]],
    ["/favicon.ico", ["image/x-icon", ""]],
  ]);
  const server = createServer((request, response) => {
    const [type = "text/plain", text] = files.get(request.url ?? "") ?? [];
    response.writeHead(text === undefined ? 404 : 200, { "content-type": `${type}; charset=utf-8` }).end(text);
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => { resolve(undefined); }); });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}/`, stop: () => { server.closeAllConnections(); server.close(); } };
}

/** @typedef {{ milliseconds: number, longestFrame: number, longTasks: number[] }} Received */
/** @typedef {{ bench: Record<string, (...args: any[]) => Promise<any>> }} PageGlobals */

/** @param {import("playwright").Page} page @param {string} name @param {...unknown} args @returns {Promise<any>} */
const call = (page, name, ...args) => page.evaluate(([called, given]) =>
  /** @type {PageGlobals} */ (/** @type {unknown} */ (globalThis)).bench[/** @type {string} */ (called)]?.(.../** @type {unknown[]} */ (given)), [name, args]);

/**
 * Milliseconds of the longest task of the page's main thread, and of all of them together: the thread's own time, which does not count
 * what other programs took of the processor meanwhile.
 * @param {Buffer} recorded
 */
function mainThread(recorded) {
  /** @type {{ traceEvents: { ph: string, name: string, pid: number, tid: number, dur?: number, tdur?: number, args?: { name?: string } }[] }} */
  const { traceEvents } = JSON.parse(recorded.toString("utf8"));
  const key = (/** @type {{ pid: number, tid: number }} */ { pid, tid }) => `${pid} ${tid}`;
  const mains = new Map(traceEvents.filter(({ name, args }) => name === "thread_name" && args?.name === "CrRendererMain").map((event) => [key(event), { longest: 0, longestWall: 0, total: 0 }]));
  for (const event of traceEvents) {
    const main = mains.get(key(event));
    if (main === undefined || event.ph !== "X" || !event.name.endsWith("RunTask")) continue;
    const [own, wall] = [(event.tdur ?? 0) / 1000, (event.dur ?? 0) / 1000];
    // A task that was thrown off the processor in its first microseconds is told with more own time than it was there.
    main.longest = Math.max(main.longest, Math.min(own, wall));
    main.longestWall = Math.max(main.longestWall, wall);
    main.total += own;
  }
  const [busiest] = [...mains.values()].sort((a, b) => b.total - a.total);
  if (busiest === undefined) throw new Error("the trace has no main thread");
  return busiest;
}

/** One account in the browser, one in this process that writes to it while it is away. @param {Stage} stage @param {import("playwright").Browser} browser @param {string} url @param {"page" | "worker"} mode */
async function backlogOf(stage, browser, url, mode) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => { console.error(error); });
  await page.goto(url);
  const [reader, writer] = [await stage.account(`reader-${mode}`), await stage.account(`writer-${mode}`)];
  const client = await stage.client(writer);
  await call(page, "open", mode, { account: reader, password, service: `ws://${stage.server.host}:${stage.server.ports.ws}/xmpp-websocket` });
  await call(page, "greet", writer);
  await call(page, "leave");
  const conversation = client.conversation(reader);
  await Promise.all(Array.from({ length: count }, (_, i) => conversation.send({ text: `message ${i} ${"x".repeat(100)}` }).reached("sent")));
  await browser.startTracing(page, { categories: ["toplevel"] });
  const received = /** @type {Received} */ (await call(page, "receive", writer, count));
  const tasks = mainThread(await browser.stopTracing());
  await call(page, "end");
  await page.close();
  return { ...received, ...tasks };
}

/** Curves in microseconds. */
export async function browserFigures() {
  const [stage, site, browser] = await Promise.all([
    Stage.open(), serve(),
    chromium.launch({ executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", "--disable-background-networking", "--disable-component-update"] }),
  ]);
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => { console.error(error); });
    await page.goto(site.url);
    const curves = await call(page, "curves");
    await page.close();
    return { count, curves, page: await backlogOf(stage, browser, site.url, "page"), worker: await backlogOf(stage, browser, site.url, "worker") };
  } finally {
    await browser.close();
    site.stop();
    await stage.end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(await browserFigures(), undefined, 2));
