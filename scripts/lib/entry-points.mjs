/** The entry points of the package, read from its exports map. @module */
import { readFileSync } from "node:fs";

/** @typedef {{ readonly name: string, readonly types: string, readonly file: string }} EntryPoint */

/** @returns {EntryPoint[]} `name` is "index" or the subpath with dashes. */
export function entryPoints() {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === "object")
    .map(([subpath, target]) => ({
      name: subpath === "." ? "index" : subpath.slice(2).replaceAll("/", "-"), types: target.types, file: target.default,
    }));
}
