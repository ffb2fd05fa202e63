/**
 * Bundles for the browser, as an application's own build would: what it costs to use Sotto, and which part costs what. Files are counted as
 * they are fetched, each gzipped by itself; what is imported dynamically is a file of its own.
 * @module
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

/**
 * What is counted, and its limit in bytes, gzipped: `initial` is what loads with the page, `connected` what a page has loaded once it is
 * online, `whole` everything there is. One that is not `enforced` is reported only. A package of `without` may not be in it: it would
 * mean that a half has slipped into the other one.
 * @typedef {{ scope: "initial" | "connected" | "whole", title: string, limit: number, enforced: boolean, without?: string }} Budget
 */

/**
 * What the smallest useful applications say. `connects` is the module that is loaded with the first connection.
 * @type {Readonly<Record<"client" | "session", { source: string, connects?: string, budgets: readonly Budget[] }>>}
 */
export const bundles = {
  client: {
    source: `
import { createClient, memoryStore } from "sotto";
globalThis.start = (options) => createClient({ ...options, service: "wss://example.org/xmpp-websocket", store: memoryStore() });
`, // the store in memory comes with the client
    connects: "dist/client/online.js",
    budgets: [
      { scope: "initial", title: "createClient with WebSocket and memory store, what loads with the page", limit: 75_000, enforced: true, without: "saxes" },
      { scope: "connected", title: "createClient with WebSocket and memory store, once it is online", limit: 75_000, enforced: true },
      { scope: "whole", title: "createClient with WebSocket and memory store, with all that is loaded on demand", limit: 100_000, enforced: false },
    ],
  },
  session: {
    source: "export * from \"sotto/session\";\n",
    budgets: [
      // Not reached yet; what stands between is in docs/decisions/0001-dependencies.md.
      { scope: "whole", title: "sotto/session alone", limit: 35_000, enforced: false },
    ],
  },
};

/** The npm package or layer of Sotto that a file belongs to. @param {string} file @returns {string} */
function partOf(file) {
  const packaged = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(file)?.[1];
  const [, layer = "the application"] = /(?:^|\/)dist\/([^/]+)/.exec(file) ?? [];
  return packaged ?? (layer.endsWith(".js") || layer === "the application" ? "entries" : `sotto ${layer}`);
}

/** @typedef {{ gzip: number, minified: number, files: number, parts: { part: string, bytes: number }[] }} BundleSize */

/**
 * @param {keyof typeof bundles} name
 * @returns {Promise<Record<Budget["scope"], BundleSize>>} bytes; those of the parts are minified and not compressed, the largest first
 */
export async function bundleSize(name) {
  const { source, connects } = bundles[name];
  const result = await build({
    stdin: { contents: source, resolveDir: root, loader: "js", sourcefile: "application.js" }, outdir: path.join(root, "bundle"), absWorkingDir: root,
    bundle: true, splitting: true, minify: true, write: false, metafile: true, format: "esm", platform: "browser", target: "es2022", legalComments: "none", logLevel: "error",
  });
  const { outputs } = result.metafile;
  const code = new Map(result.outputFiles.map((file) => [path.relative(root, file.path), file.contents]));

  /** The file that begins with `entry`, and every file that it cannot do without. @param {string} entry */
  const withImports = (entry) => {
    const begin = Object.keys(outputs).find((file) => outputs[file]?.entryPoint === entry);
    if (begin === undefined) throw new Error(`bundle-size: nothing loads ${entry}`);
    const files = new Set([begin]);
    for (const file of files) for (const { path: needed, kind } of outputs[file]?.imports ?? []) if (kind === "import-statement" && needed in outputs) files.add(needed);
    return files;
  };

  /** @param {Iterable<string>} files @returns {BundleSize} */
  const sizeOf = (files) => {
    const size = { gzip: 0, minified: 0, files: 0 };
    /** @type {Map<string, number>} */
    const sums = new Map();
    for (const file of files) {
      const contents = /** @type {Uint8Array} */ (code.get(file));
      size.gzip += gzipSync(contents, { level: 9 }).length;
      size.minified += contents.length;
      size.files += 1;
      for (const [input, { bytesInOutput }] of Object.entries(outputs[file]?.inputs ?? {})) {
        if (bytesInOutput > 0) sums.set(partOf(input), (sums.get(partOf(input)) ?? 0) + bytesInOutput);
      }
    }
    return { ...size, parts: [...sums].map(([part, bytes]) => ({ part, bytes })).sort((a, b) => b.bytes - a.bytes) };
  };

  const initial = withImports("application.js");
  const connected = connects === undefined ? initial : new Set([...initial, ...withImports(connects)]);
  return { initial: sizeOf(initial), connected: sizeOf(connected), whole: sizeOf(Object.keys(outputs)) };
}

/** @returns {Promise<{ name: string, gzip: number, limit: number }[]>} every budget */
export async function bundleSizes() {
  const names = /** @type {(keyof typeof bundles)[]} */ (Object.keys(bundles));
  return (await Promise.all(names.map(async (name) => {
    const sizes = await bundleSize(name);
    return bundles[name].budgets.map(({ scope, title, limit }) => ({ name: title, gzip: sizes[scope].gzip, limit }));
  }))).flat();
}
