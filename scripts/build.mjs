/** The one build: a clean dist/ from src/ with tsc. `node scripts/build.mjs --if-stale` skips it when dist/ is newer. @module */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, "dist");

/** Time of the newest change below `dir`, deleted and new files included: they change their directory. @param {string} dir @returns {number} */
function newest(dir) {
  let time = statSync(dir).mtimeMs;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    time = Math.max(time, entry.isDirectory() ? newest(file) : statSync(file).mtimeMs);
  }
  return time;
}

/** True if dist/ is missing, incomplete or older than what it is made from. @returns {boolean} */
export function isStale() {
  const entry = path.join(dist, "index.js");
  if (!existsSync(entry)) return true;
  const configuration = ["package.json", "tsconfig.json", "tsconfig.build.json"].map((name) => statSync(path.join(root, name)).mtimeMs);
  return statSync(entry).mtimeMs < Math.max(newest(path.join(root, "src")), ...configuration);
}

/** Builds. @throws {Error} if the compiler finds an error; its messages go to the terminal. */
export function build() {
  rmSync(dist, { recursive: true, force: true });
  const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("the build failed; the compiler's messages stand above.");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    if (!process.argv.includes("--if-stale") || isStale()) build();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
