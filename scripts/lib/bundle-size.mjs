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
 * What is counted, in bytes, gzipped: `initial` is what loads with the page, `connected` what a page has loaded once it is online, `whole`
 * everything there is. `limit` is the project's figure; one that is not `enforced` is reported only. `ceiling` is just above what it is
 * now, from the sources: test/tooling/bundle-size.node.test.ts fails above it. A package of `without` may not be in it: it would mean
 * that a half has slipped into the other one.
 * @typedef {{ scope: "initial" | "connected" | "whole", title: string, limit?: number, enforced?: true, ceiling: number, without?: string }} Budget
 */

/** What the smallest useful applications say. `connects`: it has a second half that is loaded with the first connection. @typedef {{ source: string, connects?: true, budgets: readonly Budget[] }} Bundle */

// Strings of an application; the store in memory comes with the client.
const start = (/** @type {string} */ store) => `globalThis.start = (options) => createClient({ ...options, service: "wss://example.org/xmpp-websocket", store: ${store} });\n`;

/** @satisfies {Readonly<Record<string, Bundle>>} */
export const bundles = {
  client: {
    source: `import { createClient, memoryStore } from "sotto";\n${start("memoryStore()")}`,
    connects: true,
    budgets: [
      { scope: "initial", title: "createClient with WebSocket and memory store, what loads with the page", limit: 75_000, enforced: true, ceiling: 74_950, without: "saxes" },
      { scope: "connected", title: "createClient with WebSocket and memory store, once it is online", limit: 75_000, enforced: true, ceiling: 138_300 },
      { scope: "whole", title: "createClient with WebSocket and memory store, with all that is loaded on demand", limit: 100_000, ceiling: 195_300 },
    ],
  },
  indexeddb: {
    source: `import { createClient } from "sotto";\nimport { indexedDbStore } from "sotto/storage/indexeddb";\n${start("indexedDbStore(\"account\")")}`,
    connects: true,
    budgets: [
      { scope: "initial", title: "createClient with WebSocket and IndexedDB, what loads with the page", ceiling: 78_500, without: "saxes" },
      { scope: "connected", title: "createClient with WebSocket and IndexedDB, once it is online", limit: 75_000, ceiling: 141_850 },
    ],
  },
  everything: {
    source: ["sotto", "sotto/storage/indexeddb", "sotto/tabs", "sotto/react"].map((entry, i) => `export * as part${i} from "${entry}";\n`).join(""),
    connects: true,
    budgets: [
      { scope: "connected", title: "everything: client, IndexedDB, tabs and React, once it is online", ceiling: 168_900 },
      { scope: "whole", title: "everything: client, IndexedDB, tabs and React, with all that is loaded on demand", limit: 100_000, ceiling: 225_250 },
    ],
  },
  session: {
    source: "export * from \"sotto/session\";\n",
    budgets: [{ scope: "whole", title: "sotto/session alone", limit: 35_000, enforced: true, ceiling: 34_990, without: "@noble/curves" }],
  },
  encryption: {
    source: "export * from \"sotto/session\";\nexport { defaultProvider } from \"sotto/crypto\";\n",
    budgets: [
      { scope: "initial", title: "sotto/session with its primitives, where the platform has the curves", ceiling: 47_100, without: "@noble/curves" },
      { scope: "whole", title: "sotto/session with its primitives and the curves that replace missing ones", ceiling: 57_600 },
    ],
  },
  crypto: {
    source: "export * from \"sotto/crypto\";\n",
    budgets: [{ scope: "whole", title: "sotto/crypto alone", ceiling: 31_800 }],
  },
  storage: {
    source: "export * from \"sotto/storage/indexeddb\";\n",
    budgets: [{ scope: "whole", title: "sotto/storage/indexeddb alone", ceiling: 5_100 }],
  },
  page: {
    source: "export { createWorkerClient } from \"sotto/tabs\";\n",
    budgets: [{ scope: "initial", title: "sotto/tabs: what a page loads in worker mode", ceiling: 21_450, without: "saxes" }],
  },
  tabs: {
    source: "export * from \"sotto/tabs\";\n",
    connects: true,
    budgets: [{ scope: "initial", title: "sotto/tabs alone, what loads with the page", ceiling: 100_050, without: "saxes" }],
  },
  react: {
    source: "export * from \"sotto/react\";\n",
    budgets: [{ scope: "whole", title: "sotto/react alone, without React", ceiling: 2_600 }],
  },
};

/** @typedef {keyof typeof bundles} BundleName */
export const bundleNames = /** @type {readonly BundleName[]} */ (Object.keys(bundles));

/** The npm package or layer of Sotto that a file belongs to. @param {string} file @returns {string} */
function partOf(file) {
  const packaged = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(file)?.[1];
  const [, layer = "the application"] = /^(?:dist|src)\/([^/]+)/.exec(file) ?? [];
  return packaged ?? (/\.[jt]s$/.test(layer) || layer === "the application" ? "entries" : `sotto ${layer}`);
}

/** @typedef {{ gzip: number, minified: number, files: number, parts: { part: string, bytes: number }[] }} BundleSize */

/**
 * @param {BundleName} name
 * @param {"dist" | "src"} [from] what was built, as an application would take it, or the sources, whatever was built when
 * @returns {Promise<Record<Budget["scope"], BundleSize>>} bytes; those of the parts are minified and not compressed, the largest first
 */
export async function bundleSize(name, from = "dist") {
  /** @type {Bundle} */
  const { source, connects } = bundles[name];
  const result = await build({
    stdin: { contents: source, resolveDir: root, loader: "js", sourcefile: "application.js" }, outdir: path.join(root, "bundle"), absWorkingDir: root,
    conditions: from === "src" ? ["sotto-source"] : [], external: ["react"], // the application's own
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
  const connected = connects === true ? new Set([...initial, ...withImports(from === "src" ? "src/client/online.ts" : "dist/client/online.js")]) : initial;
  return { initial: sizeOf(initial), connected: sizeOf(connected), whole: sizeOf(Object.keys(outputs)) };
}

/** @returns {Promise<{ name: string, gzip: number, limit: number }[]>} every budget that the project has a figure for */
export async function bundleSizes() {
  return (await Promise.all(bundleNames.map(async (name) => {
    const sizes = await bundleSize(name);
    /** @type {readonly Budget[]} */
    const budgets = bundles[name].budgets;
    return budgets.flatMap(({ scope, title, limit }) => (limit === undefined ? [] : [{ name: title, gzip: sizes[scope].gzip, limit }]));
  }))).flat();
}

/** A line about one budget, and a line for each part. @param {Budget} budget @param {BundleSize} size @returns {readonly string[]} */
export function report({ title, limit, enforced }, { gzip, minified, files, parts }) {
  const verdict = limit === undefined ? "" : `, limit ${limit}${gzip < limit ? "" : enforced === true ? ": TOO LARGE" : ": above it, not enforced yet"}`;
  return [
    `${title}: ${gzip} bytes gzipped (${minified} minified) in ${files} ${files === 1 ? "file" : "files"}${verdict}`,
    ...parts.map(({ part, bytes }) => `  ${String(bytes).padStart(7)}  ${part}`),
  ];
}
