/** `npm run demo` as a newcomer runs it. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");
const demo = path.join(root, "scripts", "demo.mjs");

/** Where the demo puts what is temporary: a place of its own, for the servers of other suites come and go meanwhile. */
const temporary = mkdtempSync(path.join(os.tmpdir(), "sotto-demo-"));
afterAll(() => { rmSync(temporary, { recursive: true, force: true }); });
const env = { ...process.env, TMPDIR: temporary };

test("the demo ends by itself with status 0 and shows what was typed, seen and read", () => {
  const run = spawnSync(process.execPath, [demo], { encoding: "utf8", cwd: root, env });
  expect(run.stderr).toBe("");
  expect(run.status).toBe(0);
  for (const device of ["Romeo, laptop (TCP)", "Romeo, tablet (WebSocket)", "Juliet, laptop (WebSocket)", "Juliet, phone (TCP)"]) {
    expect(run.stdout).toMatch(new RegExp(`${device.replace(/[()]/g, "\\$&")} +fingerprint ([0-9a-f]{8} ?){8}`));
    expect(run.stdout).toMatch(new RegExp(`${device.replace(/[()]/g, "\\$&")} +reads `));
  }
  // Romeo's two lines and Juliet's answer to each; the server cannot tell them from the receipts, at most one from each device of the addressee.
  expect(run.stdout.match(/Romeo, laptop \(TCP\) +reads /g)).toHaveLength(2);
  const payloads = run.stdout.match(/<payload>/g)?.length;
  expect(payloads).toBeGreaterThanOrEqual(4);
  expect(payloads).toBeLessThanOrEqual(4 + 4 * 2);
  expect(run.stdout).not.toContain(", undecided)");
});

test.each(["fingerprint", "types"])("Ctrl-C ends the demo and leaves nothing behind, after the first %o", async (moment) => {
  const child = spawn(process.execPath, [demo], { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (data: Buffer) => { complaints += data.toString(); });
  await new Promise<void>((resolve) => {
    child.stdout.on("data", (data: Buffer) => { if (data.toString().includes(moment)) resolve(); });
  });
  expect(readdirSync(temporary)).not.toEqual([]); // it is there that it would leave something
  const ended = new Promise<number | null>((resolve) => { child.once("exit", resolve); });
  child.kill("SIGINT");
  expect(await ended).toBe(130);
  expect(complaints).toBe("");
  await expect.poll(() => readdirSync(temporary)).toEqual([]);
});

test("the example programs stay short enough to copy", () => {
  const dir = path.join(root, "examples", "node");
  const programs = readdirSync(dir).filter((name) => name.endsWith(".ts"));
  expect(programs.length).toBeGreaterThanOrEqual(2);
  for (const name of programs) expect(readFileSync(path.join(dir, name), "utf8").split("\n").length).toBeLessThan(60);
});
