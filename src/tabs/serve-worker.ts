/**
 * The worker's side of worker mode: a hub for each page that asks, with the page's options and the worker's store.
 * Not here: the page's side (worker-client.ts), the hub (hub.ts).
 * @module
 */
import { Emitter } from "../base/events.js";
import { UsageError } from "../base/errors.js";
import type { BareJid } from "../base/jid.js";
import type { ClientOptions } from "../client/options.js";
import type { Store } from "../session/ports.js";
import { openHost } from "./host.js";
import type { Hub } from "./hub.js";
import { PageAnswer } from "./page-answer.js";
import { platformTabs, type TabPlatform, type TabVisibility } from "./platform.js";
import { openHub } from "./shared-client.js";
import { toWire } from "./wire.js";
import type { PageMessage, WorkerCall, WorkerMessage, WorkerNotice } from "./worker-messages.js";

/** Options of {@link serveWorker}: what cannot be handed to a worker. */
export interface ServeWorkerOptions extends Pick<ClientOptions, "trust" | "logger" | "provider" | "clock" | "rng"> {
  /** Opens the store of an account, anew for each time this worker begins to lead; see {@link SharedClientOptions.store}. */
  readonly store: (account: BareJid) => Store;
  /** Where pages call from. Default: the worker's own scope. */
  readonly scope?: WorkerScope;
  /** Locks, channels and time, for tests. Who looks is told by the page. @internal */
  readonly platform?: Omit<TabPlatform, "visibility">;
}

/** The part of a worker's global scope that is used. */
export interface WorkerScope {
  /** What pages post to the worker. */
  addEventListener(type: "message", listener: (event: { readonly data: unknown; readonly ports: readonly MessagePort[] }) => void): void;
  /** Where stores in a worker hear of a freeze: its page's events `freeze` and `resume` are repeated here. A scope without it is not frozen with a page. */
  dispatchEvent?(event: Event): boolean;
}

/**
 * Serves the pages that call {@link createWorkerClient} with this worker. To be called while the worker's script runs first, or calls are missed.
 * @throws UsageError
 */
export function serveWorker(options: ServeWorkerOptions): void {
  const given = options as Partial<ServeWorkerOptions> | null | undefined;
  if (typeof given !== "object" || given === null || typeof given.store !== "function") {
    throw new UsageError("ERR_INVALID_ARGUMENT", "serveWorker needs store, a function that opens the store of an account");
  }
  const scope: WorkerScope = options.scope ?? globalThis;
  scope.addEventListener("message", ({ data, ports: [port] }) => {
    if (isNotice(data)) scope.dispatchEvent?.(new Event(data.sotto));
    else if (isCall(data) && port !== undefined) void new Service(options, data, port).open();
  });
}

/** Without what is `undefined`. */
function given<T extends object>(options: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

const isCall = (data: unknown): data is WorkerCall => typeof data === "object" && data !== null && (data as Partial<WorkerCall>).sotto === "open";

const isNotice = (data: unknown): data is WorkerNotice => {
  const { sotto } = (data ?? {}) as Partial<WorkerNotice>;
  return sotto === "freeze" || sotto === "resume";
};

/** One page's client. */
class Service {
  readonly #options: ServeWorkerOptions;
  readonly #call: WorkerCall;
  readonly #port: MessagePort;
  readonly #seen = new Emitter<undefined>();
  readonly #questions = new Map<number, (password: string | undefined) => void>();
  readonly #persistence = new PageAnswer(() => { this.#say({ kind: "persist" }); });
  #visible: boolean;
  #lastQuestion = 0;

  constructor(options: ServeWorkerOptions, call: WorkerCall, port: MessagePort) {
    this.#options = options;
    this.#call = call;
    this.#port = port;
    this.#visible = call.visible;
  }

  async open(): Promise<void> {
    const { store, platform, trust, logger, provider, clock, rng } = this.#options;
    const own = { trust, logger, provider, clock, rng };
    const { options, name, password } = this.#call;
    const visibility: TabVisibility = { isVisible: () => this.#visible, onChange: (listener) => this.#seen.subscribe(listener) };
    try {
      const hub = await openHub({
        ...given(own), ...options, ...(name === undefined ? {} : { name }),
        password: password ?? ((request) => this.#ask(request.signal)),
        store: (account) => this.#persistence.over(store(account)),
        platform: platform === undefined ? platformTabs(visibility) : { ...platform, visibility },
      }, openHost, true);
      this.#say({ kind: "opened", id: hub.id, alive: hub.alive });
      hub.onFrame((frame) => { this.#say({ kind: "frame", frame }); });
      hub.onEpoch(() => { this.#say({ kind: "epoch" }); });
      hub.onEnd((error) => { this.#say({ kind: "ended", error: toWire(error) }); });
      this.#port.onmessage = ({ data }: MessageEvent<PageMessage>) => { this.#take(hub, data); };
    } catch (error) {
      this.#say({ kind: "failed", error: toWire(error) });
    }
  }

  #take(hub: Hub, message: PageMessage): void {
    switch (message.kind) {
      case "frame": hub.send(message.frame); return;
      case "waiting": hub.waiting(message.is); return;
      case "visible":
        this.#visible = message.is;
        this.#seen.emit(undefined);
        return;
      case "password": this.#questions.get(message.id)?.(message.password); return;
      case "persistence": this.#persistence.heard(message.answer); return;
      case "close": void hub.close().then(() => { this.#say({ kind: "closed" }); });
    }
  }

  /** The password of the page: its function is asked there. */
  #ask(signal: AbortSignal): Promise<string> {
    const id = ++this.#lastQuestion;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#questions.delete(id);
        signal.removeEventListener("abort", unask);
      };
      const unask = (): void => {
        end();
        this.#say({ kind: "unask", id });
        reject(new UsageError("ERR_ABORTED", "the password is not needed any more"));
      };
      this.#questions.set(id, (password) => {
        end();
        if (password === undefined) reject(new UsageError("ERR_INVALID_ARGUMENT", "the page's password function failed"));
        else resolve(password);
      });
      signal.addEventListener("abort", unask);
      this.#say({ kind: "ask", id });
    });
  }

  #say(message: WorkerMessage): void {
    this.#port.postMessage(message);
  }
}
