/** Bundles for the browser, as an application's own build would: what it costs to use Sotto, and which part costs what. @module */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

/**
 * What the smallest useful applications say. `limit` in bytes, gzipped; a bundle that is not `enforced` is reported only.
 * @type {Readonly<Record<"client" | "session", { title: string, source: string, limit: number, enforced: boolean }>>}
 */
export const bundles = {
  client: {
    title: "createClient with WebSocket and memory store", // the store in memory comes with the client
    source: `
import { createClient, memoryStore } from "sotto";
globalThis.start = (options) => createClient({ ...options, service: "wss://example.org/xmpp-websocket", store: memoryStore() });
`,
    limit: 75_000,
    enforced: true,
  },
  session: {
    title: "sotto/session alone",
    source: "export * from \"sotto/session\";\n",
    limit: 35_000,
    enforced: false, // not reached yet; what stands between is in docs/decisions/0001-dependencies.md
  },
};

/** The npm package or layer of Sotto that a file belongs to. @param {string} file @returns {string} */
function partOf(file) {
  const packaged = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(file)?.[1];
  const [, layer = "the application"] = /(?:^|\/)dist\/([^/]+)/.exec(file) ?? [];
  return packaged ?? (layer.endsWith(".js") || layer === "the application" ? "entries" : `sotto ${layer}`);
}

/** Leaves out what is loaded only when it is needed. @type {import("esbuild").Plugin} */
const withoutLazyParts = {
  name: "without-lazy-parts",
  setup(bundler) {
    bundler.onResolve({ filter: /^/ }, ({ kind, path: name }) => (kind === "dynamic-import" ? { path: name, external: true } : undefined));
  },
};

/** @typedef {{ gzip: number, minified: number, parts: { part: string, bytes: number }[] }} BundleSize */

/**
 * @param {keyof typeof bundles} [name]
 * @param {{ lazy?: boolean }} [options] `lazy`: with the parts that are loaded only when they are needed
 * @returns {Promise<BundleSize>} bytes; those of the parts are minified and not compressed, the largest first
 */
export async function bundleSize(name = "client", { lazy = false } = {}) {
  const result = await build({
    plugins: lazy ? [] : [withoutLazyParts],
    stdin: { contents: bundles[name].source, resolveDir: root, loader: "js" }, outfile: "application.js", absWorkingDir: root,
    bundle: true, minify: true, write: false, metafile: true, format: "esm", platform: "browser", target: "es2022", legalComments: "none", logLevel: "error",
  });
  const code = /** @type {import("esbuild").OutputFile} */ (result.outputFiles[0]).contents;
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const output of Object.values(result.metafile.outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
      if (bytesInOutput > 0) sums.set(partOf(file), (sums.get(partOf(file)) ?? 0) + bytesInOutput);
    }
  }
  const parts = [...sums].map(([part, bytes]) => ({ part, bytes })).sort((a, b) => b.bytes - a.bytes);
  return { gzip: gzipSync(code, { level: 9 }).length, minified: code.length, parts };
}

/** @returns {Promise<{ name: string, gzip: number, limit: number }[]>} every bundle */
export function bundleSizes() {
  const names = /** @type {(keyof typeof bundles)[]} */ (Object.keys(bundles));
  return Promise.all(names.map(async (name) => ({ name: bundles[name].title, gzip: (await bundleSize(name)).gzip, limit: bundles[name].limit })));
}
