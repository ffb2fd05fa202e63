/** Size of what a browser application loads, minified and gzipped, and which package or layer it comes from (build first). @module */
import process from "node:process";
import { fileURLToPath } from "node:url";

import { bundles, bundleSize } from "./lib/bundle-size.mjs";

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of /** @type {(keyof typeof bundles)[]} */ (Object.keys(bundles))) {
    const sizes = await bundleSize(name);
    for (const { scope, title, limit, enforced, without } of bundles[name].budgets) {
      const { gzip, minified, files, parts } = sizes[scope];
      const verdict = gzip < limit ? "" : enforced ? ": TOO LARGE" : ": above it, not enforced yet";
      console.log(`${title}: ${gzip} bytes gzipped (${minified} minified) in ${files} ${files === 1 ? "file" : "files"}, limit ${limit}${verdict}`);
      for (const { part, bytes } of parts) console.log(`  ${String(bytes).padStart(7)}  ${part}`);
      const misplaced = parts.some(({ part }) => part === without);
      if (misplaced) console.log(`  ${without} must not be in it: see docs/decisions/0010-bundle-size.md`);
      if ((gzip >= limit && enforced) || misplaced) process.exitCode = 1;
    }
  }
}
