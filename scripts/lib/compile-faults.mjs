/** Strips the types off the programs and the harness of the fault tests, so that plain Node can run them on the built package. @module */
import { build } from "esbuild";
import { cpSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const source = path.join(root, "test");
const folders = ["faults", "faults/child", "interop/peer", "support"];

/** Where the compiled programs are: as deep as their sources, so that relative imports of scripts/ stay right. */
export const compiledTests = path.join(root, ".cache");

/** Compiles; `sotto` itself is imported from dist/ as an application would. */
export async function compileFaults() {
  const names = folders.flatMap((folder) => readdirSync(path.join(source, folder)).map((name) => path.join(folder, name)));
  const wanted = (/** @type {string} */ name) => name.startsWith("support") ? path.basename(name) === "servers.ts" : name.endsWith(".ts") && !name.endsWith(".test.ts");
  for (const folder of ["faults", "interop", "support"]) rmSync(path.join(compiledTests, folder), { recursive: true, force: true });
  await build({
    entryPoints: names.filter(wanted).map((name) => path.join(source, name)),
    outdir: compiledTests, outbase: source, format: "esm", platform: "node", target: "node20", bundle: false, logLevel: "warning",
  });
  for (const name of names.filter((each) => each.endsWith(".py"))) cpSync(path.join(source, name), path.join(compiledTests, name));
}
