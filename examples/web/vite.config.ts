/** The build: the page, and the service worker that knows its files. Nothing else is configured. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { defineConfig, type Plugin } from "vite";

/** Not part of the page: whoever hosts it changes them, and they are asked for when they are needed. */
const unkept = ["settings.json"];

/** Writes into the service worker which files the page is made of, and a version that changes with any of them. */
function shell(): Plugin {
  let publicDir = "";
  return {
    name: "shell", apply: "build", enforce: "post",
    configResolved: (config) => { ({ publicDir } = config); },
    generateBundle: (_options, bundle) => {
      const worker = bundle["service-worker.js"];
      const html = bundle["index.html"];
      if (worker?.type !== "chunk" || html === undefined) throw new TypeError("the service worker or the page was not built");
      const built = Object.values(bundle).filter((file) => file !== worker && !file.fileName.endsWith(".map"));
      const copied = readdirSync(publicDir).filter((name) => !unkept.includes(name));
      const hash = createHash("sha256").update(worker.code);
      for (const file of built) hash.update(file.fileName).update(file.type === "chunk" ? file.code : file.source);
      for (const name of copied) hash.update(name).update(readFileSync(path.join(publicDir, name)));
      const files = [...built.filter((file) => file !== html).map(({ fileName }) => fileName), ...copied].sort();
      const text = JSON.stringify({ version: hash.digest("hex").slice(0, 16), files });
      const code = worker.code.replace(/(["'`])__SHELL__\1/, () => JSON.stringify(text));
      if (code === worker.code) throw new TypeError("the service worker has no place for its files");
      worker.code = code;
    },
  };
}

export default defineConfig({
  base: "./", // wherever it is put
  build: {
    target: "es2022",
    rolldownOptions: {
      input: { index: "index.html", "service-worker": "src/service-worker.ts" },
      // The browser asks for the service worker under the same name each time: only so it sees that there is a newer one.
      output: { entryFileNames: ({ name }) => (name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js") },
    },
  },
  plugins: [shell()],
});
