/** `npm run verify`: everything that must hold before a change goes in, cheapest first. Runs to the end, and names what has failed. @module */
import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";
import process from "node:process";

import { setup } from "./setup.mjs";

const steps = [
  "types", "lint", "layers", "unused", "licences", "build", "api", "package-check", "bundle-size", "docs", "test",
];

try {
  await setup("tests");
  const failed = [];
  for (const step of steps) {
    const begin = performance.now();
    console.log(`\n== ${step}`);
    const { status } = spawnSync("npm", ["run", "--silent", step], { stdio: "inherit" });
    if (status !== 0) failed.push(step);
    console.log(`== ${step}: ${status === 0 ? "" : "FAILED, "}${((performance.now() - begin) / 1000).toFixed(1)} s`);
  }
  if (failed.length > 0) throw new Error(`verify: failed: ${failed.join(", ")}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
