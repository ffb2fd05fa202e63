/**
 * The application in each page of the tab tests: a shared client, or one in a worker, driven through `window.app`, that reports what it does through the
 * debugging protocol's function `report`.
 * @module
 */
import type { Client } from "../../src/client/surface.js";
import { createDefaultProvider } from "../../src/crypto/default-provider-browser.js";
import { indexedDbStore } from "../../src/storage/indexeddb.js";
import type { SottoClient } from "../../src/client/client.js";
import { openHost } from "../../src/tabs/host.js";
import { openShared } from "../../src/tabs/shared-client.js";
import { createWorkerClient } from "../../src/tabs/worker-client.js";
import { recorded } from "./page-recorder.js";
import { Writer } from "./writer.js";

/** What a page tells; `at`: of the machine's clock. */
export type PageReport =
  | { readonly kind: "ready" | "leads" | "led"; readonly at: number }
  | { readonly kind: "encrypted"; readonly key: string; readonly plaintext: string; readonly ciphertext: string }
  | { readonly kind: "failed"; readonly code: string };

/** One message, as a tab shows it. */
export interface ShownMessage {
  readonly id: string;
  readonly text: string;
  readonly state: string | undefined;
}

declare global {
  /** Given by the debugging protocol. */
  function report(text: string): void;
  interface Window {
    app: App;
  }
}

const tell = (event: PageReport): void => { report(JSON.stringify(event)); };
const at = (): number => performance.timeOrigin + performance.now();
const query = new URLSearchParams(location.search);
const option = (name: string): string => query.get(name) ?? "";

const codeOf = (error: unknown): string => (error as { readonly code?: string }).code ?? "none";

/** What the tests do in a page. */
class App {
  readonly #client: Promise<Client>;
  /** Whether this tab leads, as far as it knows; in worker mode nobody tells it. */
  leads = false;
  readonly writer: Writer = new Writer();
  #writerWorker: Worker | undefined;
  #worker: Worker | undefined;
  /** The client behind the present or last leadership. */
  #led: SottoClient | undefined;
  #showing: Promise<readonly ShownMessage[]> | undefined;
  /** What came of {@link sendOnThaw}. */
  late: Promise<string> | undefined;

  constructor() {
    const common = { account: option("account"), password: option("password"), service: option("service"), unsafeAllowInsecureLoopback: true };
    this.#client = query.has("worker")
      ? createWorkerClient({ ...common, password: () => Promise.resolve(option("password")), worker: this.#startWorker() })
      : openShared({
        ...common, provider: recorded(createDefaultProvider(), tell),
        store: () => indexedDbStore(option("account")),
      }, async (options, out) => {
        const host = await openHost(options, out);
        this.leads = true;
        this.#led = host.client;
        tell({ kind: "leads", at: at() });
        return {
          take: (tab, frame) => { host.take(tab, frame); },
          leave: (tab) => { host.leave(tab); },
          close: async () => {
            this.leads = false;
            tell({ kind: "led", at: at() });
            await host.close();
          },
        };
      });
    this.#client.then((client) => {
      // Somebody looks at the conversation all the time.
      client.conversation(option("peer")).timeline().subscribe(() => undefined);
      tell({ kind: "ready", at: at() });
    }, (error: unknown) => { tell({ kind: "failed", code: codeOf(error) }); });
  }

  async ready(): Promise<void> {
    await (await this.#client).ready();
  }

  /** Resolves when the message is stored. */
  async send(text: string): Promise<void> {
    await (await this.#client).conversation(option("peer")).send({ text }).reached("stored");
  }

  async status(): Promise<string> {
    const status = (await this.#client).status.getSnapshot();
    return "error" in status ? `${status.kind} ${status.error.code}` : status.kind;
  }

  /** A look that needs the leader. */
  async look(): Promise<number> {
    return (await (await this.#client).history({ limit: 1, reverse: true })).length;
  }

  async waiting(): Promise<number> {
    return (await this.#client).waiting;
  }

  /** The whole conversation, as this tab's timeline has it. Whoever asks while it is being read gets the same answer. */
  shown(): Promise<readonly ShownMessage[]> {
    this.#showing ??= this.#show().finally(() => { this.#showing = undefined; });
    return this.#showing;
  }

  async #show(): Promise<readonly ShownMessage[]> {
    const timeline = (await this.#client).conversation(option("peer")).timeline();
    const unsubscribe = timeline.subscribe(() => undefined);
    try {
      while (!timeline.getSnapshot().complete) {
        if (timeline.getSnapshot().loading) await new Promise<void>((resolve) => { const stop = timeline.subscribe(() => { stop(); resolve(); }); });
        else {
          await timeline.loadOlder({ limit: 1_000 }).catch(async (error: unknown) => {
            if (codeOf(error) !== "ERR_OFFLINE") throw error;
            await new Promise((resolve) => { setTimeout(resolve, 50); }); // the leader is about to be online
          });
        }
      }
      return timeline.getSnapshot().messages.map(({ id, text, delivery, unreadable }) => ({ id, text: unreadable ?? text, state: delivery?.state }));
    } finally {
      unsubscribe();
    }
  }

  /** A method of a writer in a worker of this page. */
  async inWorker(method: keyof Writer, ...args: readonly string[]): Promise<unknown> {
    this.#writerWorker ??= new Worker("/writer-worker.js", { type: "module" });
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => { port1.onmessage = ({ data }: MessageEvent<unknown>) => { resolve(data); }; });
    this.#writerWorker.postMessage([method, ...args], [port2]);
    return answer;
  }

  /** Sends past all tabs, as the client that led here, in the moment in which this page runs again. */
  sendOnThaw(text: string): void {
    const client = this.#led as SottoClient;
    this.late = new Promise((resolve) => {
      document.addEventListener("resume", () => {
        client.conversation(option("peer")).send({ text }).reached("stored").then(() => "stored", codeOf).then(resolve, () => undefined);
      }, { once: true });
    });
  }

  endWorker(): void {
    this.#worker?.terminate();
  }

  #startWorker(): Worker {
    this.#worker = new Worker(`/worker.js?tab=${option("tab")}`, { type: "module" });
    return this.#worker;
  }

  async close(): Promise<void> {
    await (await this.#client).close();
  }
}

window.app = new App();
