/**
 * `npm test`: sets the machine up, builds, runs every test in Node and in Chromium. Arguments go to vitest.
 * The whole suite also compares what passed in Node with what passed in Chromium; each difference counts as a failed test.
 * The last line is "N passed, N failed"; the status is zero only if at least one test ran, and all passed.
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { build, isStale } from "./build.mjs";
import { compareProjects } from "./lib/parity.mjs";
import { setup } from "./setup.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/**
 * @typedef {object} Report What we read of vitest's JSON report.
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {readonly { readonly status: string, readonly assertionResults: readonly { readonly status: string }[] }[]} testResults
 */

/** Prints where Node and Chromium differ. @param {string} list what the parity reporter wrote @returns {number} differences */
function differences(list) {
  const { compared, differences: found } = compareProjects(JSON.parse(readFileSync(list, "utf8")));
  for (const line of found) console.error(`parity: ${line}`);
  console.log(`parity: ${compared} tests passed in Node and in Chromium, ${found.length} differences`);
  return found.length;
}

/** @param {readonly string[]} args @returns {{ passed: number, failed: number }} */
function runTests(args) {
  const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-test-"));
  const file = path.join(dir, "report.json");
  const parity = path.join(dir, "parity.json");
  try {
    const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
    const run = spawnSync(process.execPath, [
      vitest, "run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, "--reporter=./scripts/lib/parity-reporter.mjs", ...args,
    ], {
      cwd: root, stdio: "inherit", env: { ...process.env, NODE_ENV: "test", SOTTO_PARITY_FILE: parity },
    });
    const report = /** @type {Report} */ (JSON.parse(readFileSync(file, "utf8")));
    // A file that does not even load has no failed test of its own: it counts as one.
    const broken = report.testResults.filter((suite) => suite.status === "failed" && !suite.assertionResults.some((test) => test.status === "failed"));
    const skipped = report.numPendingTests + report.numTodoTests;
    if (skipped > 0) console.log(`${skipped} skipped`);
    let failed = report.numFailedTests + broken.length;
    if (args.length === 0) failed += skipped + differences(parity); // the whole suite has no test that may be skipped
    else console.log("parity: not compared, for only a part of the suite was asked for");
    if (run.status !== 0 && failed === 0) failed = 1; // an error outside any test
    return { passed: report.numPassedTests, failed };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

try {
  await setup("tests");
  if (isStale()) build();
  const { passed, failed } = runTests(process.argv.slice(2));
  if (passed + failed === 0) console.error("no test ran");
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
