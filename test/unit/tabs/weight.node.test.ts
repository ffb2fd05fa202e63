/** What a page loads that has its client in a worker or in another tab. */
import { build } from "esbuild";
import { expect, test } from "vitest";

test.each([
  ["the facade of a shared client", "src/tabs/facade.ts", []],
  ["the page's side of worker mode", "src/tabs/worker-client.ts", ["src/storage/persistence.ts"]], // which only a page may ask for
])("%s brings no crypto, session, stream or store into the page: errors and pure helpers only", async (_, entry, needed) => {
  const { metafile } = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm", metafile: true, conditions: ["sotto-source", "browser"] });
  const loaded = Object.entries(Object.values(metafile.outputs)[0]?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file);
  expect(loaded.filter((file) => file.includes("node_modules"))).toEqual([]);
  const layers = loaded.filter((file) => /^src\/(crypto|session|storage|transport)\//.test(file) && !/\/errors\.ts$/.test(file));
  expect(layers.filter((file) => !file.startsWith("src/transport/xep/"))).toEqual(needed);
  expect(loaded.filter((file) => /^src\/client\/(client|core|online|options|link)\.ts$/.test(file))).toEqual([]);
});
