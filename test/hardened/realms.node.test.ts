/** H10: the sources as an application bundles them, in Chromium under a strict policy, in workers, and in realms with frozen intrinsics. @module */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { Page } from "playwright";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBrowserStage, type BrowserStage } from "../support/browser-stage.js";
import { root } from "../support/documents.js";

const strict = "default-src 'none'; script-src 'self'; connect-src 'self' ws:; require-trusted-types-for 'script'; trusted-types";

const expected = {
  exchange: { read: ["Art thou there?", "failed ERR_SESSION_MALFORMED", "Ay me."], provider: "webcrypto" },
  offline: { shown: ["Good night"], refusals: ["UsageError ERR_INVALID_JID", "CryptoError ERR_CRYPTO_INVALID_KEY"] },
  kept: "from the database",
  violations: [],
};

/** Everything a browser application can import, and a function that uses it. */
const whole = `
import { violations } from "./test/hardened/violations.ts";
import * as sotto from "sotto";
import * as session from "sotto/session";
import * as indexeddb from "sotto/storage/indexeddb";
import * as tabs from "sotto/tabs";
import { exchange, offline } from "./test/hardened/exchange.ts";

async function keep() {
  const store = indexeddb.indexedDbStore("hardened-" + crypto.randomUUID());
  const fence = await store.acquire();
  await store.commit([{ kind: "put", key: "hardened", value: new TextEncoder().encode("from the database") }], fence);
  const value = await store.get("hardened");
  await store.destroy();
  return new TextDecoder().decode(value);
}
const parts = [sotto, session, indexeddb, tabs];
const run = async () => ({
  exchange: await exchange(), offline: await offline(), kept: await keep(), violations: await violations(), empty: parts.filter((part) => Object.keys(part).length === 0),
});
`;

const page = `${whole}
import * as react from "sotto/react";
parts.push(react);
globalThis.result = run(); // here and not when the debugger asks for it: a debugger's call may use eval whatever the policy says
// What must be refused, to see that the policy is in force and that somebody listens.
globalThis.transgress = async () => {
  await new Promise((resolve) => { setTimeout(resolve, 0); }); // the debugger's call is over
  const refused = [];
  for (const attempt of [() => globalThis.eval("1"), () => new Function("return 1")(), () => { document.body.innerHTML = "<b>"; }]) {
    try { attempt(); refused.push(false); } catch { refused.push(true); }
  }
  await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)).then(() => refused.push(false), () => refused.push(true));
  return { refused, told: (await violations()).length };
};
`;

const answering = `onmessage = () => { run().then((result) => postMessage(result), (error) => postMessage(String(error && error.stack))); };`;
const sharedAnswering = `
import { violations } from "./test/hardened/violations.ts";
import * as session from "sotto/session";
import { exchange } from "./test/hardened/exchange.ts";
onconnect = ({ ports: [port] }) => {
  (async () => ({ exchange: await exchange(), violations: await violations(), empty: Object.keys(session).length === 0 }))()
    .then((result) => port.postMessage(result), (error) => port.postMessage(String(error && error.stack)));
};
`;

/** Where browsers send what a policy refused. */
async function startReports(): Promise<{ readonly address: string; readonly reports: string[]; arrived(): Promise<void>; stop(): void }> {
  const reports: string[] = [];
  let wake: () => void = () => undefined;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => { parts.push(part); });
    request.on("end", () => {
      reports.push(Buffer.concat(parts).toString("utf8"));
      response.writeHead(204).end();
      wake();
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port.toString()}/`, reports,
    arrived: () => new Promise((resolve) => { if (reports.length > 0) resolve(); else wake = resolve; }),
    stop: () => { server.closeAllConnections(); server.close(); },
  };
}

/** The page of `stage`, and everything that it complains about. */
async function open(stage: BrowserStage): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const context = await stage.newContext();
  const opened = await context.newPage();
  const complaints: string[] = [];
  opened.on("console", (message) => { if (message.type() === "error" || message.type() === "warning") complaints.push(message.text()); });
  opened.on("pageerror", (error) => { complaints.push(error.message); });
  await opened.goto(stage.url);
  return { page: opened, complaints };
}

interface PageGlobals {
  readonly result: Promise<unknown>;
  transgress(): Promise<{ readonly refused: readonly boolean[]; readonly told: number }>;
}

describe("H10 under default-src 'none', script-src 'self' and Trusted Types", () => {
  let reports: Awaited<ReturnType<typeof startReports>>;
  let stage: BrowserStage;
  beforeAll(async () => {
    reports = await startReports();
    stage = await startBrowserStage({ entry: page, csp: `${strict} 'none'; report-uri ${reports.address}` });
  });
  afterAll(async () => {
    await stage.close();
    reports.stop();
  });

  test("H10 all entries load and work in a page without one report", async () => {
    const { page: opened, complaints } = await open(stage);
    expect(await opened.evaluate(() => (globalThis as unknown as PageGlobals).result)).toEqual({ ...expected, empty: [] });
    expect(complaints).toEqual([]);
    expect(reports.reports).toEqual([]);
    // The same page, to see that silence means something: eval, Function, innerHTML and wasm are refused, told and reported.
    const { refused, told } = await opened.evaluate(() => (globalThis as unknown as PageGlobals).transgress());
    expect(refused).toEqual([true, true, true, true]);
    expect(told).toBeGreaterThanOrEqual(4);
    await reports.arrived();
    expect(complaints.length).toBeGreaterThan(0);
  });
});

describe("H10 in workers under the same policy", () => {
  let stage: BrowserStage;
  beforeAll(async () => {
    // With Trusted Types the address of a worker must come out of a policy: the page makes one. The workers' own policy allows none besides.
    stage = await startBrowserStage({
      entry: `globalThis.scriptUrl = trustedTypes.createPolicy("application", { createScriptURL: (url) => url });`,
      modules: { "dedicated.js": `${whole}\n${answering}`, "shared.js": sharedAnswering }, csp: `${strict} application`,
    });
  });
  afterAll(() => stage.close());

  test("H10 all entries but React work in a dedicated worker", async () => {
    const { page: opened, complaints } = await open(stage);
    const result = await opened.evaluate(() => new Promise((resolve, reject) => {
      const { scriptUrl } = globalThis as unknown as { scriptUrl: { createScriptURL(url: string): string } };
      const worker = new Worker(scriptUrl.createScriptURL("/dedicated.js"), { type: "module" });
      worker.onmessage = ({ data }) => { resolve(data); };
      worker.onerror = ({ message }) => { reject(new RangeError(message)); };
      worker.postMessage("run");
    }));
    expect(result).toEqual({ ...expected, empty: [] });
    expect(complaints).toEqual([]);
  });

  test("H10 sotto/session works in a shared worker", async () => {
    const { page: opened, complaints } = await open(stage);
    const result = await opened.evaluate(() => new Promise((resolve, reject) => {
      const { scriptUrl } = globalThis as unknown as { scriptUrl: { createScriptURL(url: string): string } };
      const worker = new SharedWorker(scriptUrl.createScriptURL("/shared.js"), { type: "module" });
      worker.onerror = () => { reject(new RangeError("the shared worker did not load")); };
      worker.port.onmessage = ({ data }) => { resolve(data); };
    }));
    expect(result).toEqual({ exchange: expected.exchange, violations: [], empty: false });
    expect(complaints).toEqual([]);
  });
});

describe("H10 with frozen intrinsics", () => {
  const frozen = (rest: string): string => `import { frozenCount } from "./test/hardened/freeze.ts";\n${rest}`;

  test("H10 all entries load and work in Chromium", async () => {
    const stage = await startBrowserStage({ entry: frozen(`${page}\nglobalThis.frozenCount = frozenCount;`), csp: `${strict} 'none'` });
    try {
      const { page: opened, complaints } = await open(stage);
      const result = await opened.evaluate(async () => {
        const { frozenCount, result } = globalThis as unknown as PageGlobals & { readonly frozenCount: number };
        return { many: frozenCount > 300, frozen: Object.isFrozen(Array.prototype) && Object.isFrozen(Promise.prototype), result: await result };
      });
      expect(result).toEqual({ many: true, frozen: true, result: { ...expected, empty: [] } });
      expect(complaints).toEqual([]);
    } finally {
      await stage.close();
    }
  });

  test("H10 messages and a client work in Node", async () => {
    const directory = await mkdtemp(path.join(os.tmpdir(), "sotto-frozen-"));
    try {
      const outfile = path.join(directory, "frozen.mjs");
      const contents = frozen(`
import { exchange, offline } from "./test/hardened/exchange.ts";
console.log(JSON.stringify({ frozen: Object.isFrozen(Map.prototype) && frozenCount > 300, exchange: await exchange(), offline: await offline() }));
process.exit();
`);
      await build({
        stdin: { contents, resolveDir: root, loader: "ts", sourcefile: "frozen.ts" }, bundle: true, outfile, format: "esm", platform: "node", target: "node20",
        conditions: ["sotto-source"], logLevel: "error",
        banner: { js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(${JSON.stringify(path.join(root, "package.json"))});` },
      });
      const { stdout } = await promisify(execFile)(process.execPath, [outfile]);
      const { exchange, offline } = expected;
      expect(JSON.parse(stdout)).toEqual({ frozen: true, exchange: { ...exchange, provider: "node" }, offline });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
