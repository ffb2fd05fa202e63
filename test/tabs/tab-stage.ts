/** Tabs of a real browser that share an account on a real server, and a correspondent in Node (Node only). @module */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { build } from "esbuild";
import { createClient } from "../../src/client/create-client.js";
import type { SottoClient } from "../../src/index.js";
import { memoryStore } from "../../src/storage/memory.js";
import { type Prosody, startProsody } from "../../scripts/lib/prosody.mjs";
import { Chromium, type ChromiumPage } from "../support/chromium.js";
import type { PageReport, ShownMessage } from "./page.js";
import { StreamWatch } from "./stream-watch.js";

const password = "a rose by any other name";

/** A tab of the application. */
export class AppTab {
  readonly page: ChromiumPage;
  /** Whether it works in a worker. */
  readonly inWorker: boolean;
  readonly reports: PageReport[] = [];
  frozen = false;
  /** Whether it leads, by what was reported; whoever hears all tabs may know better. */
  leading = false;
  #ready: (() => void) | undefined;
  readonly ready: Promise<void>;

  constructor(page: ChromiumPage, inWorker: boolean) {
    this.page = page;
    this.inWorker = inWorker;
    this.ready = new Promise((resolve) => { this.#ready = resolve; });
  }

  heard(report: PageReport): void {
    this.reports.push(report);
    if (report.kind === "leads" || report.kind === "led") this.leading = report.kind === "leads";
    if (report.kind === "ready" || report.kind === "failed") this.#ready?.();
  }

  /** Calls a method of the page's application. */
  call<T>(method: string, ...args: readonly unknown[]): Promise<T> {
    return this.page.evaluate(`app.${method}(${args.map((arg) => JSON.stringify(arg)).join(", ")})`);
  }

  leads(): Promise<boolean> {
    return this.inWorker ? Promise.resolve(this.leading) : this.page.evaluate("app.leads");
  }

  shown(): Promise<readonly ShownMessage[]> {
    return this.call("shown");
  }

  async freeze(): Promise<void> {
    this.frozen = true;
    await this.page.freeze();
  }

  /** Also if it stays hidden. */
  async thaw(): Promise<void> {
    try {
      await this.page.thaw();
    } finally {
      this.frozen = false;
    }
  }
}

/** Everything around the tabs. */
export class TabStage {
  readonly server: Prosody;
  readonly watch: StreamWatch;
  readonly browser: Chromium;
  readonly account: string;
  /** Who writes with the account. */
  readonly peer: SottoClient;
  readonly peerJid: string;
  readonly tabs = new Map<ChromiumPage, AppTab>();
  /** Of all tabs, in order. */
  onReport: (tab: AppTab, report: PageReport) => void = () => undefined;
  readonly #files: Server;

  private constructor(parts: Pick<TabStage, "server" | "watch" | "browser" | "account" | "peer" | "peerJid"> & { readonly files: Server }) {
    this.server = parts.server;
    this.watch = parts.watch;
    this.browser = parts.browser;
    this.account = parts.account;
    this.peer = parts.peer;
    this.peerJid = parts.peerJid;
    this.#files = parts.files;
    this.browser.onReport = (page, text) => {
      this.#hear(this.tabs.get(page), text);
    };
    parts.files.on("request", (request: IncomingMessage) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://stage");
      if (pathname !== "/report") return;
      const tab = [...this.tabs.values()][Number(searchParams.get("tab"))];
      let text = "";
      request.on("data", (data: Buffer) => { text += data.toString(); }).on("end", () => { this.#hear(tab, text); });
    });
  }

  #hear(tab: AppTab | undefined, text: string): void {
    if (tab === undefined || text === "") return;
    const report = JSON.parse(text) as PageReport;
    tab.heard(report);
    this.onReport(tab, report);
  }

  static async open(): Promise<TabStage> {
    const [server, files, browser] = await Promise.all([startProsody(), serveApp(), Chromium.launch()]);
    const watch = await StreamWatch.open(`ws://${server.host}:${server.ports.ws.toString()}/xmpp-websocket`);
    const [user, peerUser] = ["romeo", "juliet"].map((name) => `${name}${randomUUID().slice(0, 8)}`) as [string, string];
    await server.registerAll([user, peerUser], password);
    const peerJid = `${peerUser}@${server.domain}`;
    const peer = await createClient({
      account: peerJid, password, service: `xmpp://${server.host}:${server.ports.c2s.toString()}`, store: memoryStore(), tls: { ca: server.caPem },
    });
    await peer.ready();
    return new TabStage({ server, watch, browser, account: `${user}@${server.domain}`, peer, peerJid, files });
  }

  /** Opens the application in a new tab; it may take a while until it is ready. */
  async tab(options: { readonly worker?: boolean } = {}): Promise<AppTab> {
    const { port } = this.#files.address() as AddressInfo;
    const { worker = false } = options;
    const page = await this.browser.open("about:blank");
    const tab = new AppTab(page, worker);
    const query = new URLSearchParams({
      account: this.account, password, service: this.watch.url, peer: this.peerJid, tab: this.tabs.size.toString(), ...(worker ? { worker: "1" } : {}),
    });
    this.tabs.set(page, tab);
    await page.send("Page.navigate", { url: `http://127.0.0.1:${port.toString()}/?${query.toString()}` });
    return tab;
  }

  /** As {@link tab}, when it is ready. */
  async opened(options: { readonly worker?: boolean } = {}): Promise<AppTab> {
    const tab = await this.tab(options);
    await tab.ready;
    return tab;
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.peer.close();
    await this.watch.close();
    await new Promise((resolve) => this.#files.close(resolve));
    await this.server.stop();
  }
}

/** Serves the page and its worker. */
async function serveApp(): Promise<Server> {
  const { outputFiles } = await build({
    entryPoints: ["page", "worker", "writer-worker"].map((name) => path.join(import.meta.dirname, `${name}.ts`)), outdir: "/", bundle: true, write: false, format: "esm",
    platform: "browser", target: "es2022", conditions: ["sotto-source", "browser"], logLevel: "error",
  });
  const scripts = new Map(outputFiles.map(({ path: file, text }) => [`/${path.basename(file)}`, text]));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://stage");
    const script = scripts.get(pathname);
    response.writeHead(200, { "content-type": script === undefined ? "text/html" : "text/javascript" });
    response.end(script ?? (pathname === "/" ? '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>' : ""));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return server;
}
