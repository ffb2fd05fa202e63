/** Size of what a browser application loads, minified and gzipped, and which package or layer it comes from (build first). @module */
import process from "node:process";
import { fileURLToPath } from "node:url";

import { bundleNames, bundles, bundleSize, report } from "./lib/bundle-size.mjs";

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of bundleNames) {
    const sizes = await bundleSize(name);
    for (const budget of /** @type {readonly import("./lib/bundle-size.mjs").Budget[]} */ (bundles[name].budgets)) {
      const size = sizes[budget.scope];
      for (const line of report(budget, size)) console.log(line);
      const misplaced = size.parts.some(({ part }) => part === budget.without);
      if (misplaced) console.log(`  ${budget.without} must not be in it: see docs/decisions/0010-bundle-size.md`);
      if ((budget.limit !== undefined && size.gzip >= budget.limit && budget.enforced === true) || misplaced) process.exitCode = 1;
    }
  }
}
