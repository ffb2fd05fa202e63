/**
 * `npm run bench`: the project's figures, each beside its target; `npm run bench -- web roster` takes only those modules, `--json FILE` writes the
 * figures down as well. Builds first where needed.
 *
 * Each module has a process of its own, so that what one leaves in memory is not counted with the next: `bench()` of bench/<name>.mjs, called
 * by bench/child.mjs. It leads a process group and has its own directory for temporary files: both go with it, however it ends.
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { build, isStale } from "../scripts/build.mjs";
import { reached, row } from "./figures.mjs";

const modules = ["ratchet", "session-size", "bundle-size", "catch-up", "throughput", "backlog", "roster", "browser", "web", "take-over"];

/** Milliseconds for one module, then it counts as hanging: the slowest took seven minutes on a machine with much else to do. */
const moduleMsMax = 1_800_000;

/** @typedef {import("./figures.mjs").Report} Report */

/** Ends the module that is being measured, and all that it has started. */
let endModule = () => {};
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => {
    interrupted = true;
    endModule();
  });
}

/** @param {string} dir */
async function remove(dir) {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      rmSync(dir, { recursive: true, force: true });
      return;
    } catch {
      await delay(250); // a browser that loses its owner still writes for a moment
    }
  }
}

/** @param {string} name @returns {Promise<Report>} */
async function measure(name) {
  const temporary = mkdtempSync(path.join(os.tmpdir(), "sotto-bench-"));
  const child = fork(fileURLToPath(new URL("child.mjs", import.meta.url)), [name], {
    detached: true, serialization: "advanced", env: { ...process.env, TMPDIR: temporary },
  });
  /** @type {Report | undefined} */
  let report;
  child.on("message", (message) => { report = /** @type {Report} */ (message); });
  endModule = () => {
    try {
      // What is not in the group, servers and Playwright's Chromium, ends when the pipe to its owner closes.
      process.kill(-(/** @type {number} */ (child.pid)), "SIGKILL");
    } catch {
      // Nobody of it is left.
    }
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endModule();
  }, moduleMsMax);
  try {
    const [[code, signal]] = await Promise.all([once(child, "exit"), once(child, "disconnect")]); // the second comes after the last message
    if (report !== undefined) return report;
    throw new Error(interrupted ? "interrupted" : late ? `has not ended within ${moduleMsMax / 1000} s` : `ended with ${signal ?? code}, its message stands above`);
  } finally {
    clearTimeout(timer);
    endModule();
    endModule = () => {};
    await remove(temporary);
  }
}

/** @param {readonly string[]} names @param {string | undefined} file @returns {Promise<boolean>} whether all was measured and every target reached */
async function benchmark(names, file) {
  const unknown = names.filter((name) => !modules.includes(name));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}; there are ${modules.join(", ")}`);
  if (isStale()) build();
  /** @type {Report[]} */
  const reports = [];
  const failures = [];
  for (const name of modules.filter((each) => names.length === 0 || names.includes(each))) {
    const begin = performance.now();
    try {
      reports.push(await measure(name));
      console.error(`${name}: ${((performance.now() - begin) / 1000).toFixed(0)} s`);
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      console.error(failures.at(-1));
    }
    if (interrupted) break;
  }
  const figures = reports.flatMap((report) => report.figures);
  console.log(`Node ${process.version}, ${os.cpus()[0]?.model ?? "unknown processor"}`);
  for (const line of [...reports.flatMap(({ notes }) => notes), ...figures.map(row), ...failures.map((text) => `FAIL ${text}`)]) console.log(line);
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(figures, undefined, 2)}\n`);
  return failures.length === 0 && figures.every(reached);
}

try {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });
  process.exitCode = await benchmark(positionals, values.json) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
if (interrupted) process.exitCode = 130;
