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

import { launch, traced } from "./chromium.mjs";
import { password, Stage } from "./stage.mjs";

const count = 999; // of 1,000 messages that a timeline keeps, one is the greeting
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
  const [received, tasks] = await traced(page, () => /** @type {Promise<Received>} */ (call(page, "receive", writer, count)));
  await call(page, "end");
  await page.close();
  return { ...received, ...tasks };
}

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  const [stage, site, browser] = await Promise.all([Stage.open(), serve(), launch()]);
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => { console.error(error); });
    await page.goto(site.url);
    /** In microseconds. @type {Record<string, number>} */
    const curves = await call(page, "curves");
    await page.close();
    return reportOf(curves, await backlogOf(stage, browser, site.url, "page"), await backlogOf(stage, browser, site.url, "worker"));
  } finally {
    await browser.close();
    site.stop();
    await stage.end();
  }
}

/** @typedef {Awaited<ReturnType<typeof backlogOf>>} Backlog */

/** @param {Record<string, number>} curves @param {Backlog} page @param {Backlog} worker @returns {import("./figures.mjs").Report} */
function reportOf(curves, page, worker) {
  const us = (/** @type {string} */ name) => curves[name] ?? Number.NaN;
  const described = (/** @type {string} */ where, /** @type {Backlog} */ { longest, longestWall, longestFrame, longTasks, total, milliseconds }) =>
    `${count} messages in a ${where}: ${(milliseconds / 1000).toFixed(1)} s; main thread busy for ${total.toFixed(0)} ms, longest task ${longest.toFixed(0)} ms of its own `
    + `(${longestWall.toFixed(0)} ms on the clock, which counts what else this machine does), longest time between two frames ${longestFrame.toFixed(0)} ms, ${longTasks.length} tasks above 50 ms on the clock`;
  const operations = Object.entries({ agreement: "agreement", key: "new key", sign: "signature", verify: "verification" });
  return {
    notes: [
      `Chromium, us by WebCrypto and by noble: ${operations.map(([key]) => `${key} ${us(`${key} native`).toFixed(0)} and ${us(`${key} noble`).toFixed(0)}`).join(", ")}`,
      described("page", page), described("worker", worker),
    ],
    figures: [
      ...operations.map(([key, name]) => ({ name: `Chromium: ${name} by WebCrypto, of the time that noble takes`, value: us(`${key} native`) / us(`${key} noble`), target: 1 })),
      { name: "Chromium: longest task of a page that takes in 1,000 messages, ms", value: page.longest, target: 16 },
      { name: "Chromium: longest task of a page whose worker does so, ms", value: worker.longest, target: 50 },
    ],
  };
}
