/** A page and its worker in the tabs of a {@link TabWorld}, joined by the messages of the platform. @module */
import type { BareJid } from "../../src/base/jid.js";
import { memoryStore } from "../../src/storage/memory.js";
import type { StorageAuthority } from "../../src/storage/persistence.js";
import type { Store } from "../../src/session/ports.js";
import { serveWorker } from "../../src/tabs/serve-worker.js";
import type { WorkerClientOptions } from "../../src/tabs/worker-client.js";
import type { PageWorker } from "../../src/tabs/worker-messages.js";
import type { PagePlatform } from "../../src/tabs/worker-page.js";
import type { Tab, TabWorld } from "./tab-world.js";

type Called = (event: { readonly data: unknown; readonly ports: readonly MessagePort[] }) => void;

/** A worker whose script a test plays. */
export class StagedWorker implements PageWorker {
  readonly #errors = new Set<() => void>();
  readonly #called: Called[] = [];
  /** Everything in order: what came, and what happened in the page meanwhile. */
  readonly notes: string[] = [];
  /** What came before anybody listened. */
  readonly missed: Parameters<Called>[0][] = [];
  readonly scope: EventTarget = new EventTarget();

  constructor() {
    for (const kind of ["freeze", "resume"]) this.scope.addEventListener(kind, () => { this.notes.push(`worker: ${kind}`); });
  }

  postMessage(data: unknown, transfer: Transferable[]): void {
    const event = { data, ports: transfer as MessagePort[] };
    if (this.#called.length === 0) this.missed.push(event);
    for (const called of this.#called) called(event);
  }

  addEventListener(_type: "error", listener: () => void): void {
    this.#errors.add(listener);
  }

  removeEventListener(_type: "error", listener: () => void): void {
    this.#errors.delete(listener);
  }

  /** The script begins, and calls serveWorker. What it has missed comes with `late`. */
  serve(tab: Tab, store: (account: BareJid) => Store = () => memoryStore(), late: boolean = false): void {
    serveWorker({
      store, platform: tab.platform,
      scope: {
        addEventListener: (_type, listener) => { this.#called.push(listener); },
        dispatchEvent: (event) => this.scope.dispatchEvent(event),
      },
    });
    if (late) for (const event of this.missed.splice(0)) for (const called of this.#called) called(event);
  }

  fail(): void {
    for (const listener of this.#errors) listener();
  }

  /** Who waits for a failure. */
  get listeners(): number {
    return this.#errors.size;
  }
}

/** What a page hands to createWorkerClient. */
export function pageOptions(world: TabWorld, worker: StagedWorker, options: { readonly visible?: boolean; readonly authority?: StorageAuthority } = {}): WorkerClientOptions & {
  readonly platform: PagePlatform & { readonly lifecycle: EventTarget };
} {
  const { platform } = world.open({ visible: options.visible ?? true });
  return {
    account: "romeo@verona.example", password: "secret", service: "wss://verona.example/ws", autoConnect: false, worker,
    platform: { ...platform, lifecycle: new EventTarget(), authority: options.authority, hold: (ms) => { worker.notes.push(`page: holds ${ms.toString()}`); } },
  };
}
