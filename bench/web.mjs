/**
 * How soon the web example can be used, and how long it keeps the main thread while messages arrive. A new browser profile each round (cold
 * cache), from loopback, against the built package. Interactive: the sign-in takes input; signed in: the lists are there; resumed: the same
 * after a reload, from the store. The example's client is in the page; for one in a worker see browser.mjs.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { buildWebApp, serveWebApp } from "../scripts/lib/web-app.mjs";
import { launch, traced } from "./chromium.mjs";
import { median } from "./measure.mjs";
import { password, Stage } from "./stage.mjs";

const rounds = 9;
const count = 100;

/** @typedef {import("playwright").Page} Page */
/** @typedef {import("../dist/index.js").BareJid} BareJid */

/** Milliseconds. @param {() => Promise<unknown>} work */
async function timed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** @param {Page} page @param {string} url */
async function load(page, url) {
  await page.goto(url, { waitUntil: "commit" });
  await page.locator("input:focus").waitFor();
}

/** @param {Page} page @param {BareJid} account @returns {Promise<number>} milliseconds from the click to the lists */
async function signIn(page, account) {
  await page.getByLabel("Address", { exact: true }).fill(account);
  await page.getByLabel("Password").fill(password);
  const taken = await timed(async () => {
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation").waitFor();
  });
  await page.locator('.banner[data-kind="online"]').waitFor({ state: "attached" });
  return taken;
}

/** @param {string} url @param {BareJid} account */
async function oneRound(url, account) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    let bytes = 0;
    page.on("response", (response) => { response.body().then((body) => { bytes += body.length; }, () => undefined); });
    const interactive = await timed(() => load(page, url));
    const signedIn = await signIn(page, account);
    const loaded = bytes;
    const resumed = await timed(async () => {
      await page.reload({ waitUntil: "commit" });
      await page.getByRole("navigation").waitFor();
    });
    return { interactive, signedIn, resumed, loaded };
  } finally {
    await browser.close();
  }
}

/** What the main thread does: until the user is signed in, and while messages come in one after the other in the open conversation. @param {Stage} stage @param {string} url */
async function longestTasks(stage, url) {
  const [reader, writer] = [await stage.account("reader"), await stage.account("writer")];
  const client = await stage.client(writer);
  const browser = await launch();
  try {
    const page = await browser.newPage();
    const [, start] = await traced(page, async () => {
      await load(page, url);
      await signIn(page, reader);
    });
    await page.goto(`${url}#/chat/${encodeURIComponent(writer)}`);
    const field = page.getByRole("textbox", { name: /^Message to/ });
    await field.fill("hello"); // who has been written to gets receipts
    await field.press("Enter");
    await page.locator(".messages .message").filter({ hasText: "Sent" }).waitFor();
    const conversation = client.conversation(reader);
    const [, messages] = await traced(page, async () => {
      for (let i = 0; i < count; i++) await conversation.send({ text: `message ${i} ${"x".repeat(100)}` }).reached("delivered");
    });
    await page.locator(".messages .message").filter({ hasText: `message ${count - 1} ` }).waitFor();
    return { start, messages };
  } finally {
    await browser.close();
  }
}

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-bench-web-"));
  await buildWebApp({ outDir: dir });
  const stage = await Stage.open();
  const web = await serveWebApp({ dir, domain: stage.server.domain, webSocketPort: stage.server.ports.ws });
  try {
    const account = await stage.account("romeo");
    /** @type {Awaited<ReturnType<typeof oneRound>>[]} */
    const taken = [];
    for (let round = 0; round < rounds; round++) taken.push(await oneRound(web.url, account));
    const { start, messages } = await longestTasks(stage, web.url);
    const all = (/** @type {"interactive" | "signedIn" | "resumed" | "loaded"} */ what) => taken.map((each) => each[what]);
    const described = (/** @type {"interactive" | "signedIn" | "resumed"} */ what) => `${median(all(what)).toFixed(0)} ms, at most ${Math.max(...all(what)).toFixed(0)}`;
    return {
      notes: [
        `web example: interactive after ${described("interactive")}; signed in after ${described("signedIn")}; resumed after ${described("resumed")} (${rounds} rounds); `
          + `${(median(all("loaded")) / 1024).toFixed(0)} KiB loaded once signed in, not compressed`,
        `web example, longest task of its own: ${start.longest.toFixed(0)} ms until signed in, ${messages.longest.toFixed(0)} ms (${messages.longestWall.toFixed(0)} on the clock, ${messages.longestWork.toFixed(0)} without the browser's collector) while ${count} messages come in; `
          + `main thread busy for ${(messages.total / count).toFixed(1)} ms a message`,
      ],
      figures: [
        { name: "web example interactive, cold cache, ms", value: median(all("interactive")), target: 1000 },
        { name: "web example: longest task while messages come in one by one, ms", value: messages.longest, target: 16 },
      ],
    };
  } finally {
    await web.close();
    await stage.end();
    rmSync(dir, { recursive: true, force: true });
  }
}
