/**
 * The page's side of worker mode: a client whose crypto, stream and storage run in a worker.
 * Not here: the first call (worker-start.ts), freezes (worker-page.ts), the worker's side (serve-worker.ts), the client that an application holds (facade.ts).
 * @module
 */
import { UsageError } from "../base/errors.js";
import { Emitter, type Unsubscribe } from "../base/events.js";
import type { AnySottoError } from "../client/errors.js";
import { checkLogin, type PasswordSource } from "../client/login-options.js";
import type { Client } from "../client/surface.js";
import { Persistence } from "../storage/persistence.js";
import { beginClient } from "./begin.js";
import { checkName } from "./channels.js";
import type { FacadeFrame, HostFrame } from "./frames.js";
import { LastEvent } from "./last-event.js";
import type { LeaderLink } from "./link.js";
import { whenFree } from "./tab-locks.js";
import { fromWire } from "./wire.js";
import type { PageMessage, PageWorker, TravellingOptions, WorkerCall, WorkerMessage } from "./worker-messages.js";
import { type PagePlatform, platformPage, tellFreezes } from "./worker-page.js";
import { startWorker, workerLost, type WorkerOpened } from "./worker-start.js";

/** Options of {@link createWorkerClient}. What cannot be handed over, such as the store, is given to {@link serveWorker} in the worker. */
export interface WorkerClientOptions extends TravellingOptions {
  /** The application's worker, whose script calls {@link serveWorker}. It stays the application's: closing the client does not end it. */
  readonly worker: PageWorker;
  /** A function is asked here, not in the worker. */
  readonly password: PasswordSource;
  /** See {@link SharedClientOptions.name}. */
  readonly name?: string | undefined;
  /** Ask the browser once not to delete the store by itself, when this worker opens it; some ask the user. The worker cannot. Default true. */
  readonly persist?: boolean | undefined;
  /** Ends the wait for a client; without effect afterwards. */
  readonly signal?: AbortSignal | undefined;
  /** The page's platform, for tests. @internal */
  readonly platform?: PagePlatform;
}

/**
 * A client that does its work in a worker, and shares the account with the workers of other tabs.
 * @throws UsageError for a wrong option, `ERR_ABORTED`; ClientError `ERR_WORKER_LOST` if the worker does not start or gives no answer within half a
 *   minute, `ERR_NOT_SUPPORTED`; as {@link createSharedClient}
 */
export async function createWorkerClient(options: WorkerClientOptions): Promise<Client> {
  checkWorkerOptions(options);
  const link = await WorkerLink.open(options, options.platform ?? platformPage());
  return beginClient(link, options.signal);
}

function checkWorkerOptions(options: WorkerClientOptions): void {
  // Applications in JavaScript hand in anything.
  const given = options as Partial<WorkerClientOptions> | null | undefined;
  if (typeof given !== "object" || given === null) throw new UsageError("ERR_INVALID_ARGUMENT", "createWorkerClient needs options");
  if (typeof given.worker?.postMessage !== "function") throw new UsageError("ERR_INVALID_ARGUMENT", "worker must be a Worker");
  checkName(options.name);
  checkLogin(options); // here, where the call is, and not in the worker
}

/** A link whose other end is the hub in the worker. */
class WorkerLink implements LeaderLink {
  readonly id: string;
  readonly #port: MessagePort;
  readonly #frames = new Emitter<HostFrame>();
  readonly #epochs = new LastEvent<number>();
  readonly #ends = new LastEvent<AnySottoError>();
  readonly #stop: readonly Unsubscribe[];
  readonly #password: PasswordSource;
  readonly #persist: boolean;
  readonly #persistence: Persistence;
  readonly #asked = new Map<number, AbortController>();
  #closed: Promise<void> | undefined;
  #whenClosed: () => void = () => undefined;

  private constructor(
    { port, opened: { id, alive } }: { readonly port: MessagePort; readonly opened: WorkerOpened }, { password, persist }: WorkerClientOptions,
    { locks, visibility, authority }: PagePlatform, stopTelling: Unsubscribe,
  ) {
    this.id = id;
    this.#port = port;
    this.#password = password;
    this.#persist = persist ?? true;
    this.#persistence = new Persistence(authority, () => { this.#tellPersistence(); });
    port.onmessage = ({ data }: MessageEvent<WorkerMessage>) => { this.#take(data); };
    this.#stop = [
      stopTelling,
      visibility.onChange(() => { this.#say({ kind: "visible", is: visibility.isVisible() }); }),
      whenFree(locks, alive, () => { this.#lost(); }), // the only way to hear that a worker was ended
    ];
    this.#say({ kind: "visible", is: visibility.isVisible() }); // it may have changed since the call
  }

  /** Calls the worker. @throws ClientError `ERR_WORKER_LOST`, UsageError `ERR_ABORTED`, what opening the hub throws */
  static async open(options: WorkerClientOptions, platform: PagePlatform): Promise<WorkerLink> {
    const { worker, password, name, signal } = options;
    const call: WorkerCall = {
      sotto: "open", options: travelling(options), name, password: typeof password === "string" ? password : undefined, visible: platform.visibility.isVisible(),
    };
    const stopTelling = tellFreezes(worker, platform); // from the call on: the worker may lead, and have its store open, before it answers
    try {
      return new WorkerLink(await startWorker({ worker, call, clock: platform.clock, signal }), options, platform, stopTelling);
    } catch (error) {
      stopTelling();
      throw error;
    }
  }

  send(frame: FacadeFrame): void {
    this.#say({ kind: "frame", frame });
  }

  onFrame(listener: (frame: HostFrame) => void): Unsubscribe {
    return this.#frames.subscribe(listener);
  }

  onEpoch(listener: (epoch: number) => void): Unsubscribe {
    return this.#epochs.subscribe(listener);
  }

  onEnd(listener: (error: AnySottoError) => void): Unsubscribe {
    return this.#ends.subscribe(listener);
  }

  waiting(is: boolean): void {
    this.#say({ kind: "waiting", is });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#ends.last === undefined) {
      await new Promise<void>((resolve) => {
        this.#whenClosed = resolve;
        this.#port.postMessage({ kind: "close" } satisfies PageMessage);
      });
    }
    for (const stop of this.#stop) stop();
    for (const asked of this.#asked.values()) asked.abort();
    this.#port.close();
  }

  #take(message: WorkerMessage): void {
    switch (message.kind) {
      case "frame": this.#frames.emit(message.frame); return;
      case "epoch": this.#epochs.emit((this.#epochs.last ?? 0) + 1); return;
      case "ended":
        this.#say({ kind: "close" });
        this.#ends.emit(fromWire(message.error));
        return;
      case "ask": void this.#answer(message.id); return;
      case "unask": this.#asked.get(message.id)?.abort(); return;
      case "persist": void this.#persistence.settle(this.#persist).then(() => { this.#tellPersistence(); }); return;
      case "closed": this.#whenClosed(); return;
      case "opened": case "failed": return; // before this link was made
    }
  }

  async #answer(id: number): Promise<void> {
    const asked = new AbortController();
    this.#asked.set(id, asked);
    try {
      const password = typeof this.#password === "string" ? this.#password : await this.#password({ signal: asked.signal });
      this.#say({ kind: "password", id, password });
    } catch {
      this.#say({ kind: "password", id }); // its text is the application's: it stays here
    } finally {
      this.#asked.delete(id);
    }
  }

  #tellPersistence(): void {
    this.#say({ kind: "persistence", answer: this.#persistence.answer });
  }

  #lost(): void {
    this.#whenClosed();
    if (this.#closed === undefined) this.#ends.emit(workerLost());
  }

  #say(message: PageMessage): void {
    if (this.#closed === undefined) this.#port.postMessage(message);
  }
}

/** What of them goes along: an application may hand in more, and not everything can be cloned. */
function travelling(options: WorkerClientOptions): TravellingOptions {
  const names = ["account", "service", "resource", "mechanismFloor", "resumeSeconds", "onRollback", "autoConnect", "unsafeAllowInsecureLoopback"] as const;
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]])) as unknown as TravellingOptions;
}
