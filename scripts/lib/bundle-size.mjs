/** Bundles an application that uses createClient for the browser. @module */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

// What the smallest useful application says; the store in memory comes with the client.
const application = `
import { createClient, memoryStore } from "sotto";
globalThis.start = (options) => createClient({ ...options, service: "wss://example.org/xmpp-websocket", store: memoryStore() });
`;

/** @returns {Promise<{ gzip: number, minified: number }>} bytes */
export async function bundleSize() {
  const result = await build({
    stdin: { contents: application, resolveDir: root, loader: "js" },
    bundle: true, minify: true, write: false, format: "esm", platform: "browser", target: "es2022", legalComments: "none", logLevel: "error",
  });
  const code = /** @type {import("esbuild").OutputFile} */ (result.outputFiles[0]).contents;
  return { gzip: gzipSync(code, { level: 9 }).length, minified: code.length };
}
