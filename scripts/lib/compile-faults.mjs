/** Makes plain programs of the fault tests' TypeScript: the children that are killed, and the harness itself for `npm run chaos`. @module */
import { build } from "esbuild";
import { cpSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const source = path.join(root, "test");
const cache = path.join(root, ".cache");
const programs = ["sender", "answerer"];

const common = /** @type {const} */ ({ format: "esm", platform: "node", target: "node20", logLevel: "warning" });

/**
 * Bundles the child programs, with the package inside: a life is short, and loading two hundred modules would be most of it.
 * @param {string} name Of a directory of their own, so that several tests do not get in each other's way.
 * @returns {Promise<{ dir: string, remove: () => void }>}
 */
export async function compilePrograms(name) {
  const dir = path.join(cache, name);
  await build({
    ...common, outdir: dir, bundle: true, splitting: true, conditions: ["sotto-source"], external: ["classic-level", "ws"],
    entryPoints: programs.map((program) => path.join(source, "faults", "child", `${program}.ts`)),
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' }, // for the CommonJS packages inside
  });
  return { dir, remove: () => { rmSync(dir, { recursive: true, force: true }); } };
}

/**
 * Strips the types off the harness. It lies as deep as its sources, so that relative imports stay right.
 * @returns {Promise<string>} The directory that stands for test/faults.
 */
export async function compileHarness() {
  const folders = ["faults", "faults/child", "interop/peer", "support"];
  const names = folders.flatMap((folder) => readdirSync(path.join(source, folder)).map((name) => path.join(folder, name)));
  const wanted = (/** @type {string} */ name) => (name.startsWith("support") ? path.basename(name) === "servers.ts" : name.endsWith(".ts") && !name.endsWith(".test.ts"));
  await build({ ...common, outdir: cache, outbase: source, entryPoints: names.filter(wanted).map((name) => path.join(source, name)) });
  for (const name of names.filter((each) => each.endsWith(".py"))) cpSync(path.join(source, name), path.join(cache, name));
  return path.join(cache, "faults");
}
