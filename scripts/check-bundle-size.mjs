/** Size of what a browser application loads: createClient with WebSocket and the memory store, minified and gzipped (build first). @module */
import process from "node:process";
import { fileURLToPath } from "node:url";

import { bundleSize } from "./lib/bundle-size.mjs";

const limit = 75_000;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { gzip, minified } = await bundleSize();
  console.log(`createClient with WebSocket and memory store: ${gzip} bytes gzipped (${minified} minified), limit ${limit}`);
  process.exitCode = gzip < limit ? 0 : 1;
}
