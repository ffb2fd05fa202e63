/** What package.json promises and no other tool checks: no lifecycle scripts, every version pinned. @module */
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const problems = [];

// Nothing of ours runs on somebody's machine because they installed us.
for (const hook of ["preinstall", "install", "postinstall", "prepare", "prepack", "prepublish"]) {
  if (hook in manifest.scripts) problems.push(`package.json has a lifecycle script: ${hook}`);
}
for (const group of ["dependencies", "optionalDependencies", "devDependencies"]) {
  for (const [name, version] of Object.entries(manifest[group] ?? {})) {
    if (!/^\d+\.\d+\.\d+$/.test(String(version))) problems.push(`${group}: ${name} is not pinned exactly`);
  }
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
