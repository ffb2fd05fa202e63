/** `npm run demo -- --web` as a newcomer runs it, and the example as a project of its own. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { chromium } from "playwright";
import { afterAll, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const demo = path.join(root, "scripts", "demo.mjs");
/** Where the demo puts what is temporary: a place of its own, for the servers of other suites come and go meanwhile. */
const temporary = mkdtempSync(path.join(os.tmpdir(), "sotto-demo-"));
afterAll(() => { rmSync(temporary, { recursive: true, force: true }); });
const env = { ...process.env, TMPDIR: temporary };

test("the example compiles by its own configuration against the built package", () => {
  const run = spawnSync(process.execPath, [path.join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "examples/web/tsconfig.json"], { encoding: "utf8", cwd: root });
  expect(run.stdout).toBe("");
  expect(run.status).toBe(0);
});

test("the web demo ends by itself with status 0 and leaves nothing behind", async () => {
  const run = spawnSync(process.execPath, [demo, "--web", "--seconds", "1"], { encoding: "utf8", cwd: root, env });
  expect(run.stderr).toBe("");
  expect(run.stdout).toMatch(/The chat is at +http:\/\/localhost:\d+\//);
  expect(run.status).toBe(0);
  await expect.poll(() => readdirSync(temporary)).toEqual([]);
});

test("with the address and the password that it prints, Juliet greets and answers, Mercutio asks, and Ctrl-C ends it", async () => {
  const child = spawn(process.execPath, [demo, "--web"], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => { child.once("exit", resolve); });
  let said = "";
  let complaints = "";
  child.stderr.on("data", (data: Buffer) => { complaints += data.toString(); });
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (data: Buffer) => {
      said += data.toString();
      if (said.includes("Ctrl-C")) resolve();
    });
  });
  expect(readdirSync(temporary)).not.toEqual([]); // it is there that it would leave something
  const found = (pattern: RegExp): string => pattern.exec(said)?.[1] ?? "";
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(found(/chat is at +(\S+)/));
  await page.getByLabel("Address", { exact: true }).fill(found(/Address +(\S+)/));
  await page.getByLabel("Password").fill(found(/Password +(\S+)/));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: /^Accept mercutio/ }).waitFor();
  await page.getByRole("tab", { name: "Chats" }).click();
  const juliet = page.getByRole("tabpanel", { name: "Chats" }).getByRole("link", { name: /Juliet/ });
  await juliet.filter({ hasText: "Hist! Romeo, hist!" }).click();
  await page.getByRole("textbox", { name: "Message to Juliet" }).fill("It is my soul that calls upon my name");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("wherefore art thou Romeo?", { exact: false }).first().waitFor();
  await browser.close();
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  expect(complaints).toBe("");
  await expect.poll(() => readdirSync(temporary)).toEqual([]);
});
