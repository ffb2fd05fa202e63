/**
 * A page of our own in Debian's Chromium: a bundle of the sources, served on loopback, driven by Playwright (Node only).
 * Vitest's browser mode runs tests inside one page; this is for what has to be done to a page from outside: reloads, evictions, quotas,
 * several tabs, workers, a content security policy.
 * @module
 */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions } from "playwright";
import { root } from "./documents.js";

export interface BrowserStageOptions {
  /** Source text (TypeScript) of the page's module. Imports are looked up from the root of the tree, so that "sotto/..." and "./src/..." are the sources. */
  readonly entry: string;
  /** More modules, for workers: `{ "worker.js": source }` is served as `/worker.js`. */
  readonly modules?: Readonly<Record<string, string>>;
  /** Value of the header `Content-Security-Policy` of everything that is served. Default: none. */
  readonly csp?: string;
  /** The page's body. Default: empty. */
  readonly body?: string;
  /** Further switches for Chromium. */
  readonly args?: readonly string[];
}

export interface BrowserStage {
  /** Address of the page: `http://127.0.0.1:<port>/`. */
  readonly url: string;
  readonly origin: string;
  readonly browser: Browser;
  /** A fresh profile, as in a private window; closed with the stage. */
  newContext(options?: BrowserContextOptions): Promise<BrowserContext>;
  close(): Promise<void>;
}

/** The switches of vitest.config.ts: as root Chromium needs the first, the others keep it from calling home. */
export const chromiumArguments: readonly string[] = [
  "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export const chromiumPath: string = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";

/** Builds, serves and launches. */
export async function startBrowserStage(options: BrowserStageOptions): Promise<BrowserStage> {
  const modules = { ...options.modules, "entry.js": options.entry };
  const files = new Map<string, { readonly type: string; readonly text: string }>([
    ["/", { type: "text/html", text: pageOf(options.body ?? "") }],
    ["/favicon.ico", { type: "image/x-icon", text: "" }], // or its absence is an error on the console
  ]);
  for (const [name, source] of Object.entries(modules)) files.set(`/${name}`, { type: "text/javascript", text: await bundle(source) });
  const headers = options.csp === undefined ? {} : { "content-security-policy": options.csp };
  const server = createServer((request, response) => { answer(response, files.get(new URL(request.url ?? "/", "http://stage").pathname), headers); });
  await listening(server);
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port.toString()}`;
  try {
    const browser = await chromium.launch({ executablePath: chromiumPath, args: [...chromiumArguments, ...(options.args ?? [])] });
    return {
      url: `${origin}/`, origin, browser,
      newContext: (context) => browser.newContext(context),
      close: async () => {
        await browser.close();
        await closed(server);
      },
    };
  } catch (error) {
    await closed(server);
    throw error;
  }
}

/** One module with everything in it, from the sources, as for a browser. */
async function bundle(source: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: root, loader: "ts", sourcefile: "stage.ts" },
    bundle: true, write: false, format: "esm", platform: "browser", target: "es2022", conditions: ["sotto-source", "browser"], logLevel: "error",
  });
  return (outputFiles[0] as { readonly text: string }).text;
}

const pageOf = (body: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>stage</title><script type="module" src="/entry.js"></script></head><body>${body}</body></html>`;

function answer(response: ServerResponse, file: { readonly type: string; readonly text: string } | undefined, headers: Readonly<Record<string, string>>): void {
  response.writeHead(file === undefined ? 404 : 200, { ...headers, "content-type": `${file?.type ?? "text/plain"}; charset=utf-8`, "cache-control": "no-store", "access-control-allow-origin": "*" });
  response.end(file?.text);
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => { resolve(); });
    server.closeAllConnections();
  });
}
