/** What a page downloads, against the project's limits (scripts/lib/bundle-size.mjs). @module */
import { bundleSizes } from "../scripts/lib/bundle-size.mjs";

/** @returns {Promise<import("./figures.mjs").Report>} */
export async function bench() {
  return { notes: [], figures: (await bundleSizes()).map(({ name, gzip, limit }) => ({ name: `${name}, minified and gzipped, bytes`, value: gzip, target: limit })) };
}
