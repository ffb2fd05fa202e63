/** `npm run verify`: everything that must hold before a change goes in, cheapest first; stops at the first failure. @module */
import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";
import process from "node:process";

import { setup } from "./setup.mjs";

const steps = [
  "types", "lint", "layers", "unused", "licences", "build", "api", "package-check", "bundle-size", "docs", "test",
];

try {
  await setup("tests");
  for (const step of steps) {
    const begin = performance.now();
    console.log(`\n== ${step}`);
    const { status } = spawnSync("npm", ["run", "--silent", step], { stdio: "inherit" });
    if (status !== 0) throw new Error(`verify: ${step} failed`);
    console.log(`== ${step}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
