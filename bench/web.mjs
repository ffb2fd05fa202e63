/**
 * How soon the web example can be used: `node bench/web.mjs [rounds]`. A new browser profile each round (cold cache), from loopback, against the
 * built package. Interactive: the sign-in takes input; signed in: the lists are there; resumed: the same after a reload, from the store.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";

import { chromium } from "playwright";

import { startProsody } from "../scripts/lib/prosody.mjs";
import { buildWebApp, serveWebApp } from "../scripts/lib/web-app.mjs";

const rounds = Number(process.argv[2] ?? 9);
const password = "measured";
const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-bench-web-"));

/** @param {readonly number[]} values */
const summary = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  /** @param {number} part */
  const at = (part) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return `median ${at(0.5)} ms, worst ${at(1)} ms`;
};

await buildWebApp({ outDir: dir });
const server = await startProsody();
await server.registerAll(["romeo"], password);
const web = await serveWebApp({ dir, domain: server.domain, webSocketPort: server.ports.ws });
/** @type {Record<"interactive" | "signed in" | "resumed", number[]>} */
const times = { interactive: [], "signed in": [], resumed: [] };
let bytes = 0;
for (let round = 0; round < rounds; round++) {
  const browser = await chromium.launch({ executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--no-proxy-server", "--disable-background-networking"] });
  const page = await browser.newPage();
  bytes = 0;
  page.on("response", (response) => { response.body().then((body) => { bytes += body.length; }, () => undefined); });
  let begun = performance.now();
  await page.goto(web.url, { waitUntil: "commit" });
  await page.locator("input:focus").waitFor();
  times.interactive.push(performance.now() - begun);
  await page.getByLabel("Address", { exact: true }).fill(`romeo@${server.domain}`);
  await page.getByLabel("Password").fill(password);
  begun = performance.now();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").waitFor();
  times["signed in"].push(performance.now() - begun);
  await page.locator('.banner[data-kind="online"]').waitFor({ state: "attached" });
  begun = performance.now();
  await page.reload({ waitUntil: "commit" });
  await page.getByRole("navigation").waitFor();
  times.resumed.push(performance.now() - begun);
  await browser.close();
}
for (const [what, values] of Object.entries(times)) console.log(`web example, ${what.padEnd(12)} ${summary(values)} (${rounds} rounds)`);
console.log(`web example, loaded once signed in: ${Math.round(bytes / 1024)} kB, not compressed`);
await web.close();
await server.stop();
rmSync(dir, { recursive: true, force: true });
