/**
 * Chromium under nothing but its debugging protocol (Node only): pages that really freeze. Playwright keeps every page of its own focused, and
 * such a page is never frozen.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { WebSocket } from "ws";
import { chromiumArguments, chromiumPath } from "./browser-stage.js";

interface Reply {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

interface Pending {
  readonly sessionId: string | undefined;
  readonly resolve: (result: Readonly<Record<string, unknown>>) => void;
  readonly reject: (error: Error) => void;
}

/** Milliseconds for a window to come into view. */
const visibleMsMax = 10_000;

const whenVisible = `new Promise((resolve, reject) => {
  const look = () => { if (document.visibilityState === "visible") resolve(); };
  document.addEventListener("visibilitychange", look);
  setTimeout(() => { reject(new Error("the page stays hidden")); }, ${visibleMsMax.toString()});
  look();
})`;

/** A page; its calls reject once it has crashed or was closed. */
export class ChromiumPage {
  readonly targetId: string;
  readonly #browser: Chromium;
  readonly #sessionId: string;
  /** Why nothing can be asked of it any more. */
  gone: "closed" | "crashed" | undefined;

  constructor(browser: Chromium, targetId: string, sessionId: string) {
    this.#browser = browser;
    this.targetId = targetId;
    this.#sessionId = sessionId;
  }

  send(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.#browser.send(method, params, this.#sessionId);
  }

  /** The value of an expression, awaited. @throws what it throws, as text */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }) as {
      readonly result: { readonly value: T }; readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } };
    };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async freeze(): Promise<void> {
    await this.send("Page.setWebLifecycleState", { state: "frozen" });
  }

  /** Runs again, and in view: freezing hides a page, and only a window that comes up shows it again. @throws if it stays hidden */
  async thaw(): Promise<void> {
    await this.send("Page.setWebLifecycleState", { state: "active" });
    const { windowId } = await this.#browser.send("Browser.getWindowForTarget", { targetId: this.targetId });
    for (const windowState of ["minimized", "normal"]) await this.#browser.send("Browser.setWindowBounds", { windowId, bounds: { windowState } });
    await this.evaluate(whenVisible);
  }

  /** Ends the renderer's process. */
  async crash(): Promise<void> {
    const crashed = this.#browser.whenGone(this);
    this.send("Page.crash").catch(() => undefined); // nobody is left to answer
    await crashed;
  }

  /** As the user closes a tab. */
  async close(): Promise<void> {
    const closed = this.#browser.whenGone(this);
    await this.#browser.send("Target.closeTarget", { targetId: this.targetId });
    await closed;
  }
}

/** A browser with a profile of its own. */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #socket: WebSocket;
  readonly #profile: string;
  readonly #pending = new Map<number, Pending>();
  readonly #pages = new Map<string, ChromiumPage>();
  readonly #farewells = new Map<ChromiumPage, () => void>();
  /** A test that ran out of time must not leave a browser behind. */
  readonly #onExit = (): void => { this.#child.kill("SIGKILL"); };
  /** What pages hand to the function `report`. */
  onReport: (page: ChromiumPage, text: string) => void = () => undefined;
  /** What pages write to the console as errors, and what nobody catches there. */
  readonly complaints: string[] = [];
  #lastId = 0;

  private constructor(child: ChildProcess, socket: WebSocket, profile: string) {
    this.#child = child;
    this.#socket = socket;
    this.#profile = profile;
    process.once("exit", this.#onExit);
    socket.on("message", (data: Buffer) => { this.#take(JSON.parse(data.toString()) as Reply); });
  }

  static async launch(): Promise<Chromium> {
    const profile = mkdtempSync(path.join(os.tmpdir(), "sotto-chromium-"));
    const child = spawn(chromiumPath, [
      "--headless", ...chromiumArguments, "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank",
    ], { stdio: ["ignore", "ignore", "pipe"] });
    const address = await new Promise<string>((resolve, reject) => {
      let text = "";
      child.stderr.on("data", (data: Buffer) => {
        text += data.toString();
        const found = /DevTools listening on (ws:\S+)/.exec(text)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once("exit", () => { reject(new Error(`Chromium did not start: ${text.slice(-500)}`)); });
    });
    const socket = new WebSocket(address);
    await once(socket, "open");
    return new Chromium(child, socket, profile);
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { sessionId, resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });
  }

  /** A page in a window of its own, in view. */
  async open(url: string): Promise<ChromiumPage> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", newWindow: true }) as { readonly targetId: string };
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true }) as { readonly sessionId: string };
    const page = new ChromiumPage(this, targetId, sessionId);
    this.#pages.set(sessionId, page);
    for (const domain of ["Page", "Runtime", "Inspector"]) await page.send(`${domain}.enable`);
    await page.send("Runtime.addBinding", { name: "report" });
    await page.send("Page.navigate", { url });
    return page;
  }

  /** Resolves when the page has crashed or was closed. */
  whenGone(page: ChromiumPage): Promise<void> {
    return page.gone === undefined ? new Promise((resolve) => { this.#farewells.set(page, resolve); }) : Promise.resolve();
  }

  async close(): Promise<void> {
    const exited = once(this.#child, "exit");
    await this.send("Browser.close").catch(() => undefined);
    await exited;
    process.off("exit", this.#onExit);
    this.#socket.terminate();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #take({ id, sessionId, method, params, result, error }: Reply): void {
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id !== undefined && pending !== undefined) {
      this.#pending.delete(id);
      if (error === undefined) pending.resolve(result ?? {});
      else pending.reject(new Error(error.message));
      return;
    }
    const page = this.#pages.get(sessionId ?? (params?.["sessionId"] as string | undefined) ?? "");
    if (page === undefined) return;
    if (method === "Runtime.bindingCalled") this.onReport(page, params?.["payload"] as string);
    else if (method === "Inspector.targetCrashed") this.#lose(page, "crashed");
    else if (method === "Target.detachedFromTarget") this.#lose(page, "closed");
    else if (method === "Runtime.exceptionThrown") this.complaints.push(JSON.stringify(params).slice(0, 1_000));
  }

  #lose(page: ChromiumPage, how: "closed" | "crashed"): void {
    page.gone ??= how;
    for (const [sessionId, each] of this.#pages) {
      if (each !== page) continue;
      for (const [id, pending] of this.#pending) {
        if (pending.sessionId !== sessionId) continue;
        this.#pending.delete(id);
        pending.reject(new Error(`the page has ${how}`));
      }
    }
    this.#farewells.get(page)?.();
    this.#farewells.delete(page);
  }
}
