/**
 * Bundles the simulation. A test runner's own way of loading modules makes it slow, and lets modules that are loaded on demand come late
 * by the clock on the wall, which a virtual one does not wait for.
 * @module
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(path.dirname(here));

/** Returns the path of the bundle of `entry`, a file of this folder. It is the caller's to delete. */
export function bundle(entry: "worker.ts" | "harness.ts"): string {
  // Beside the packages, so that the bundle finds them.
  const directory = path.join(root, "node_modules", ".cache", "simulation");
  mkdirSync(directory, { recursive: true });
  const outfile = path.join(directory, `${path.basename(entry, ".ts")}-${String(process.pid)}-${String(process.hrtime.bigint())}.mjs`);
  buildSync({
    entryPoints: [path.join(here, entry)], outfile, bundle: true, platform: "node", format: "esm",
    packages: "external", conditions: ["sotto-source"], sourcemap: "inline", logLevel: "error", absWorkingDir: root,
  });
  return outfile;
}
