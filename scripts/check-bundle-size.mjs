/** Size of what a browser application loads, minified and gzipped, and which package or layer it comes from (build first). @module */
import process from "node:process";
import { fileURLToPath } from "node:url";

import { bundles, bundleSize } from "./lib/bundle-size.mjs";

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of /** @type {(keyof typeof bundles)[]} */ (Object.keys(bundles))) {
    const { title, limit, enforced } = bundles[name];
    const { gzip, minified, parts } = await bundleSize(name);
    const all = await bundleSize(name, { lazy: true });
    const verdict = gzip < limit ? "" : enforced ? ": TOO LARGE" : ": above it, not enforced yet";
    console.log(`${title}: ${gzip} bytes gzipped (${minified} minified), limit ${limit}${verdict}; ${all.gzip} with what is loaded on demand`);
    for (const { part, bytes } of parts) console.log(`  ${String(bytes).padStart(7)}  ${part}`);
    if (gzip >= limit && enforced) process.exitCode = 1;
  }
}
