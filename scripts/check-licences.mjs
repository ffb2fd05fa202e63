/** Licences of everything that an application installs with us: permissive ones only, all of them known. @module */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const allowed = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense", "BlueOak-1.0.0"]);
const lock = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8"));

const refused = [];
let count = 0;
for (const [place, entry] of Object.entries(lock.packages)) {
  if (place === "" || entry.dev === true) continue;
  count += 1;
  const file = path.join(root, place, "package.json");
  const manifest = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  // Old packages state a list of { type, url }.
  const licence = entry.license ?? manifest.license ?? manifest.licenses?.[0]?.type;
  if (!allowed.has(licence)) refused.push(`${place.replace(/^node_modules\//, "")}: ${licence ?? "no licence stated"}`);
}
for (const line of refused) console.error(line);
console.log(`${count} packages at run time, ${refused.length} with a licence that is not on the list`);
process.exitCode = refused.length > 0 ? 1 : 0;
