/** The web example in real browsers against a real Prosody (Node only): built once, served under its policy, every request and complaint kept. @module */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page, type WebSocket } from "playwright";
import type { ClientOptions, SottoClient } from "../../src/index.js";
import { createClient } from "../../src/client/create-client.js";
import { memoryStore } from "../../src/storage/memory.js";
import { build, isStale } from "../../scripts/build.mjs";
import { type Prosody, startProsody } from "../../scripts/lib/prosody.mjs";
import { buildWebApp, serveWebApp, type WebServer } from "../../scripts/lib/web-app.mjs";
import { befriend } from "../../scripts/lib/web-bots.mjs";

export const password = "a rose by any other name";

/** A browser's context of one user, and what it must not do. */
export interface User {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly account: string;
  /** Another tab of the same user. */
  tab(): Promise<Page>;
}

export interface WebStage {
  readonly server: Prosody;
  readonly web: WebServer;
  readonly browser: Browser;
  /** Opens the app in a context of its own, with a fresh account unless a name of one is given. Not signed in. */
  user(name: string, options?: BrowserContextOptions): Promise<User>;
  /** Opens the app and signs in. */
  signedIn(name: string, options?: BrowserContextOptions): Promise<User>;
  /** A client in this process, on TCP. */
  client(name: string, options?: Partial<ClientOptions>): Promise<SottoClient>;
  jid(name: string): string;
  /** Everything that no page may ever show: console errors, policy reports, requests to other origins, exceptions. */
  readonly complaints: string[];
  end(): Promise<void>;
}

const chromiumArguments = [
  "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** @param friends pairs of users that see each other's presence, with the group in which each has the other */
export async function webStage(users: readonly string[], friends: readonly (readonly [string, string, string])[] = []): Promise<WebStage> {
  if (isStale()) build(); // what users get is what is tested
  const dir = mkdtempSync(path.join(os.tmpdir(), "sotto-web-"));
  const [server, browser] = await Promise.all([
    startProsody({ extraModules: ["privacy_lists"] }),
    chromium.launch({ executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium", args: chromiumArguments }),
    buildWebApp({ outDir: dir }),
  ]);
  await server.registerAll(users, password);
  const title = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);
  await befriend(server, friends.flatMap(([a, b, group]) => [[a, b, title(b), group], [b, a, title(a), group]] as const));
  const web = await serveWebApp({ dir, domain: server.domain, webSocketPort: server.ports.ws });
  const complaints: string[] = [];
  const clients: SottoClient[] = [];
  const origin = new URL(web.url).origin;

  const watch = (page: Page, name: string): void => {
    page.on("console", (message) => { if (message.type() === "error" || message.type() === "warning") complaints.push(`${name}: ${message.text()}`); });
    page.on("pageerror", (error) => { complaints.push(`${name}: ${error.stack ?? error.message}`); });
    page.on("request", (request) => {
      const { protocol, origin: from } = new URL(request.url());
      if (from !== origin && protocol !== "data:") complaints.push(`${name}: requested ${request.url()}`);
    });
    page.on("websocket", (socket) => {
      if (new URL(socket.url()).host !== new URL(web.url).host) complaints.push(`${name}: connected to ${socket.url()}`);
      record(page, socket);
    });
  };
  const user = async (name: string, options: BrowserContextOptions = {}): Promise<User> => {
    const context = await browser.newContext({ locale: "en-GB", ...options });
    const reporting = `document.addEventListener("securitypolicyviolation", (event) => { console.error("policy: " + event.violatedDirective + " " + event.blockedURI); });`;
    await context.addInitScript({ content: reporting });
    const tab = async (): Promise<Page> => {
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      watch(page, name);
      await page.goto(web.url);
      return page;
    };
    return { context, page: await tab(), account: `${name}@${server.domain}`, tab };
  };
  return {
    server, web, browser, complaints, user,
    jid: (name) => `${name}@${server.domain}`,
    signedIn: async (name, options) => {
      const opened = await user(name, options);
      await signIn(opened.page, opened.account);
      return opened;
    },
    client: async (name, options = {}) => {
      const client = await createClient({
        account: `${name}@${server.domain}`, password, service: `xmpp://${server.host}:${server.ports.c2s.toString()}`, store: memoryStore(), tls: { ca: server.caPem }, ...options,
      });
      clients.push(client);
      await client.ready({ signal: AbortSignal.timeout(30_000) });
      return client;
    },
    end: async () => {
      await Promise.all(clients.map((client) => client.close()));
      await browser.close();
      await web.close();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Fills in the sign-in and waits until the lists are there. */
export async function signIn(page: Page, account: string): Promise<void> {
  await page.getByLabel("Address", { exact: true }).fill(account);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").waitFor();
}

/** What passed between each page and the server last. */
const traffic = new WeakMap<Page, string[]>();

function record(page: Page, socket: WebSocket): void {
  const lines = traffic.get(page) ?? [];
  traffic.set(page, lines);
  const note = (what: string): void => {
    lines.push(`${new Date().toISOString().slice(14, 23)} ${what.slice(0, 140)}`);
    if (lines.length > 40) lines.shift();
  };
  note("connecting");
  socket.on("framesent", ({ payload }) => { note(`> ${payload.toString()}`); }).on("framereceived", ({ payload }) => { note(`< ${payload.toString()}`); })
    .on("close", () => { note("closed"); });
}

/** Waits until the connection just works: no banner says anything else. @throws telling what it does instead, and what passed last */
export async function online(page: Page): Promise<void> {
  try {
    await page.locator('.banner[data-kind="online"]').waitFor({ state: "attached" });
  } catch (error) {
    const banners = await page.locator(".banner").evaluateAll((all) => all.map((each) => `${(each as HTMLElement).dataset["kind"] ?? "nothing"}: ${each.textContent}`));
    throw new Error(["not online", ...banners, new Date().toISOString().slice(14, 23), ...traffic.get(page) ?? []].join("\n"), { cause: error });
  }
}
